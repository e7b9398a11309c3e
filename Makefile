# Everything that is done to this repository. Python 3.11 or newer, git and make are all it assumes.
PYTHON ?= python3
UV ?= uv
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
VENDOR := src/keepstep/web/static/vendor
ASSETS := $(VENDOR)/.built
LOCKS := requirements/main.txt requirements/dev.txt

.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint torture bench pictures docs texts lock

help:
	@echo "make setup    install everything into $(VENV)"
	@echo "make demo     a running Keepstep with a story in it"
	@echo "make check    format, lint, types, architecture, core and house tests (under 3 minutes)"
	@echo "make test     everything, each group of tests against its time budget"
	@echo "make torture  the laws with far more examples"
	@echo "make bench    the measurements in bench/"
	@echo "make pictures the pictures in docs/pictures (needs Chromium)"
	@echo "make docs     write the pages that are generated from the code"
	@echo "make texts    collect the texts of the pages for translators"
	@echo "make lock     pin the requirements anew (needs uv)"

setup: $(STAMP) $(ASSETS)

# The stamp is newer than the locks and the project file, or the environment is brought up to date. Nothing but what
# the locks pin by hash is installed; building the project itself uses the build backend pinned there as well.
$(STAMP): pyproject.toml $(LOCKS)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -c "import sys; sys.exit(0 if sys.version_info >= (3, 11) else 'Keepstep needs Python 3.11 or newer')"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/main.txt -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $(STAMP)

# What the pages take from npm, by the digests in its lock; Node itself was just installed from the package index.
$(ASSETS): assets/package.json assets/package-lock.json assets/build.py assets/fonts.py src/keepstep/web/icons.py $(STAMP)
	$(BIN)/python -m assets.build
	touch $(ASSETS)

demo: setup
	$(BIN)/keepstep demo

# `check` is the fast half of `test`; both run the same commands.
check: lint
	$(BIN)/python -m pytest tests/core tests/house

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy src tests assets $(wildcard bench)
	$(BIN)/lint-imports

test: setup
	$(BIN)/python .ci/groups.py

torture: setup
	KEEPSTEP_HYPOTHESIS=torture $(BIN)/python -m pytest tests/laws

bench: setup
	$(BIN)/python -m bench

pictures: setup $(ASSETS)
	$(BIN)/python -m assets.pictures

docs: setup
	$(BIN)/python -m tests.house.problems_page

TEXTS := --no-wrap --no-location --sort-output --omit-header -k message -k messages:1,2 -k say
texts: setup
	$(BIN)/pybabel -q extract $(TEXTS) -F pyproject.toml -o src/keepstep/web/locale/keepstep.pot src/keepstep/web
	$(BIN)/pybabel -q extract $(TEXTS) -F src/keepstep/web/locale/respondent.cfg -o src/keepstep/web/locale/respondent.pot src/keepstep/web
	for po in src/keepstep/web/locale/*/LC_MESSAGES/respondent.po; do \
		$(BIN)/pybabel -q update --no-wrap --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date -D respondent \
			-i src/keepstep/web/locale/respondent.pot -o $$po -l $$(basename $$(dirname $$(dirname $$po))) && \
		sed -i.old -E '/^"(Report-Msgid-Bugs-To|POT-Creation-Date|PO-Revision-Date|Last-Translator|Language-Team|Generated-By):/d' $$po && rm $$po.old || exit 1; \
	done

# uv is needed here alone. dev.in takes main.txt as its constraint, so both files agree on every version.
LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock"
lock:
	$(LOCK) $(LOCKFLAGS) --output-file requirements/main.txt requirements/main.in
	$(LOCK) $(LOCKFLAGS) --output-file requirements/dev.txt requirements/dev.in
