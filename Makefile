# make run    set up .venv and run the whole workflow at demo scale
# make test   set up .venv and run everything that CI runs
# make clean  remove .venv and caches; results stay

BIN := .venv/bin
INSTALLED := .venv/.installed
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))

# The first Python on the path that is new enough; name another with PYTHON=...
PYTHON ?= $(firstword $(foreach name,python3 python3.12 python3.11,$(shell \
	$(name) -c '$(SUPPORTED)' 2>/dev/null && echo $(name))) python3)

.DEFAULT_GOAL := help
.PHONY: help run test clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

# The lock of a run that was killed is removed; flock makes sure that no run, and no job of one, is still alive.
run: $(INSTALLED)
	@exec 9>.venv/.running; flock --nonblock 9 || { \
		echo "Another 'make run', or a job that it left behind, is still at work here; wait for it or stop it." >&2; \
		exit 1; }; \
	$(BIN)/snakemake --unlock $(ARGS) --quiet all && $(BIN)/snakemake --cores all $(ARGS)
	@echo "Look at results/*/figures/*.png, results/*/reproduction.html and results/*/experiments/*/report.md."

test: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(ARGS)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c '$(SUPPORTED)' 2>/dev/null || { \
		echo "icescope needs Python 3.11 or 3.12, and '$(PYTHON)' is not one; name it: make PYTHON=/path/to/python3.11" >&2; \
		exit 1; }
	@$(PYTHON) -m venv .venv || { \
		echo "'$(PYTHON)' cannot make a virtual environment; install its venv module (python3-venv on Debian)." >&2; \
		exit 1; }
	$(BIN)/python -m pip install --constraint constraints.txt --editable '.[dev]'
	@touch $@

clean:
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis build src/*.egg-info
