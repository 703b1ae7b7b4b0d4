# Every command sets up what it needs: Python 3.10 or later, make and a package registry are enough.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/

.PHONY: demo test test-quick check docs bench sabotage setup format clean

demo: $(VENV)/.demo ## run the sample application under opentelemetry-instrument and look at its history
	@$(RUN)prompt-history demo

test: check ## everything: lint, types, docs, tests on this interpreter, the oldest and the newest supported
	@$(RUN)python tests/services/matrix.py

test-quick: $(VENV)/.dev ## the inner loop, at most two minutes
	@$(RUN)pytest -q -x -n auto -m "not slow"

check: $(VENV)/.dev ## format, lint, types
	@$(RUN)ruff format --check .
	@$(RUN)ruff check .
	@$(RUN)mypy

format: $(VENV)/.dev
	@$(RUN)ruff format .
	@$(RUN)ruff check --fix .

docs: $(VENV)/.dev ## regenerate what the docs take from the code and from benchmark results
	@$(RUN)python docs/generate.py

bench: $(VENV)/.bench ## benchmarks, side by side with peers
	@$(RUN)python benchmarks/run.py

sabotage: $(VENV)/.dev ## break each promise on purpose and expect the named test to fail
	@$(RUN)python tests/sabotage.py

clean:
	rm -rf $(VENV)* .demo
