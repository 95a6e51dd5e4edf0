# The recipes are in scripts/; each does only what is not done yet.
PREFIX ?= /usr/local
CNI_BIN ?= /opt/cni/bin
DIST := $(or $(CARGO_TARGET_DIR),target)/dist

.PHONY: build setup test demo bench lint install clean

build: setup
	scripts/build

setup:
	scripts/setup

test: build
	scripts/test

demo: build
	scripts/demo

bench: build
	scripts/bench

lint: setup
	scripts/lint

install: build
	install -D -m 755 $(DIST)/wasm-cni $(DESTDIR)$(CNI_BIN)/wasm-cni
	install -D -m 755 $(DIST)/wasm-cnictl $(DESTDIR)$(PREFIX)/bin/wasm-cnictl

clean:
	cargo clean
