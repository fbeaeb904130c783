# `make book` and `make test` need git, python3 (3.11 or newer) and make, nothing else.
# Everything is installed in .venv, once, and again when a requirement changes.

VENV ?= .venv
JOBS ?= 2
PROFILE ?= paper
PYTHONS := python3.11 python3.12 python3.13 python3.14 python3 python
INSTALLED := $(VENV)/installed
WEIGHTS := _build/weights-tried
export PYTHONPATH := $(CURDIR)
export MER_ROOT := $(CURDIR)

.PHONY: help book test clean

help:
	@echo "make book    run all notebooks, build the book, print the path of its first page"
	@echo "make test    run all tests"
	@echo "make clean   remove _build (not .cache with the trained models, not .venv)"
	@echo "The first of book and test installs about 6 GB into .venv: three minutes or more."

book: $(INSTALLED) $(WEIGHTS)
	@$(VENV)/bin/mer book --profile $(PROFILE)

test: $(INSTALLED)
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n $(JOBS)

clean:
	rm -rf _build

# Once: notebook 01 uses the weights of musicnn (29 MB) if they can be had, else the log-mel.
$(WEIGHTS): | $(INSTALLED)
	@$(VENV)/bin/mer fetch musicnn >/dev/null 2>&1 || \
	  echo "The weights of musicnn could not be fetched, so notebook 01 may have to do without. Try again: mer fetch musicnn"
	@mkdir -p $(@D) && touch $@

$(INSTALLED): pyproject.toml constraints.txt
	@set -e; \
	for python in $(PYTHONS) none; do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then break; fi; \
	done; \
	if [ $$python = none ]; then \
	  echo "Python 3.11 or newer is needed; found: $$(python3 --version 2>&1). Install one and type make again." >&2; \
	  exit 1; \
	fi; \
	echo "Installing into $(VENV) with $$($$python --version); this takes some minutes ..."; \
	$$python -m venv $(VENV); \
	$(VENV)/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[test]'; \
	touch $@
