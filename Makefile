# Two commands do everything: `make bench` and `make test`. `make help` lists the rest.

.DEFAULT_GOAL := help
SHELL := /bin/sh

# Variables handed on as options: VARIABLE=--option. An empty or unset one passes nothing.
REPORT_OPTIONS := RESULTS=--results REPORTS=--reports
DATA_OPTIONS   := DATASET=--dataset DATA_DIR=--data-dir
DOCTOR_OPTIONS := DEVICE=--device PASS_ENV=--pass-env RESULTS=--results
BENCH_OPTIONS  := PRESET=--preset FRAMEWORKS=--frameworks DEVICE=--device BATCH=--batch-size HIDDEN=--hidden WORKERS=--workers EPOCHS=--epochs MODE=--mode PRECISION=--precision \
  SEED=--seed THREADS=--threads BUDGET=--budget REPLICATES=--replicates WITHIN=--within AT_BEST=--at-best SHARE_CORES=--share-cores \
  ROUND=--round TIMEOUT=--timeout PASS_ENV=--pass-env RESUME=--resume \
  TRAIN_SAMPLES=--train-samples EVAL_BATCH=--eval-batch-size $(DATA_OPTIONS) $(REPORT_OPTIONS)

CALIBRATE_OPTIONS := TRIES=--tries TRY=--try PLANTED=--planted REPLICATES=--replicates FRAMEWORKS=--frameworks DEVICE=--device BATCH=--batch-size HIDDEN=--hidden WORKERS=--workers MODE=--mode PRECISION=--precision \
  SEED=--seed THREADS=--threads SHARE_CORES=--share-cores ROUND=--round TIMEOUT=--timeout PASS_ENV=--pass-env TRAIN_SAMPLES=--train-samples \
  $(DATA_OPTIONS) RESULTS=--results

SELFCHECK_OPTIONS := DEVICE=--device STEPS=--steps BUDGET=--budget THREADS=--threads PASS_ENV=--pass-env RESULTS=--results

EXPLAIN_OPTIONS := REPLICATES=--replicates BUDGET=--budget EPOCHS=--epochs DEVICE=--device SEED=--seed THREADS=--threads \
  TIMEOUT=--timeout PASS_ENV=--pass-env TRAIN_SAMPLES=--train-samples $(DATA_OPTIONS) $(REPORT_OPTIONS)

# A value in single quotes for the shell, whatever it holds.
quoted = '$(subst ','\'',$(1))'
# One VARIABLE=--option as the option and its value; `value` keeps a dollar sign a dollar sign.
option = $(if $(value $(1)),$(2) $(call quoted,$(value $(1))))
options = $(foreach pair,$(1),$(call option,$(firstword $(subst =, ,$(pair))),$(lastword $(subst =, ,$(pair)))))

# The device and the frameworks as the harness will settle them: the variable, HARNESS_DEVICE, `device` in
# harness.toml.
from_file = $(shell awk '/^[ \t]*$(1)[ \t]*=/ {on = 1} on {sub(/\#.*/, ""); print} on && /\[/ {list = 1} on && (!list || /]/) {exit}' harness.toml 2>/dev/null)
ASKED := $(or $(DEVICE),$(HARNESS_DEVICE),$(call from_file,device))
COMPARED := $(or $(FRAMEWORKS),$(HARNESS_FRAMEWORKS),$(call from_file,frameworks))
# What a driver leaves behind: on Linux, and under WSL, where Windows has the driver.
DRIVER := /proc/driver/nvidia/version /usr/lib/wsl/lib/libcuda.so.1

VENV := .venv
ifneq ($(PYTHON),)
  # An interpreter that has the packages already: no set-up, no .venv.
  RUN := $(call quoted,$(value PYTHON))
  READY :=
else
  RUN := $(VENV)/bin/python
  READY := $(VENV)/.installed
  # A framework that has to be asked for.
  JAX := $(findstring jax,$(COMPARED))
  READY += $(if $(JAX),$(VENV)/.installed-jax)
  READY += $(foreach engine,$(filter slurm ray,$(LAUNCHER)),$(VENV)/.installed-$(engine))
  # "auto" wants CUDA where there is a driver for it.
  ifneq ($(findstring cuda,$(ASKED))$(findstring GPU-,$(ASKED))$(findstring MIG-,$(ASKED))$(and \
      $(findstring auto,$(ASKED)),$(wildcard $(DRIVER))),)
    READY += $(VENV)/.installed-cuda $(if $(JAX),$(VENV)/.installed-jax-cuda)
  endif
endif

.PHONY: help setup bench sweep calibrate explain report data doctor selfcheck test check lock clean again

help: ## Show this page
	@echo 'make bench    measure the frameworks, write results/ and reports/summary.html'
	@echo 'make test     run every test'
	@echo
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1|\2/p' Makefile | awk -F'|' '{printf "  make %-9s %s\n", $$1, $$2}'
	@echo
	@echo 'Variables, as in: make bench DEVICE=cuda BATCH="32,256" EPOCHS=3'
	@echo '  PRESET         smoke (a minute), default (minutes), thorough (hours)'
	@echo '  FRAMEWORKS     two or more, such as "tensorflow,pytorch,jax"; jax is installed once it is named'
	@echo '  DEVICE         auto, cpu, cuda, cuda:N, GPU-UUID; several make a grid'
	@echo '  BATCH          training batch sizes'
	@echo '  HIDDEN         hidden layers of the network, such as "128", "32,4096", "512x512"'
	@echo '  WORKERS        processes that train one model together, such as "1,2,4"'
	@echo '  EPOCHS         epochs that are learned'
	@echo '  MODE           loop, eager, compiled, idiomatic, article; on a GPU also graph;'
	@echo '                 best: every way of each framework, the fastest against each other'
	@echo '  PRECISION      fp32, bf16, fp64; on a GPU also tf32, fp16'
	@echo '  DATASET        mnist, fashion-mnist, synthetic'
	@echo '  SEED           seed of the first replicate'
	@echo '  THREADS        threads of each framework, or auto'
	@echo '  BUDGET         seconds to measure for'
	@echo '  REPLICATES     at most this many matches of each case'
	@echo '  WITHIN         stop a case when its ratio is known within this, such as 2%'
	@echo '  AT_BEST        no: do not go on to each framework at its best in the time left'
	@echo '  SHARE_CORES    no: leave the contenders of a match on whichever core the system puts them'
	@echo '  ROUND          least seconds of a round'
	@echo '  RESUME         bench: go on with a run that was not finished: its identifier, or latest'
	@echo '  WAIT, FORCE    yes: wait for another measurement on this machine, or measure beside it'
	@echo '  LAUNCHER       sweep: local, slurm or ray; what the last two need is installed once they are named'
	@echo '  LAUNCHER_OPTIONS  its settings, such as "partition=long limit_min=120"; see docs/SCALE.md'
	@echo '  SHARDS         sweep: how many parts the plan has, each for one host at a time'
	@echo '  SWEEP          sweep: folder that all hosts share; a plan that is in it is gone on with'
	@echo '  SILENT         sweep: seconds without a sign of life after which a shard is lost'
	@echo '  TRIES          calibrate: tries of each planted slow-down; sweep: of each shard'
	@echo '  TRY            calibrate: seconds of measuring a case in each try'
	@echo '  LEAVE_OUT      report: off-hosts leaves out the hosts whose control or calibration is off'
	@echo '  CASES          explain: two cases, such as "tensorflow/mnist-cpu-loop-fp32-b64-e5 ..."'
	@echo '  STEPS          selfcheck: only these steps, such as "clocks,memory"'
	@echo '  PLANTED        calibrate: slow-downs, such as "0%,5%"; 0% is none'
	@echo '  TRAIN_SAMPLES  train on the first N samples only'
	@echo '  EVAL_BATCH     batch size of an evaluation pass'
	@echo '  TIMEOUT        seconds a worker may take to answer'
	@echo '  PASS_ENV       variables of the shell that workers get, too, and that are recorded'
	@echo '  DATA_DIR       folder with the four idx files, raw or .gz'
	@echo '  RESULTS        folder of the parquet files'
	@echo '  REPORTS        folder of the page'
	@echo '  PYTHON         an interpreter that has the packages already; no .venv is made'

setup: $(READY) ## Make .venv with the pinned packages; does nothing when it is there
	@:

# What is done about another measurement on this machine: options without a value.
BESIDE = $(if $(filter yes,$(WAIT)),--wait) $(if $(filter yes,$(FORCE)),--force)

bench: $(READY) ## Measure, store and draw
	@$(RUN) -m harness bench $(call options,$(BENCH_OPTIONS)) $(BESIDE)

# A plan that is there is gone on with.
SWEEP := sweep
LAUNCH_OPTIONS := TRIES=--tries SILENT=--silent DATA_DIR=--data-dir $(REPORT_OPTIONS)
PLAN_OPTIONS = $(filter-out WITHIN=% AT_BEST=% RESUME=% $(REPORT_OPTIONS),$(BENCH_OPTIONS))

sweep: $(READY) ## Measure on several hosts, through LAUNCHER, in SHARDS
	@if [ -e $(call quoted,$(SWEEP)/plan) ]; then \
	  echo 'going on with the plan in '$(call quoted,$(SWEEP)/plan)'; SWEEP=another-folder plans anew' >&2; \
	else \
	  $(RUN) -m harness plan $(call options,$(PLAN_OPTIONS)) \
	    --shards $(call quoted,$(or $(value SHARDS),1)) --output $(call quoted,$(SWEEP)/plan); \
	fi
	@$(RUN) -m harness launch $(call quoted,$(SWEEP)/plan) --launcher $(call quoted,$(or $(value LAUNCHER),local)) \
	  --output $(call quoted,$(SWEEP)/out) $(foreach one,$(LAUNCHER_OPTIONS),--option $(call quoted,$(one))) $(call options,$(LAUNCH_OPTIONS))

calibrate: $(READY) ## Find out what this machine can tell apart (an hour)
	@$(RUN) -m harness calibrate $(call options,$(CALIBRATE_OPTIONS)) $(BESIDE)

explain: $(READY) ## Measure why the article's two listings differ (ten minutes)
	@$(RUN) -m harness explain $(call options,$(EXPLAIN_OPTIONS)) $(BESIDE) $(foreach case,$(CASES),$(call quoted,$(case)))

report: $(READY) ## Draw the page of the latest run again
	@$(RUN) -m harness report $(call options,LEAVE_OUT=--leave-out $(REPORT_OPTIONS))

data: $(READY) ## Find or fetch the data set and verify it
	@$(RUN) -m harness data $(call options,$(DATA_OPTIONS))

doctor: $(READY) ## Say what is there, what is missing and what that disables
	@$(RUN) -m harness doctor $(call options,$(DOCTOR_OPTIONS))

selfcheck: $(READY) ## Check the harness itself on this machine (ten minutes)
	@$(RUN) -m harness selfcheck $(call options,$(SELFCHECK_OPTIONS)) $(BESIDE)

# As many at a time as tests/conftest.py says, four at most, each file's by one.
# What pytest makes of the tests' modules is kept for the next time, whatever a shell has Python do elsewhere.
PYTEST = PYTHONDONTWRITEBYTECODE= $(RUN) -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test: $(READY) ## Run every test
	@$(PYTEST)

check: $(READY) ## Lint, types and the fast tests
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy
	@$(PYTEST) -q -m 'not slow'

# uv reads none of pip's settings. The index and the certificates that pip has been told of, by a file or
# a variable, are handed on where uv has been told of none.
told = $$($(VENV)/bin/python -m pip config list 2>/dev/null | sed -n "s/^[a-z:]*\.$(1)='\(.*\)'\$$/\1/p" | head -n 1)
UV := UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$${UV_INDEX_URL:-$(call told,index-url)}}" \
  SSL_CERT_FILE="$${SSL_CERT_FILE:-$(call told,cert)}" $(VENV)/bin/uv
COMPILE := $(UV) pip compile --quiet --universal --generate-hashes --custom-compile-command 'make lock'
# Only what the locks before do not have: the rest is in the environment.
beside = -c requirements.lock $(foreach lock,$(1),-c $(lock)) \
  $$(sed -n 's/^\([a-z0-9][^= ]*\)==.*/--no-emit-package \1/p' requirements.lock $(1))

lock: $(VENV)/.installed ## Pin the newest versions that pyproject.toml allows
	@$(COMPILE) --upgrade --extra dev pyproject.toml -o requirements.lock
	@echo 'tensorflow[and-cuda]' | $(COMPILE) --upgrade $(call beside) - -o requirements-cuda.lock
	@$(COMPILE) --upgrade --extra jax $(call beside) pyproject.toml -o requirements-jax.lock
	@$(COMPILE) --upgrade --extra slurm $(call beside) pyproject.toml -o requirements-slurm.lock
	@$(COMPILE) --upgrade --extra ray $(call beside) -c requirements-jax.lock pyproject.toml -o requirements-ray.lock
	@$(COMPILE) --upgrade --extra jax-cuda $(call beside,requirements-jax.lock) pyproject.toml -o requirements-jax-cuda.lock
	@echo uv | $(COMPILE) --upgrade --no-annotate - -o requirements-setup.lock

clean: ## Remove .venv, caches and built files; results and reports stay
	@rm -rf $(VENV)/.installed* $(VENV) build *.egg-info
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Set-up. A stamp is the marker of unfinished work renamed, so an interrupted set-up has no stamp: the
# next call removes .venv and starts again. A changed lock is installed over what is there.
# The marker holds the number of the make that works, so that a second one does not take it for dead.
UNFINISHED := $(VENV)/.unfinished
MARK := echo $$PPID >$(UNFINISHED)
INSTALL := $(UV) pip install --quiet --python $(VENV) --compile-bytecode --require-hashes
# A user's own folder, or another target, is no place for what belongs into the environment.
PIP := PIP_USER=0 PIP_TARGET= PIP_PREFIX= $(VENV)/bin/python -m pip
HINT := { echo 'packages could not be installed; an index that neither uv nor pip is set to is named by UV_DEFAULT_INDEX' >&2; exit 2; }
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))

$(VENV)/.installed: requirements-setup.lock requirements.lock pyproject.toml $(if $(wildcard $(UNFINISHED)),again)
	@if kill -0 "$$(cat $(UNFINISHED) 2>/dev/null)" 2>/dev/null; then \
	  echo 'another make is setting up $(VENV); wait for it, or start afresh with: make clean' >&2; exit 2; \
	fi
	@if [ -e $(UNFINISHED) ]; then rm -rf $(VENV); fi
	@if [ -e $@ ]; then exit; fi; \
	for python in python3 python3.13 python3.12 python3.11; do \
	  if $$python -c '$(FITS)' 2>/dev/null; then \
	    echo "setting up $(VENV) with $$($$python --version) (once; minutes)"; \
	    mkdir -p $(VENV) && $(MARK) && exec $$python -m venv $(VENV); \
	  fi; \
	done; \
	echo 'no Python 3.11, 3.12 or 3.13 on PATH; install one, or use PYTHON=/path/to/python' >&2; exit 2
	@$(MARK)
	@$(PIP) install --quiet --disable-pip-version-check --require-hashes -r requirements-setup.lock
	@$(INSTALL) -r requirements.lock || $(HINT)
	@$(UV) pip install --quiet --python $(VENV) --offline --no-deps --no-build-isolation --editable .
	@mv $(UNFINISHED) $@

# A folder of their own, found by harness/frameworks/tensorflow/cuda.py: in one place with PyTorch's, the wheels
# of CUDA 12 and 13 overwrite each other's files.
TENSORFLOW_CUDA := $(VENV)/tensorflow-cuda

$(VENV)/.installed-cuda: requirements-cuda.lock $(VENV)/.installed
	@echo "adding TensorFlow's CUDA libraries in $(TENSORFLOW_CUDA) (once)"
	@$(MARK)
	@rm -rf $(TENSORFLOW_CUDA)
	@$(INSTALL) --target $(TENSORFLOW_CUDA) -r requirements-cuda.lock || $(HINT)
	@mv $(UNFINISHED) $@

# Beside what the environment has: of each lock the rest is in those before it.
BESIDE_IT = $(MARK) && { $(INSTALL) --no-deps -r $< || $(HINT); } && mv $(UNFINISHED) $@

$(VENV)/.installed-jax: requirements-jax.lock $(VENV)/.installed
	@echo 'adding JAX (once)'
	@$(BESIDE_IT)

$(VENV)/.installed-slurm: requirements-slurm.lock $(VENV)/.installed
	@echo 'adding submitit (once)'
	@$(BESIDE_IT)

$(VENV)/.installed-ray: requirements-ray.lock $(VENV)/.installed
	@echo 'adding Ray (once)'
	@$(BESIDE_IT)

$(VENV)/.installed-jax-cuda: requirements-jax-cuda.lock $(VENV)/.installed-jax
	@echo "adding JAX's libraries for CUDA (once)"
	@$(BESIDE_IT)
