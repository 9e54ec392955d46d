# make demo    the main job on real values          make demo DEMO="--once --json"
# make test    every test, with a real broker and ClickHouse
# make check   style, types and imports
# make faults  kill, stop and cut off the stages: make faults SEEDS=20 FIRST=1
# make lock    renew both locks after a change of pyproject.toml
# make bench   this project beside other engines    make bench BENCH="--small"
# make bench-drift  drift detectors, false alarms alike    make bench-drift DRIFT="--small"
# make latency from an outcome to its pair and row   make latency LATENCY="--seconds 20"
# make scale   a million open predictions            make scale SCALE="--open 100000"
# make soak    an hour of load, within bounds        make soak SOAK="--minutes 5"
.POSIX:
.SILENT:
.PHONY: demo test check faults lock bench bench-drift latency scale soak install install-dev clean

PYTHON = python3
UV_VERSION = 0.13.9
DEMO =
BENCH =
DRIFT =
LATENCY =
SCALE =
SOAK =
TESTS =
SEEDS = 20
FIRST = 1
BIN = .venv/bin

demo: install
	$(BIN)/recalibra demo $(DEMO)

test: install-dev
	$(BIN)/python -m pytest $(TESTS)

check: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

faults: install-dev
	$(BIN)/python tests/faults/run.py --seeds $(SEEDS) --first $(FIRST)

install: .venv/installed
install-dev: .venv/installed-dev

.venv/installed: requirements.lock pyproject.toml
	PYTHON='$(PYTHON)' UV_VERSION=$(UV_VERSION) sh .ci/install requirements.lock
	touch $@

.venv/installed-dev: requirements-dev.lock pyproject.toml
	PYTHON='$(PYTHON)' UV_VERSION=$(UV_VERSION) sh .ci/install requirements-dev.lock
	touch $@ .venv/installed

lock:
	PYTHON='$(PYTHON)' UV_VERSION=$(UV_VERSION) sh .ci/lock

# Without the network the engines that are there are measured all the same.
bench: install
	$(MAKE) -s .tools/peers/installed || true
	$(BIN)/python -m benchmarks $(BENCH)

bench-drift: install
	$(MAKE) -s .tools/drift-peers/installed || true
	$(BIN)/python -m benchmarks.drift $(DRIFT)

latency: install
	$(BIN)/python -m benchmarks.latency $(LATENCY)

scale: install
	$(BIN)/python -m benchmarks.scale $(SCALE)

soak: install
	$(BIN)/python -m benchmarks.soak $(SOAK)

.tools/peers/installed: benchmarks/requirements-peers.lock
	PYTHON='$(PYTHON)' UV_VERSION=$(UV_VERSION) sh .ci/peers install
	touch $@

.tools/drift-peers/installed: benchmarks/drift/requirements-peers.lock
	PYTHON='$(PYTHON)' UV_VERSION=$(UV_VERSION) sh .ci/peers install drift
	touch $@

clean:
	rm -rf .venv .tools .recalibra
