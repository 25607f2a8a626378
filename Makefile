# Minimint: what you can do here. `make` alone lists it.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Tools are pinned by go.mod files of their own and kept outside the checkout,
# keyed by those files, so that a fresh clone on a used machine builds nothing.
CACHE    ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/minimint
BITCOIN  := $(CACHE)/bitcoin-$(shell cat tools/bitcoin/go.mod tools/bitcoin/go.sum | sha256sum | cut -c1-16)
LIGHTNING := $(CACHE)/lightning-$(shell cat tools/lightning/go.mod tools/lightning/go.sum | sha256sum | cut -c1-16)
DEV      := $(CACHE)/dev-$(shell cat tools/dev/go.mod tools/dev/go.sum | sha256sum | cut -c1-16)
LINT     := $(DEV)/golangci-lint
GO       ?= go
FUZZTIME ?= 10s
POINTS   ?= 25
COMMANDS := minimintd minimint-cli minimint-dev minimint-gateway minimint-sim

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

.PHONY: demo
demo: build bitcoin ## start btcd and four nodes, and tell the whole story (first run builds, then about a minute)
	bin/minimint-dev demo --btcd $(BITCOIN)/btcd

.PHONY: demo-lightning
demo-lightning: build bitcoin lightning ## the same with two lnd and a gateway: users pay and are paid over Lightning (the first run builds lnd: eight minutes)
	bin/minimint-dev demo-lightning --btcd $(BITCOIN)/btcd --lnd $(LIGHTNING)/lnd $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: up
up: build bitcoin ## start btcd and a federation of four on this machine, and leave it running
	bin/minimint-dev up --btcd $(BITCOIN)/btcd

.PHONY: up-lightning
up-lightning: build bitcoin lightning ## the same with two lnd and a gateway
	bin/minimint-dev up --btcd $(BITCOIN)/btcd --lnd $(LIGHTNING)/lnd

.PHONY: down
down: $(if $(wildcard bin/minimint-dev),,build) ## stop what `make up` started, also while the code does not compile
	bin/minimint-dev down

.PHONY: test
test: ## run all tests (needs nothing but Go and a C compiler)
	$(GO) test ./...

.PHONY: test-real
test-real: build bitcoin lightning ## run the tests against a real btcd and real lnd nodes (the first run builds lnd: eight minutes)
	MINIMINT_BTCD=$(BITCOIN)/btcd MINIMINT_LND=$(LIGHTNING)/lnd MINIMINT_PROGRAMS=$(CURDIR)/bin $(GO) test -tags real -count=1 ./actors/chain/... ./cmd/minimint-dev/lightning ./cmd/minimint-dev/story

.PHONY: check
check: $(LINT) ## formatting, linters and the import ladder
	$(LINT) fmt --diff
	$(LINT) run
	$(GO) vet ./...

.PHONY: fmt
fmt: $(LINT) ## format all code
	$(LINT) fmt

.PHONY: sim
sim: ## run simulated federations in trouble: SEEDS=1000 of them, or SEED=42 alone (TRACE=file writes its trace); REAL=1 with real cryptography and clients
	$(GO) test ./sim/swarm -count=1 -timeout 0 -v -run TestSeeds $(if $(SEED),-seed $(SEED) -tracefile "$(TRACE)",-seeds $(or $(SEEDS),100) -first $(or $(FIRST),1)) $(if $(REAL),-real) $(ARGS)

.PHONY: sim-market
sim-market: ## the same with people, gateways and Lightning: SEEDS=100 of them, or SEED=42 alone (TRACE=file writes its trace)
	$(GO) test ./sim/swarm -count=1 -timeout 0 -v -run TestMarketSeeds $(if $(SEED),-seed $(SEED) -tracefile "$(TRACE)",-market $(or $(SEEDS),30) -first $(or $(FIRST),1)) $(if $(REAL),-real) $(ARGS)

.PHONY: fuzz
fuzz: ## run every fuzz target in turn, FUZZTIME each (default 10s), or those that match PKG=
	tools/fuzz.sh $(FUZZTIME) '$(PKG)'

.PHONY: bench
bench: build bitcoin ## measure everything, print a table and write bench.json (ARGS=--quick for the short form); Lightning too if lnd was built
	bin/minimint-dev bench --btcd $(BITCOIN)/btcd $(if $(wildcard $(LIGHTNING)/lnd),--lnd $(LIGHTNING)/lnd) $(ARGS)

.PHONY: bench-lightning
bench-lightning: build bitcoin lightning ## measure payments over Lightning alone (builds lnd once)
	bin/minimint-dev bench --only lightning --btcd $(BITCOIN)/btcd --lnd $(LIGHTNING)/lnd $(ARGS)

.PHONY: torture
torture: build bitcoin ## kill nodes and wallets at POINTS random moments under load, and check that nothing is lost (SEED=n draws the same again)
	bin/minimint-dev torture --btcd $(BITCOIN)/btcd --points $(POINTS) $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: rewrite
rewrite: ## rewrite the expected output of scripted tests; read the diff
	$(GO) test ./actors/hbbft/... -rewrite

.PHONY: gen
gen: ## generate code from .proto files (needs protoc 3.21)
	tools/gen.sh

.PHONY: build
build: ## build the commands into bin/
	$(GO) build -o bin/ $(addprefix ./cmd/,$(COMMANDS))

.PHONY: tools
tools: bitcoin $(LINT) ## build btcd and the linters into the cache

.PHONY: bitcoin
bitcoin: $(BITCOIN)/btcd

$(BITCOIN)/btcd: tools/bitcoin/go.mod tools/bitcoin/go.sum
	@echo "building btcd (once)"
	mkdir -p $(BITCOIN)
	cd tools/bitcoin && $(GO) build -trimpath -ldflags='-s -w' -o $(BITCOIN)/ github.com/btcsuite/btcd

.PHONY: lightning
lightning: $(LIGHTNING)/lnd

# invoicesrpc for hold invoices, routerrpc (always in) for interception; the others are what lnd's own clients expect.
$(LIGHTNING)/lnd: tools/lightning/go.mod tools/lightning/go.sum
	@echo "building lnd (once, six minutes on two idle cores)"
	mkdir -p $(LIGHTNING)
	cd tools/lightning && $(GO) build -trimpath -ldflags='-s -w' -tags 'signrpc walletrpc chainrpc invoicesrpc' -o $(LIGHTNING)/ github.com/lightningnetwork/lnd/cmd/lnd

$(LINT): tools/dev/go.mod tools/dev/go.sum
	@echo "building the linters (once, about six minutes)"
	mkdir -p $(DEV)
	cd tools/dev && $(GO) build -trimpath -ldflags='-s -w' -o $(DEV)/ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

.PHONY: clean
clean: ## remove what was built into this checkout
	rm -rf bin
