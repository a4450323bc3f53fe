"""A board's REPL on MicroPython's unix port, which has no raw mode of its own: what mpremote and its like talk to.

Runs boot.py and main.py of the folder it is in, then serves the friendly and the raw REPL on standard input and
output. Its first argument is a file: it writes a byte there when Ctrl-C is no longer its end. The second one is "raw"
after a soft reset in raw mode: then main.py is not run. Ends with status 10 for a soft reset in the friendly mode, 11
in raw mode; whoever started it starts it again.
"""

import os
import sys

SOFT = 10
SOFT_RAW = 11
WINDOW = 1024

_in = sys.stdin.buffer
_out = sys.stdout


def _print(text):
    _out.write(text)


def run_file(name, scope):
    try:
        with open(name) as file:
            code = file.read()
    except OSError:
        return
    try:
        exec(compile(code, name, "exec"), scope)
    except KeyboardInterrupt:
        _print("Traceback (most recent call last):\nKeyboardInterrupt: \n")
    except SystemExit:
        raise
    except Exception as exc:
        sys.print_exception(exc, _out)


def read():
    while True:
        try:
            return _in.read(1)
        except KeyboardInterrupt:
            return b"\x03"


def raw(scope):
    """Serve the raw REPL until Ctrl-B."""
    _print("raw REPL; CTRL-B to exit\n>")
    code = b""
    while True:
        byte = read()
        if byte == b"\x01":
            code = b""
            _print("raw REPL; CTRL-B to exit\n>")
        elif byte == b"\x02":
            return
        elif byte == b"\x03":
            code = b""
        elif byte == b"\x05" and not code:
            _in.read(2)
            execute(paste(), scope)
            _print("\x04>")
        elif byte == b"\x04":
            if not code.strip():
                _print("OK\nMPY: soft reboot\n")
                sys.exit(SOFT_RAW)
            _print("OK")
            execute(code, scope)
            code = b""
            _print("\x04>")
        else:
            code += byte


def paste():
    """Take code in raw paste mode: a window of 1024 bytes, opened again each time it is used up."""
    _print("R\x01\x00\x04\x01")
    code = bytearray()
    window = 2 * WINDOW
    while True:
        byte = read()
        if byte == b"\x04":
            _print("\x04")
            return bytes(code)
        code.extend(byte)
        window -= 1
        if window == WINDOW:
            window += WINDOW
            _print("\x01")


def execute(code, scope):
    try:
        exec(compile(code.decode(), "<stdin>", "exec"), scope)
        _print("\x04")
    except (Exception, KeyboardInterrupt) as exc:
        _print("\x04")
        sys.print_exception(exc, _out)


def friendly(scope):
    """Serve as much of the friendly REPL as a monitor shows: a prompt, one line at a time."""
    _print("MicroPython (stand-in)\n>>> ")
    line = b""
    while True:
        byte = read()
        if byte == b"\x01":
            raw(scope)
            _print("\nMicroPython (stand-in)\n>>> ")
        elif byte == b"\x03":
            line = b""
            _print("\n>>> ")
        elif byte == b"\x04":
            _print("\nMPY: soft reboot\n")
            sys.exit(SOFT)
        elif byte in b"\r\n":
            _print("\n")
            if line.strip():
                try:
                    try:
                        value = eval(line, scope)
                        if value is not None:
                            print(repr(value))
                    except SyntaxError:
                        exec(line, scope)
                except Exception as exc:
                    sys.print_exception(exc, _out)
            line = b""
            _print(">>> ")
        else:
            line += byte
            _print(byte.decode())


scope = {"__name__": "__main__"}
after_raw_reset = "raw" in sys.argv[2:]
sys.path.append(os.getcwd())
try:
    with open(sys.argv[1], "wb") as ready:
        ready.write(b"1")
    run_file("boot.py", scope)
    if after_raw_reset:
        raw(scope)
    else:
        run_file("main.py", scope)
except KeyboardInterrupt:
    pass
while True:
    try:
        friendly(scope)
    except KeyboardInterrupt:
        pass
