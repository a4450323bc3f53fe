"""The offline assistant: sentences to intents, intents to actions, actions to answers.

May import ``voice.tools`` and the ground floor.
"""
