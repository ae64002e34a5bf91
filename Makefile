# Nothing clever: each target is a command you could have typed.

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FUZZTIME ?= 30s
IMAGE    ?= drawbridge:$(VERSION)
DOCKER   ?= docker
LINTER   := go tool -modfile=tools/go.mod golangci-lint

# The race detector needs a C compiler; without one the tests still run. In CI
# it is not negotiable, and go test says what is missing.
# Where one goroutine is at work it has nothing to find, and takes ten times as long to do so: in
# access, which starts none and has the longest suite, and in the long tests of others; and it
# is the most of what a command costs, of which scripts and roads start seven hundred.
SERIAL := ^drawbridge/access$$
LONG := TestLargePatchTakesLittleMemory|TestLongAnswersTakeLittleMemory|TestMembershipsGoInBatchesAllTheWay|TestMemoryIsFlat|TestMutations|TestResumedWhereverCut|TestRoads|TestScripts|TestVeryManyNobodies|TestVeryManyWait
OF_LONG := ./cmd/drawbridge ./evidence ./policy ./scheduler ./server/scim
RACE := $(if $(CI)$(filter 1,$(shell go env CGO_ENABLED)),-race)

.DEFAULT_GOAL := help
.PHONY: help build test test-serial test-long test-browser simulate lint fuzz bench cover image

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build the static binary, bin/drawbridge
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/drawbridge ./cmd/drawbridge

test: ## run every test, with the race detector where there is a C compiler
	$(if $(RACE),,@echo 'no C compiler: testing without the race detector')
	@PATH="$$PATH:/usr/sbin" command -v slapd >/dev/null || echo 'no slapd: the LDAP connector is not tried against a real directory'
	@PATH="$$PATH:/usr/sbin" command -v samba >/dev/null || echo 'no samba: the LDAP connector is not tried against a real Active Directory'
	@command -v chromium >/dev/null || echo 'no chromium: the console is not tried in a browser'
	@test -d server/testdata/strangers/node_modules || echo 'no node_modules in server/testdata/strangers: no library of others judges the SCIM endpoint (npm ci --prefix server/testdata/strangers)'
	go test $(RACE) $(if $(RACE),-skip '^($(LONG))$$') -shuffle=on -timeout 20m $$(go list ./... | grep -Ev '$(SERIAL)')
	@$(MAKE) --no-print-directory --output-sync --jobs=2 test-browser test-serial $(if $(RACE),test-long)

# Two at once: each of them is long by one test or two, and leaves a processor idle.
test-serial:
	go test -shuffle=on -timeout 20m $$(go list ./... | grep -E '$(SERIAL)') $(if $(RACE),./cmd/drawbridge/internal/simulation)

test-long:
	go test -run '^($(LONG))$$' -shuffle=on -timeout 20m $(OF_LONG)

test-browser:
	go -C server/console/browser test -timeout 10m ./...

simulate: ## try the bridge against made-up bad days: SEEDS=5000 of them from FIRST, within MINUTES=30, or one SEED=4711 again
	go test -count=1 -timeout 12h -run '^TestSimulation$$' ./cmd/drawbridge/internal/simulation \
		$(if $(SEED),-seed $(SEED),-seeds $(or $(SEEDS),5000) -first $(or $(FIRST),1) -within $(or $(MINUTES),30)m)

lint: ## check formatting, vet and the house rules in .golangci.yml
	@unformatted="$$(gofmt -l .)"; test -z "$$unformatted" || { echo "gofmt -w these:"; echo "$$unformatted"; exit 1; }
	go vet ./...
	$(LINTER) run ./...

fuzz: ## run every fuzz target for FUZZTIME (30s)
	@set -e; for pkg in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "fuzz $$pkg $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg; \
		done; \
	done

bench: ## measure the goals in docs/performance.md, a line each; GOAL=G4 only that one
	go test -run '^$$' -bench '^BenchmarkGoals$$/^($(or $(GOAL),.*))$$' -benchtime 1x -timeout 60m ./cmd/drawbridge/internal/goals

cover: ## run every test and write cover.html
	go test -coverprofile=cover.out -coverpkg=./... ./...
	go tool cover -html=cover.out -o cover.html
	go tool cover -func=cover.out | tail -1

image: ## build the container image with DOCKER (docker)
	$(DOCKER) build --build-arg VERSION=$(VERSION) -t $(IMAGE) .
