# The two commands of this repository, from a fresh clone: `make demo` and `make test`.

DVT = $${CARGO_TARGET_DIR:-target}/debug/dvt

.PHONY: demo test

# Builds dvt and runs the project in demo/: SQLite, Parquet and CSV in, a local Delta lakehouse out. Needs no server.
demo:
	./.ci/install build
	cargo build --locked --package dvt
	DVT="$(DVT)" ./demo/run

# Installs what the tests need, then runs all of them.
test:
	./.ci/install
	@if cargo nextest --version >/dev/null 2>&1; \
	then cargo nextest run --workspace --locked --no-fail-fast; \
	else cargo test --workspace --locked --no-fail-fast; fi
