"""Runs test files on MicroPython: each test_ function of each file, a line a test; the status says whether all passed.

micropython tests/firmware/run_on_micropython.py test_fw_viper.py …
"""

import sys

_HERE = __file__.rsplit("/", 1)[0] if "/" in __file__ else "."
sys.path[:0] = [_HERE] + [_HERE + "/" + name for name in ("programs", "connection", "pose", "opus", "../../firmware")]

from posewire_fw import log

log.set_level(log.ERROR)


def run(names):
    failed = 0
    for name in names:
        module = __import__(name[:-3] if name.endswith(".py") else name)
        for test in sorted(dir(module)):
            if not test.startswith("test_"):
                continue
            try:
                getattr(module, test)()
                print("ok     %s.%s" % (name, test))
            except Exception as exc:
                failed += 1
                print("FAILED %s.%s" % (name, test))
                sys.print_exception(exc)
    return failed


sys.exit(1 if run(sys.argv[1:]) else 0)
