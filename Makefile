# What there is to do here. "make" alone lists it.

BINARY   := build/telegraf-proc-connector
PREFIX   ?= /usr/local
FUZZTIME ?= 60s

# Where git knows nothing, --version says what Go knows of the source.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)

# The race detector needs a C compiler; "make test RACE=" does without.
RACE ?= -race
# Further flags for go test, such as -v or -run.
TESTFLAGS ?=
# What tests call, as program:Debian package.
TEST_PROGRAMS := bash:bash sleep:coreutils unshare:util-linux mount:mount qemu-system-x86_64:qemu-system-x86 setcap:libcap2-bin \
	qemu-s390x:qemu-user lintian:lintian rpm:rpm shellcheck:shellcheck systemd-analyze:systemd zsh:zsh fish:fish
# What "make bench" calls besides.
BENCH_PROGRAMS := forkstat:forkstat stress-ng:stress-ng auditctl:auditd

# Tools are kept below a folder that names their version. They are built for
# this machine, whatever the program is built for.
TOOLS  := build/tools
HOSTGO := env -u GOOS -u GOARCH GOFLAGS= CGO_ENABLED=0 go

GOLANGCI_LINT_VERSION := v2.15.0
GOLANGCI_LINT         := $(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION)/golangci-lint
NFPM_VERSION          := v2.45.2
NFPM                  := $(TOOLS)/nfpm-$(NFPM_VERSION)/nfpm
TELEGRAF_VERSION      := $(shell awk '$$1 == "github.com/influxdata/telegraf" { print $$2 }' go.mod)
README_LINTER         := $(TOOLS)/telegraf-$(TELEGRAF_VERSION)/readme_linter
MARKDOWNLINT_VERSION  := 0.21.0
MARKDOWNLINT_DIR      := $(TOOLS)/markdownlint-cli2-$(MARKDOWNLINT_VERSION)
MARKDOWNLINT          := $(MARKDOWNLINT_DIR)/node_modules/.bin/markdownlint-cli2

# Without npm Markdown is not checked.
NPM := $(shell command -v npm 2>/dev/null)

# Parts of a target come one after the other, even with -j: two tests must not
# touch the kernel's connector at the same time.
.NOTPARALLEL:

.PHONY: help
help: ## List the targets
	@awk -F ':[^#]*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: build
build: ## Build the program: build/telegraf-proc-connector
	@CGO_ENABLED=0 go build -trimpath -buildvcs=false $(if $(VERSION),-ldflags '-X main.version=$(VERSION)') \
		-o $(BINARY) ./cmd/telegraf-proc-connector
	@echo "Built $(BINARY) $(VERSION)" >&2

# exec, so that make hands a SIGTERM to the program and not to a shell.
.PHONY: run
run: build ## Run it here with its defaults, metrics on stdout, until Ctrl-C
	@exec $(BINARY)

.PHONY: test
test: test-programs test-go test-built test-cover test-system ## Run all tests; the live ones need root

# What is missing is installed where that is possible without asking anybody.
.PHONY: test-programs
test-programs:
	@missing=; lacking=; \
	for p in $(TEST_PROGRAMS); do \
		command -v "$${p%%:*}" >/dev/null || { missing="$$missing $${p#*:}"; lacking="$$lacking $${p%%:*}"; }; \
	done; \
	if [ -n "$(RACE)" ] && ! echo '#include <stdlib.h>' | $$(go env CC) -E - >/dev/null 2>&1; then \
		missing="$$missing gcc libc6-dev"; lacking="$$lacking a C compiler (or RACE= for no race detector)"; \
	fi; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		export DEBIAN_FRONTEND=noninteractive; \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing; \
	else \
		echo "Lacking here:$$lacking" >&2; exit 1; \
	fi

# All tests of the program's own packages, with the race detector where there is
# one. How much the storm of events costs means nothing under it.
.PHONY: test-go
test-go:
	$(if $(RACE),CGO_ENABLED=1) go test $(RACE) -p 2 -count=1 $(TESTFLAGS) -skip '^TestLiveStorm$$' ./...

# Once more as the program is built what the race detector changes: what runs
# outside of Go's runtime, which must link and work without optimisation, too, for
# those who look at it with a debugger; and memory.
MODULE  := github.com/proc-connector/telegraf-proc-connector
CATCHER := plugins/inputs/proc_connector/catcher
DETACHED := plugins/inputs/proc_connector/detached
.PHONY: test-built
test-built: export CGO_ENABLED = 0
test-built:
	go test -count=1 $(TESTFLAGS) ./$(CATCHER) ./$(DETACHED)
	go test -gcflags='$(MODULE)/...=-N -l' -count=1 $(TESTFLAGS) -run '^TestLiveCatch$$' ./$(CATCHER)
	go test -count=1 $(TESTFLAGS) -run '^TestMemoryIsBounded$$' ./plugins/inputs/proc_connector

# The files that keep the balance have no statement that no test takes.
BALANCE := plugins/inputs/proc_connector/cnproc
.PHONY: test-cover
test-cover: export CGO_ENABLED = 0
test-cover:
	@mkdir -p build
	go test -count=1 $(TESTFLAGS) -coverprofile=build/balance.cover ./$(BALANCE)
	@awk -F '[: ]' '$$1 ~ /\/(count|session|check|lease|leasedir)\.go$$/ { n++; if ($$NF == 0) { print $$1 ":" $$2 ": no test takes this"; bad = 1 } } \
		END { if (n == 0) print "No coverage in build/balance.cover"; exit bad || n == 0 }' build/balance.cover

# A million processes, to see what the plugin's memory makes of them; "make test"
# does the same with a fifth.
.PHONY: test-memory
test-memory: export CGO_ENABLED = 0
test-memory: ## See that a million processes leave no memory behind
	PROC_CONNECTOR_TEST_MEMORY=1 go test -count=1 -v -run '^TestMemoryIsBounded$$' ./plugins/inputs/proc_connector

# From the plugin through a pipe into a Telegraf, and from that into a file: a
# storm of execs for 20 s, and then made-up ones at rates beyond what it can take.
.PHONY: bench-execd
bench-execd: export CGO_ENABLED = 0
bench-execd: ## Measure the way into Telegraf: what it takes without dropping, and its price
	cd test && go test -timeout 30m -run '^$$' -bench . -benchtime 1x ./benchexecd

# The guests take all CPUs, and the balance is measured on a machine that has some to
# spare. Of the rest several packages run at a time, but only one test that uses the
# connector: see Lock in test/truecount.
.PHONY: test-system
test-system: export CGO_ENABLED = 0
test-system:
	cd test && go test -timeout 40m -count=1 $(TESTFLAGS) ./vm
	cd test && go test -timeout 40m -count=1 $(TESTFLAGS) ./balance
	cd test && go test -p 3 -timeout 40m -count=1 $(TESTFLAGS) $$(go list ./... | grep -vE '/test/(vm|balance|cross/programs)$$')

# The same on other kernels, which may have to be emulated.
.PHONY: test-vm
test-vm: export CGO_ENABLED = 0
test-vm: test-programs ## Run the system tests on Debian's kernels, in virtual machines
	cd test && go test -timeout 40m -count=1 $(TESTFLAGS) ./vm

# What "make bench" runs: how many rounds, and of which storms, receivers and parts,
# by their names in test/bench. For fewer, such as STORMS=comm,exec-dynamic-4.
ROUNDS    ?= 5
STORMS    ?=
RECEIVERS ?=
PARTS     ?=

.PHONY: bench
bench: export CGO_ENABLED = 0
bench: bench-programs ## Compare it with other receivers, on this machine (as root)
	@mkdir -p build
	cd test && go run ./bench/cmd/bench -rounds '$(ROUNDS)' -storms '$(STORMS)' -receivers '$(RECEIVERS)' -parts '$(PARTS)' -out ../build/bench.md

.PHONY: bench-scale
bench-scale: export CGO_ENABLED = 0
bench-scale: bench-programs ## See what a host costs at 10, 1,000 and more execs a second (as root)
	cd test && go run ./bench/cmd/bench -parts scale

# In the format of benchstat, which compares two of such files.
BENCHCOUNT ?= 6
.PHONY: bench-micro
bench-micro: export CGO_ENABLED = 0
bench-micro: ## Run the micro-benchmarks: build/bench-micro.txt
	@mkdir -p build
	go test -run '^$$' -bench . -benchmem -count $(BENCHCOUNT) ./... >build/bench-micro.txt; status=$$?; cat build/bench-micro.txt; exit $$status

# The peers are written in C in part.
.PHONY: bench-programs
bench-programs: TEST_PROGRAMS := $(BENCH_PROGRAMS)
bench-programs: RACE := needed
bench-programs: test-programs

.PHONY: lint
lint: lint-format lint-vet lint-go lint-go-test lint-readme lint-markdown ## Check the form of everything

# Nothing here uses cgo, and without it no linter asks for a C compiler.
lint-%: export CGO_ENABLED = 0

.PHONY: lint-format
lint-format:
	@files=$$(gofmt -l -s cmd plugins test) && { [ -z "$$files" ] || { echo "Not formatted, run gofmt -s -w on:" $$files >&2; exit 1; }; }

.PHONY: lint-vet
lint-vet:
	go vet ./...
	cd test && go vet ./...

.PHONY: lint-go
lint-go: $(GOLANGCI_LINT)
	$(GOLANGCI_LINT) run

.PHONY: lint-go-test
lint-go-test: $(GOLANGCI_LINT)
	cd test && ../$(GOLANGCI_LINT) run

# Telegraf's linter tells the kind of plugin by the path that it is given.
.PHONY: lint-readme
lint-readme: $(README_LINTER)
	$(README_LINTER) -quiet plugins/inputs/proc_connector/README.md

.PHONY: lint-markdown
ifneq ($(NPM),)
lint-markdown: $(MARKDOWNLINT)
	$(MARKDOWNLINT) '**/*.md' '#build'
else
lint-markdown:
	@echo "No npm here: Markdown is not checked" >&2
endif

# By default Go spends up to a minute on shortening one input, which would be
# the whole run.
.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME (60s)
	@list=$$(go test -list '^Fuzz' ./...) || { echo "$$list"; exit 1; }; \
	echo "$$list" | awk '$$1 ~ /^Fuzz/ { names[n++] = $$1 } $$1 == "ok" { for (i = 0; i < n; i++) print $$2, names[i]; n = 0 }' | \
	while read -r package name; do \
		echo "$$name in $$package"; \
		go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s "$$package" </dev/null || exit 1; \
	done

.PHONY: install
install: $(BINARY) ## Install the program into DESTDIR and PREFIX (/usr/local)
	install -d '$(DESTDIR)$(PREFIX)/bin'
	install -m 0755 $(BINARY) '$(DESTDIR)$(PREFIX)/bin/'

# What "uname -m" calls x86_64 and aarch64.
PACKAGE_ARCHS ?= amd64 arm64
PACKAGES      ?= build/packages
.PHONY: packages
packages: export NFPM := $(abspath $(NFPM))
packages: export VERSION := $(VERSION)
packages: $(NFPM) ## Build the deb and the rpm: build/packages
	@rm -rf $(PACKAGES)
	@for arch in $(PACKAGE_ARCHS); do packaging/build "$$arch" $(PACKAGES) || exit 1; done
	@ls $(PACKAGES)/* >&2

# The program is for Linux only. The plugin is in agents for other systems, too, where it has
# nothing to do and says so.
CROSS        := amd64 arm64 arm 386 riscv64 s390x ppc64le
CROSS_OTHERS := darwin windows
.PHONY: cross
cross: export CGO_ENABLED = 0
cross: ## Build the program for all kinds of machines: build/cross
	@rm -rf build/cross
	@for arch in $(CROSS); do \
		GOOS=linux GOARCH=$$arch go build -trimpath -buildvcs=false $(if $(VERSION),-ldflags '-X main.version=$(VERSION)') \
			-o build/cross/telegraf-proc-connector-linux-$$arch ./cmd/telegraf-proc-connector || exit 1; \
	done
	@for system in $(CROSS_OTHERS); do GOOS=$$system go vet ./plugins/inputs/proc_connector || exit 1; done
	cd test && go test -count=1 ./cross/programs

# For install alone, which sudo may run without Go: what "make build" built is
# taken as long as it is up to date.
$(BINARY): go.mod go.sum $(shell find cmd plugins -name '*.go' -o -name '*.txt' -o -name sample.conf)
	@$(MAKE) --no-print-directory build

.PHONY: tools
tools: $(GOLANGCI_LINT) $(README_LINTER) $(NFPM) $(if $(NPM),$(MARKDOWNLINT)) ## Build the linters and nfpm into build/tools

$(GOLANGCI_LINT):
	GOBIN='$(abspath $(@D))' $(HOSTGO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)

$(NFPM):
	GOBIN='$(abspath $(@D))' $(HOSTGO) install github.com/goreleaser/nfpm/v2/cmd/nfpm@$(NFPM_VERSION)

$(README_LINTER):
	GOBIN='$(abspath $(@D))' $(HOSTGO) install github.com/influxdata/telegraf/tools/readme_linter@$(TELEGRAF_VERSION)

$(MARKDOWNLINT):
	npm install --silent --no-audit --no-fund --prefix '$(MARKDOWNLINT_DIR)' markdownlint-cli2@$(MARKDOWNLINT_VERSION)

.PHONY: clean
clean: ## Remove everything that was built
	rm -rf build
