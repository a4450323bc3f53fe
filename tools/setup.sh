#!/bin/sh
# Makes .venv with the project in it. Usage: tools/setup.sh [EXTRAS], for example tools/setup.sh dev,espeak
# Does nothing when .venv is already as pyproject.toml wants it.
set -eu
cd "$(dirname "$0")/.."
extras=${1:-espeak}
stamp=.venv/.installed-$(printf %s "$extras" | tr , -)
if [ -e "$stamp" ] && [ ! pyproject.toml -nt "$stamp" ]; then
    exit 0
fi

find_python() {
    # 3.14 last: the speech recognizer has no ready-made package for it and would be compiled.
    for name in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python3.14; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    for name in ${PYTHON:-} python3 python3.14; do
        if command -v "$name" >/dev/null 2>&1 && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    echo "posewire needs Python 3.11 or newer: install it (Debian, Ubuntu: sudo apt install python3 python3-venv; macOS: brew install python@3.13)" >&2
    exit 1
}

if [ ! -x .venv/bin/python ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    rm -rf .venv
    if ! "$python" -m venv .venv >/dev/null 2>&1; then
        rm -rf .venv
        # Debian and Ubuntu split venv off into a package of its own.
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
            apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null
            "$python" -m venv .venv
        else
            echo "$python cannot make a virtual environment: sudo apt install python3-venv, then try again" >&2
            exit 1
        fi
    fi
fi
echo "installing into .venv (once; takes under a minute)…" >&2
# On a terminal pip shows what it does; in a log only what went wrong matters.
quiet=--quiet
if [ -t 2 ]; then quiet=; fi
.venv/bin/python -m pip install $quiet --disable-pip-version-check --prefer-binary --editable ".[$extras]"
# No ready-made recognizer for newer Pythons: compile it where there is a compiler; without it, voice stays off.
.venv/bin/python -c 'import sys; sys.exit(sys.version_info >= (3, 14))' ||
    .venv/bin/python -m pip install --quiet --disable-pip-version-check "pocketsphinx>=5.0.4,<6" ||
    echo "the speech recognizer could not be built: install a C compiler, or use Python 3.13" >&2
touch "$stamp"
