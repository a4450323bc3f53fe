"""The firmware's files as an interpreter can run them: compiled as on a board, or as bytecode.

May import install, boards and what lies below; of the simulator only the interpreter.
"""
