# Two commands do everything: `make demo` and `make test`.  Both make the environment in .venv first.
PYTHON ?= python3
BIN := .venv/bin
# Triton 3.9 warns where this is not said.
export TRITON_DEFAULT_FP_FUSION ?= 1

.PHONY: demo test test-all test-ahead fuzz lint clean

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

demo: .venv/installed
	@echo "== check: parse, type-check and lint"
	$(BIN)/patternc check examples/pi_attention.pat
	@echo "== compile: one readable file of kernels"
	$(BIN)/patternc compile examples/pi_attention.pat -o build
	@echo "== prove: how far information travels"
	$(BIN)/patternc prove examples/pi_attention.pat
	@echo "== test: the kernels against dense attention"
	$(BIN)/patternc test examples/pi_attention.pat --examples 5
	@echo "demo: all of it works; the kernels are in build/pi_attention.py"

test: .venv/installed
	$(BIN)/python -m pytest -q -rs -n 2 --dist worksteal -m "not slow and not hours and not gpu"

test-all: .venv/installed
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not hours and not gpu" --timeout 3600

test-ahead: .venv/installed
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m hours --timeout 36000 tests/runtime/test_ahead.py

fuzz: .venv/installed
	$(BIN)/python -m tests.fuzz.campaign

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

clean:
	rm -rf .venv build .pytest_cache .ruff_cache .hypothesis
