# make demo   sets everything up and shows the main job on this machine, without hardware
# make try    sets everything up and opens the page of a host with a simulated board that talks
# make test   sets everything up and runs every check and test
# make coverage   the tests, and which lines none of them reaches; noting every line makes them more than twice as slow

.PHONY: demo try test lint collected unit coverage rv32 browser programs docs clean

demo:
	@tools/setup.sh espeak
	@.venv/bin/posewire demo

try:
	@tools/setup.sh espeak
	@.venv/bin/posewire serve --try

test: rv32 browser programs typings
	@$(MAKE) --no-print-directory --jobs=2 lint collected
	tools/run_tests.sh

# Beside the checks, which take one processor: the tests' code compiled once. Otherwise each of their processes compiles
# all of it. What cannot be collected the tests themselves tell.
collected: .venv/bin/python
	@unset PYTHONDONTWRITEBYTECODE; .venv/bin/pytest --collect-only -qq >/dev/null 2>&1 || true

lint: typings
	.venv/bin/ruff check .
	.venv/bin/ruff format --check host tests
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo
	.venv/bin/pyright --project firmware

coverage: .venv/bin/python rv32 browser programs
	.venv/bin/pytest -n 5 --dist loadfile --cov --cov-report=term:skip-covered

# MicroPython for 32-bit RISC-V, on Debian and Ubuntu: what it is built with (by root), and the build, both once.
rv32: .venv/bin/python
	@.venv/bin/python tests/riscv/interpreter.py

# Chromium, and what checks the page's JavaScript, for the tests in tests/browser: once, Chromium by root only.
browser: .venv/bin/python
	@PYTHONPATH=host .venv/bin/python tests/browser/chromium.py

# Speech programs and servers that tests start: from Debian's packages, once, by root only.
programs: .venv/bin/python
	@.venv/bin/python tests/support/programs/debian_packages.py

# The documentation as a site, in build/docs/site; a dead link is an error.
docs: .venv/bin/python
	@.venv/bin/python tools/make_docs.py

# The fast part: no child processes, no MicroPython.
unit: .venv/bin/python
	.venv/bin/pytest tests/unit tests/wire tests/hub tests/rooms tests/server

.PHONY: .venv/bin/python
.venv/bin/python:
	@tools/setup.sh dev,espeak

# The ESP32's own modules, for pyright. Apart from .venv: they would shadow CPython's.
typings: .venv/bin/python
	@test -e typings/.installed || { .venv/bin/python -m pip install --quiet --disable-pip-version-check \
		--no-deps --target typings "micropython-esp32-stubs~=1.26" "micropython-stdlib-stubs~=1.26" && touch typings/.installed; }

clean:
	rm -rf .venv typings build dist demo-out .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
