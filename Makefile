# Every target makes what it needs in .venv first.
PY := .venv/bin/python
READY := .venv/.ready
PYTEST := $(PY) -m pytest -n 2 --dist loadfile

.PHONY: test test-all test-lowest check format docs run

test: $(READY)  ## the suite, with the coverage that it must reach
	$(PYTEST) --cov=safews --cov-fail-under=100

test-all: $(READY)  ## the suite on every Python that is found
	$(PY) -m nox -f .ci/noxfile.py

test-lowest: $(READY)  ## the suite with the oldest of each dependency
	$(PY) -m nox -f .ci/noxfile.py -s lowest

check: $(READY)  ## lint, format, types, and whether the generated pages are up to date
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy
	$(PY) tests/lint_lifecycle.py
	$(PY) docs/build.py --check

format: $(READY)  ## put the code into the format that check wants
	$(PY) -m ruff check --fix
	$(PY) -m ruff format

docs: $(READY)  ## write the generated pages anew
	$(PY) docs/build.py

run: $(READY)  ## a server to try, whose address it prints
	$(PY) -m safews.demo

# The start-up hook is copied on installation, so a change to it needs another one.
$(READY): pyproject.toml $(wildcard safews/_startup/*)
	python3 -m venv .venv
	$(PY) -m pip install --quiet --upgrade 'pip>=25.1'
	$(PY) -m pip install --quiet --editable '.[gunicorn,metrics,uvloop]' --group dev
	touch $@
