#!/bin/sh
# Runs all tests, five at a time: they wait (for boards, hosts, time-outs) three times as long as they compute.
# Usage: tools/run_tests.sh [PYTEST OPTIONS]; -n 2 for a machine that shall do other things, too.
# Up to three that fail run once more, alone: on a slow, shared machine a test of real processes may starve beside the
# others. What passes then is named at the end and is a fault of the test, to be repaired; more than three, or one that
# fails again, is a failure. CPython's own test runner does the same.
set -u
# The many processes that tests start share compiled modules, whatever the environment says.
unset PYTHONDONTWRITEBYTECODE
cd "$(dirname "$0")/.."
rm -f .pytest_cache/v/cache/lastfailed
.venv/bin/pytest -n 5 --dist loadfile "$@" && exit 0
status=$?
failed=$(.venv/bin/python -c 'import json; print(*json.load(open(".pytest_cache/v/cache/lastfailed")), sep="\n")' 2>/dev/null)
count=$(printf '%s\n' "$failed" | grep -c '::')
if [ "$status" -ne 1 ] || [ "$count" -eq 0 ] || [ "$count" -gt 3 ]; then
    exit "$status"
fi
echo "Once more, alone:"
.venv/bin/pytest --last-failed --last-failed-no-failures none "$@" || exit $?
printf 'Failed among the others, passed alone; to be repaired:\n%s\n' "$failed"
