# The project's commands. `make run` and `make test` need nothing but the languages: what else is missing they install.

CARGO ?= cargo

.PHONY: run build test lint soak bench unit vectors clients tools

run: build
	@./scripts/run

build:
	@$(CARGO) build --release -p tidings -p tidings-tutorial

test: tools build unit clients

# Every crate's tests: the store's crashes, 50,000 simulated histories, the wire vectors (a process of their own, serially, with
# nothing else running), the replayed fuzz corpora.
unit:
	$(CARGO) test --release --workspace

# The wire vectors alone.
vectors:
	$(CARGO) test --release -p tidings-gateway --test vectors

# Real, unmodified clients against the real binary, and the protocol suites against its engine.
clients: build
	$(CARGO) build --release --workspace --examples
	./e2e/run.sh

tools:
	./e2e/install.sh

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --workspace --all-targets -- -D warnings
	@command -v cargo-deny >/dev/null || $(CARGO) install --locked cargo-deny
	$(CARGO) deny check licenses bans sources

soak: build tools
	TIDINGS_SOAK=1 $(CARGO) test --release -p tidings-sim -- --nocapture
	TIDINGS_SOAK=1 $(CARGO) test --release -p tidings-store -- --nocapture
	$(CARGO) build --release --workspace --examples
	TIDINGS_SOAK=1 ./e2e/run.sh tests/test_drivers.py tests/test_probe.py tests/test_clients.py tests/test_upgrade.py
	TIDINGS_SOAK=1 ./e2e/run.sh proofs
	TIDINGS_SOAK=1 ./e2e/run.sh ice/test_peers.py

bench: build
	cd bench && $(CARGO) run --release
