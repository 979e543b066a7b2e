.DEFAULT_GOAL := help
.PHONY: help demo up down consortium devnet test test-deep lint format unit contracts forge ape integration acceptance bench bench-consortium bench-ingest bench-stores fhir-score bench-quality soak fuzz gas artifacts snapshots audit symbolic contracts-deep mutants clean
MAKEFLAGS += --no-print-directory
SHELL := /bin/bash
ROOT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
export PATH := $(ROOT)/.tools/node:$(ROOT)/node_modules/.bin:$(PATH)
# Foundry's own programs come first: npm's `forge` is a script that ends with 0 whatever forge says.
export PATH := $(subst : ,:,$(addsuffix :,$(wildcard $(ROOT)/node_modules/@foundry-rs/*-*-*/bin)))$(PATH)
PYTHON := .venv/bin/python

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\): .*## \(.*\)/  make \1\t\2/p; s/^\([a-z-]*\):  ## \(.*\)/  make \1\t\2/p' Makefile | sort -u | expand -t 20

demo: .runtime  ## the whole story on this machine: chain, custodians, oracle, patient, doctor, auditor
	@$(PYTHON) -m cli demo

up: .runtime  ## start a development network and leave it running
	@$(PYTHON) -m cli up

devnet: .runtime  ## for contract developers: a chain with contracts and named institutions, until Ctrl-C
	@$(PYTHON) -m devnet

consortium: .consortium  ## four validators of four institutions and everything on them, left running (salus consortium status)
	@$(PYTHON) -m cli consortium up

down: .runtime  ## stop what `make up` started
	@$(PYTHON) -m cli down

test: .test  ## everything CI runs: lint, unit, contracts, integration, acceptance
	@$(PYTHON) tools/check.py lint unit contracts integration acceptance

test-deep: .test .audit  ## the same with more fuzzing and with the tests that take minutes
	@$(PYTHON) tools/check.py --deep lint audit symbolic unit contracts integration acceptance

lint: .test  ## format, lint, types, import rules, artifact drift
	@$(PYTHON) tools/check.py lint

format: .test  ## rewrite Python and Solidity in the house format
	@.venv/bin/ruff format && .venv/bin/ruff check --fix && forge fmt

unit: .test  ## unit tests
	@$(PYTHON) tools/check.py unit

contracts: .test  ## contract tests: Brownie, Ape, forge
	@$(PYTHON) tools/check.py contracts

forge: .test  ## contract tests in Solidity only
	@$(PYTHON) tools/check.py forge

ape: .test  ## the Ape smoke tests only
	@$(PYTHON) tools/check.py ape

integration: .test  ## tests against a real chain, database and processes
	@$(PYTHON) tools/check.py integration

acceptance: .test  ## the promises a user sees
	@$(PYTHON) tools/check.py acceptance

fuzz: .fuzz  ## hostile input led by coverage, five minutes for each way in (python -m bench.fuzz --help)
	@.venv-fuzz/bin/python -m bench.fuzz

gas: .test  ## measure gas beside EAS and ERC-1056, write docs/gas.md
	@$(PYTHON) -m bench.gas --write

bench: .test  ## measure the promised figures
	@$(PYTHON) -m bench

bench-ingest: .test  ## durable ACK beside python-hl7 and HAPI HL7v2
	@$(PYTHON) -m bench ingest

fhir-score: .test  ## the mapping to FHIR against expected bundles: precision and recall by resource type
	@$(PYTHON) -m bench.fhir_score

bench-consortium: .test  ## four validators: blocks, requests a second, latency, growth of the chain
	@$(PYTHON) -m bench consortium

bench-stores: .test  ## content on a folder and on Kubo, the journal on PostgreSQL
	@$(PYTHON) -m bench stores journal_postgres

bench-quality: .test  ## a hospital's month with known truth: completeness, duplicates, ownership, gaps
	@$(PYTHON) -m bench.quality

soak: .test  ## a million messages, resends, malformed ones, 30 kills: all there once (an hour; python -m bench.soak --help)
	@$(PYTHON) -m bench.soak

artifacts: .test  ## recompile contracts/ into salus/artifacts/
	@$(PYTHON) tools/artifacts.py

snapshots: .test  ## artifacts, then ABI, storage, gas and access matrix of the contracts
	@$(PYTHON) tools/artifacts.py && $(PYTHON) -m tools.snapshots

audit: .audit  ## static analysis of the contracts with slither
	@.venv-audit/bin/python tools/audit.py

symbolic: .audit  ## laws of the policy for all inputs, with halmos
	@.venv-audit/bin/python tools/symbolic.py

contracts-deep: .test .audit  ## contracts: 10,000 fuzz runs, 256 × 256 invariant calls, slither, halmos, all differences
	@$(PYTHON) tools/check.py --deep audit symbolic forge differential

mutants: .test  ## break the contracts in small ways and see whether a test notices (hours; --sample N: python -m tools.mutate)
	@$(PYTHON) -m tools.mutate

clean:  ## remove what builds and tests leave behind; environments stay
	rm -rf build interfaces out reports .cache .ape .build .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -not -path './.venv*' -not -path './.tools/*' -not -path './node_modules/*' -prune -exec rm -rf {} +

.PHONY: .runtime .consortium .test .audit .fuzz
.runtime:
	@tools/install.sh runtime
.consortium:
	@tools/install.sh consortium
.test:
	@tools/install.sh test
.audit:
	@tools/install.sh audit
.fuzz:
	@tools/install.sh fuzz
