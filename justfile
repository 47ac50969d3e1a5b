# What people do here. `just` lists it; each line also runs by itself in a shell.

default:
    @just --list

# Three regions, a shop and a gateway in one process.
demo *args:
    cargo run --release -- demo {{ args }}

# One trace as a waterfall, from a gateway on this machine.
trace id *args:
    cargo run --release -- trace {{ id }} {{ args }}

# Every fault of a configuration at once.
check file="regions.toml":
    cargo run -- check --config {{ file }}

# All tests. With TEMPO_BIN=path/to/tempo, also those against real Tempos.
test *args:
    cargo test --locked {{ args }}

# Cases of the properties that no run has drawn yet, so many times over.
properties rounds="20":
    for round in $(seq {{ rounds }}); do PROPTEST_RNG_SEED="$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')" cargo test --locked --lib --test classify --test privacy --test structure || exit 1; done

# The house rules and what the documents claim, in a second.
tidy:
    cargo test --locked --test tidy --test docs

lint:
    cargo clippy --all-targets --locked -- -D warnings

fmt:
    cargo fmt

# The documentation of the code.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked --open

# Everything that must hold before a merge.
ci:
    .ci/run

# Merging and JSON, against decoding, in one run.
bench *args:
    cargo bench --locked {{ args }}

# A minute of arbitrary bytes; needs cargo-fuzz and a nightly toolchain. Targets: scan, join, json, traceql, detect,
# structure, redact, propose, grant.
fuzz target="scan" seconds="60":
    cargo +nightly fuzz run {{ target }} -- -max_total_time={{ seconds }}

# Licences, advisories, sources and bans; needs cargo-deny.
deny:
    cargo deny --locked check

# Lines that no test runs; needs cargo-llvm-cov.
coverage:
    cargo llvm-cov --locked --html

# Snapshots that changed, one by one; needs cargo-insta.
review:
    cargo insta test --review
