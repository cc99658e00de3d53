# Every target makes what it needs in .venv first.
PY := .venv/bin/python
READY := .venv/.ready
BENCH := .venv-bench/bin/python
BENCH_READY := .venv-bench/.ready
FUZZ := .venv-fuzz/bin/python
FUZZ_READY := .venv-fuzz/.ready
DOCS := .venv-docs/bin/python
DOCS_READY := .venv-docs/.ready
PYTEST := $(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder
# The tests of the modules, each of which covers its own, and all others: servers, clients, whole processes.
OF_MODULES := tests/test_*.py
# Those that look at the sources, or count what Python does.
OF_SOURCES := $(addprefix tests/test_,benchmark_guard.py build_docs.py docstrings.py release.py startup.py)
OTHERS := $(filter-out %/__pycache__/,$(wildcard tests/*/))

# Tests start hundreds of processes, each of which would otherwise compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: dash-env test test-all test-compiled test-lowest test-uvicorn ecosystem ecosystem-light conformance conformance-quick bench bench-quick bench-targets bench-instructions floods fuzz search soak mutants node nightly check format docs pages release-check run

test: $(READY)  ## the suite, with the coverage that the tests of the modules must reach by themselves
	$(PYTEST) --cov=safews --cov-fail-under=100 $(OF_MODULES)
	$(PYTEST) $(OTHERS)

test-all: $(READY)  ## the suite on every Python that is found
	$(PY) -m nox -f .ci/noxfile.py

test-lowest: $(READY)  ## the suite with the oldest of each dependency
	$(PY) -m nox -f .ci/noxfile.py -s lowest

test-compiled: $(READY) .compiled/.ready  ## the tests within one process on the compiled build
	$(PYTEST) -o 'pythonpath=.compiled .' $(filter-out $(OF_SOURCES),$(wildcard $(OF_MODULES)))
	$(PYTEST) -o 'pythonpath=.compiled .' tests/contract

test-uvicorn: $(READY)  ## a part of the suite with every uvicorn from the oldest to the newest, and the bounds of the libraries
	$(PY) -m nox -f .ci/noxfile.py -s uvicorn bounds refused

ecosystem: $(READY) node dash-env  ## frameworks, each in its environment; docs/ecosystem.md anew; one with ARGS='--only quart'
	nice $(PY) -m tests.ecosystem $(ARGS)

ecosystem-light: $(READY) node  ## the environments of those that install quickly, without which their tests are skipped
	$(PY) -m tests.ecosystem --environments --only starlette fastapi socketio

conformance: $(READY)  ## the whole of Autobahn|Testsuite, also on uvicorn's own, and docs/conformance.md anew
	nice $(PY) -m tests.conformance

conformance-quick: $(READY)  ## Autobahn|Testsuite but for most of its long cases
	nice $(PY) -m tests.conformance --quick

bench: $(BENCH_READY) .compiled/.ready  ## every server in every scenario, in about three hours; choose with ARGS='--scenario handshake'
	$(BENCH) -m benchmarks $(ARGS)

bench-quick: $(BENCH_READY) .compiled/.ready  ## the hot path beside uvicorn's own, in less than two minutes
	$(BENCH) -m benchmarks --quick $(ARGS)

bench-targets: $(BENCH_READY) .compiled/.ready  ## which of the targets are reached, in about an hour; a part with ARGS='--rounds 1'
	$(BENCH) -m benchmarks --targets $(ARGS)

bench-instructions: $(BENCH_READY) .compiled/.ready  ## instructions for each message, counted by valgrind, in ten minutes
	$(BENCH) -m benchmarks.instructions $(ARGS)

floods: $(READY)  ## the tests with floods, in full size: ten million messages, 100 MiB; five minutes
	HOSTILE_FULL=1 nice $(PY) -m pytest tests/hostile/test_memory.py

fuzz: $(FUZZ_READY)  ## a minute of fuzzing for each target; more with ARGS='--seconds 3600 --keep'
	nice $(FUZZ) -m tests.fuzz $(ARGS)

search: $(READY)  ## the tests with random examples, with 20 times the examples and other ones; more with ARGS='--times 100'
	nice $(PY) -m tests.search $(ARGS)

soak: $(READY)  ## a minute of 500 connections that behave in every way; more with ARGS='--seconds 3600 --codec wsproto'
	nice -n 5 $(PY) -m tests.soak $(ARGS)

mutants: $(FUZZ_READY)  ## changes to the core that no test notices; of one module with ARGS='safews._reader*'
	nice $(FUZZ) -m tests.mutation $(ARGS)
	$(FUZZ) docs/build.py

node: tests/clients/node/node_modules/.package-lock.json  ## the clients for Node.js, without which their tests are skipped

dash-env: .venv-dash/.ready  ## an environment with Dash, without which the tests with it are skipped

check: $(READY)  ## lint, format, types, and whether the generated pages are up to date
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy
	$(PY) tests/lint_lifecycle.py
	$(PY) docs/build.py --check

format: $(READY)  ## put the code into the format that check wants
	$(PY) -m ruff check --fix
	$(PY) -m ruff format

docs: pages $(DOCS_READY)  ## the generated pages anew, and the site in site/, with no warning and no broken link
	$(DOCS) -m sphinx --quiet --fresh-env --write-all --fail-on-warning docs site
	$(DOCS) docs/check_site.py site

pages: $(READY)  ## write the generated pages anew
	$(PY) docs/build.py

nightly:  ## what is too heavy for each change, in a new clone: some hours; parts of it with ARGS='ecosystem fuzz'
	.ci/nightly $(ARGS)

release-check: $(READY)  ## the sdist and the wheel in dist/, and whether all is in them that must be
	$(PY) -m tests.release

run: $(READY)  ## a server to try, whose address it prints
	$(PY) -m safews demo

# The start-up hook is copied on installation, so a change to it needs another one.
$(READY): pyproject.toml $(wildcard safews/_startup/*)
	python3 -m venv .venv
	$(PY) -m pip install --quiet --upgrade 'pip>=25.1'
	$(PY) -m pip install --quiet --editable '.[gunicorn,metrics,uvloop]' --group dev
	touch $@

# The compiled build, unpacked: whoever has this folder first in sys.path imports it. It is made out of the sdist, since
# compiling leaves its products beside the sources.
.compiled/.ready: $(READY) $(wildcard safews/*.py safews/*/*.py)
	rm -rf .compiled
	$(PY) -m hatchling build -t sdist -d .compiled/dist
	HATCH_BUILD_HOOK_ENABLE_MYPYC=1 $(PY) -m pip wheel --quiet --no-deps --wheel-dir .compiled/dist .compiled/dist/*.tar.gz
	$(PY) -m zipfile --extract .compiled/dist/*.whl .compiled
	touch $@

$(BENCH_READY): pyproject.toml
	python3 -m venv .venv-bench
	$(BENCH) -m pip install --quiet --upgrade 'pip>=25.1'
	$(BENCH) -m pip install --quiet --editable '.[uvloop]' --group bench
	touch $@

$(FUZZ_READY): pyproject.toml
	python3 -m venv .venv-fuzz
	$(FUZZ) -m pip install --quiet --upgrade 'pip>=25.1'
	$(FUZZ) -m pip install --quiet --editable '.[gunicorn,metrics,uvloop]' --group fuzz
	touch $@

$(DOCS_READY): pyproject.toml
	python3 -m venv .venv-docs
	$(DOCS) -m pip install --quiet --upgrade 'pip>=25.1'
	$(DOCS) -m pip install --quiet --group docs
	touch $@

# npm writes this file last.
tests/clients/node/node_modules/.package-lock.json: tests/clients/node/package-lock.json
	npm ci --prefix $(<D) --no-audit --no-fund

# Dash's own environment, as what it asks for is nothing that safews's tests should depend on.
.venv-dash/.ready: pyproject.toml
	python3 -m venv .venv-dash
	.venv-dash/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	.venv-dash/bin/python -m pip install --quiet --editable '.[uvloop]' 'dash[fastapi]==4.2.0rc1' httptools
	touch $@
