# Pinwire. `make help` lists the targets; `make demo` and `make test` do all the set-up that they need.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

DESTDIR ?=
PREFIX ?= /usr/local
# Where container runtimes look for CNI plugins: /opt/cni/bin by default, /usr/lib/cni for Debian's.
CNI_BIN_DIR ?= /opt/cni/bin
# Clients to configure for: containerd, k3s, podman, or several of them. None by default.
CLIENTS ?=
CNI_CONF_DIR ?= /etc/cni/net.d
K3S_DIR ?= /var/lib/rancher/k3s
CARGO ?= cargo
TARGET := $(or $(shell rustc --print host-tuple 2>/dev/null),$(shell uname -m)-unknown-linux-gnu)
MUSL := $(subst -gnu,-musl,$(TARGET))
MUSL_LINKER := CARGO_TARGET_$(shell echo $(MUSL) | tr a-z- A-Z_)_LINKER
RELEASE ?= target/$(TARGET)/release
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: packages
packages:
	@tests/packages build

.PHONY: build
build: packages ## Build the release binaries
	$(CARGO) build --release
	@# A call of the plugin lasts 3 ms, of which glibc's start takes 0.3 in a virtual machine, and musl's nothing.
	@if tests/musl $(MUSL); then \
	  $(MUSL_LINKER)="$$PWD/tests/bench/cni/hot-cc" $(CARGO) build --release --package pinwire-cni --bin pinwire-cni --target $(MUSL); \
	  install target/$(MUSL)/release/pinwire-cni $(RELEASE); \
	fi

.PHONY: demo
demo: build ## Bring a chain of seven containers up, send packets through it, take it down
	@tests/packages demo
	@$(SUDO) env PATH="$$PWD/$(RELEASE):$$PATH" tests/demo

.PHONY: lint
lint: packages ## Check format, lints, documentation, and that arrows run one way
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps
	tests/arrows

.PHONY: test
test: lint build ## Run all tests (as root: they make network namespaces of their own)
	@tests/packages test
	$(CARGO) build --workspace --bins
	tests/slowest $(CARGO) test --workspace
	$(SUDO) env PATH="$$PWD/$(RELEASE):$$PATH" tests/readme/run
	RELEASE=$(RELEASE) tests/install/run
	$(MAKE) --no-print-directory test-lab

.PHONY: lab
lab: ## Build the lab machine, a virtual machine with SR-IOV network cards
	@tests/packages lab
	$(if $(SUDO),$(SUDO) -E) tests/lab/image

.PHONY: test-lab
test-lab: lab ## Run the tests that need the lab machine
	@tests/packages test
	tests/lab/suite

.PHONY: fuzz
fuzz: packages ## Fuzz the CNI plugin and the manifest parser for ten minutes each
	@tests/packages fuzz
	$(SUDO) env PATH="$$PATH" tests/fuzz/plugin 600
	tests/fuzz/manifest 600

.PHONY: bench
bench: build ## Measure deployment against Mininet, in one run on this machine
	@tests/packages bench
	$(SUDO) env PATH="$$PWD/$(RELEASE):$$PATH" tests/bench/deploy/run

.PHONY: bench-cni
bench-cni: build ## Measure the CNI plugin against Debian's ptp, in one run on this machine
	@tests/packages bench
	@if tests/musl $(MUSL); then \
	  tests/bench/cni/hot --check $(RELEASE)/pinwire-cni; \
	  PINWIRE_HOT=off $(MUSL_LINKER)="$$PWD/tests/bench/cni/hot-cc" $(CARGO) build --release --package pinwire-cni --bin pinwire-cni \
	    --target $(MUSL) --target-dir target/unordered; \
	  unordered="--unordered target/unordered/$(MUSL)/release/pinwire-cni"; \
	fi; \
	$(SUDO) env PATH="$$PWD/$(RELEASE):$$PATH" tests/bench/cni/run $${unordered:-}

.PHONY: deny
deny: ## Check licences, sources and bans of the dependencies (needs cargo-deny)
	@command -v cargo-deny >/dev/null || { echo "make deny: cargo-deny is missing: run 'cargo install --locked cargo-deny'" >&2; exit 1; }
	$(CARGO) deny --config configs/deny.toml check licenses bans sources

CONTAINERD_CONF := $(DESTDIR)$(CNI_CONF_DIR)/10-pinwire.conflist
PODMAN_CONF := $(DESTDIR)$(CNI_CONF_DIR)/88-pinwire.conflist
K3S_CONF := $(DESTDIR)$(K3S_DIR)/agent/etc/cni/net.d/cbr0/pinwire.conf
K3S_PLUGIN := $(DESTDIR)$(K3S_DIR)/data/cni/pinwire-cni

.PHONY: install
install: ## Install what `make build` built, below DESTDIR and PREFIX; CLIENTS="containerd k3s podman" configures these
	@test -x $(RELEASE)/pinwire || { echo "make install: $(RELEASE) has no binaries: run 'make build' first" >&2; exit 1; }
	@for client in $(filter-out containerd k3s podman,$(CLIENTS)); do \
	  echo "make install: $$client is not one of the CLIENTS containerd, k3s and podman" >&2; exit 1; done
	install -Dsm755 -t $(DESTDIR)$(PREFIX)/bin $(RELEASE)/pinwire
	install -Dsm755 -t $(DESTDIR)$(PREFIX)/lib/pinwire $(RELEASE)/pinwire-node
	install -Dsm755 -t $(DESTDIR)$(CNI_BIN_DIR) $(RELEASE)/pinwire-cni
	@# The netavark driver is the same executable by its name, in a directory where podman looks for drivers.
	install -d $(DESTDIR)$(PREFIX)/lib/netavark
	ln -sfn $(CNI_BIN_DIR)/pinwire-cni $(DESTDIR)$(PREFIX)/lib/netavark/pinwire
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/pinwire/manifests manifests/*.yaml
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/pinwire/cni configs/cni/*
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/pinwire configs/pinwire-annotations.schema.json configs/pools.yaml
	install -d $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
	  $(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	$(RELEASE)/pinwire man $(DESTDIR)$(PREFIX)/share/man/man1
	$(RELEASE)/pinwire completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/pinwire
	$(RELEASE)/pinwire completion zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_pinwire
	$(RELEASE)/pinwire completion fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/pinwire.fish
	$(if $(filter k3s,$(CLIENTS)),install -Dsm755 $(RELEASE)/pinwire-cni $(K3S_PLUGIN))
	@# A configuration that is there already may have been changed by somebody: it stays.
	$(if $(filter k3s,$(CLIENTS)),test -e $(K3S_CONF) || install -Dm644 configs/cni/k3s.conf $(K3S_CONF))
	$(if $(filter containerd,$(CLIENTS)),test -e $(CONTAINERD_CONF) || install -Dm644 configs/cni/containerd.conflist $(CONTAINERD_CONF))
	$(if $(filter podman,$(CLIENTS)),test -e $(PODMAN_CONF) || install -Dm644 configs/cni/podman.conflist $(PODMAN_CONF))

.PHONY: uninstall
uninstall: ## Remove what `make install` installed, configurations of clients included
	rm -f $(CONTAINERD_CONF) $(PODMAN_CONF) $(K3S_CONF) $(K3S_PLUGIN) $(DESTDIR)$(CNI_BIN_DIR)/pinwire-cni $(DESTDIR)$(PREFIX)/lib/netavark/pinwire
	$(addprefix rmdir --ignore-fail-on-non-empty ,$(wildcard $(dir $(K3S_CONF))))
	rm -f $(DESTDIR)$(PREFIX)/bin/pinwire $(DESTDIR)$(PREFIX)/share/man/man1/pinwire{,-*}.1 \
	  $(DESTDIR)$(PREFIX)/share/bash-completion/completions/pinwire \
	  $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_pinwire \
	  $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/pinwire.fish
	rm -rf $(DESTDIR)$(PREFIX)/lib/pinwire $(DESTDIR)$(PREFIX)/share/pinwire

.PHONY: clean
clean: ## Remove what was built
	$(CARGO) clean
