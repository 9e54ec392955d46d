# make demo    the main job on real values          make demo DEMO="--once --json"
# make test    every test, with a real broker and ClickHouse
# make check   style, types and imports
# make lock    renew both locks after a change of pyproject.toml
.POSIX:
.SILENT:
.PHONY: demo test check lock install install-dev clean

PYTHON = python3
UV_VERSION = 0.13.9
DEMO =
TESTS =
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

clean:
	rm -rf .venv .tools .recalibra
