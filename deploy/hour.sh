#!/usr/bin/env bash
# A stranger's hour: from a clone to a demo, to a gateway over three real Tempos, to a data source, to the first alert
# rule tested. It runs as it stands; each step says what it shows.
#
#   deploy/hour.sh                                   builds first; 2 GB of disk, a few minutes
#   TUTTI=target/release/tutti TEMPO_BIN=/usr/bin/tempo deploy/hour.sh
#
# Without TEMPO_BIN the three Tempos are left out, without promtool the alert rules, and it says so. Everything
# listens on loopback, from port PORT_BASE (3900) on, writes to one temporary folder, and is ended at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

base="${PORT_BASE:-3900}"
dir="$(mktemp -d)"
pids=()
skipped=0

finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    # A Tempo may take minutes to let go of what nobody will need.
    for _ in $(seq 10); do
        kill -0 "${pids[@]}" 2>/dev/null || break
        sleep 0.5
    done
    for pid in "${pids[@]}"; do kill -9 "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$dir"
}
trap finish EXIT

step() { printf '\n== %s\n' "$1"; }
skip() { printf 'SKIPPED: %s\n' "$1"; skipped=$((skipped + 1)); }

# Waits up to a minute for a gateway or a Tempo.
ready() {
    for _ in $(seq 120); do
        if "$tutti" ready --server "$1" 2>/dev/null; then return; fi
        sleep 0.5
    done
    echo "not ready: $1" >&2
    tail -n 20 "$dir"/*.log >&2
    return 1
}

step "1. Build"
if [ -z "${TUTTI:-}" ]; then
    cargo build --release --locked --bin tutti
    TUTTI=target/release/tutti
fi
tutti="$TUTTI"
"$tutti" --version

step "2. Three regions and a gateway in one process"
demo="http://127.0.0.1:$base"
"$tutti" demo --listen "127.0.0.1:$base" > "$dir/demo.log" 2>&1 &
pids+=($!)
ready "$demo"
trace="$(grep -oE 'trace [0-9a-f]{32}' "$dir/demo.log" | head -n 1 | cut -d' ' -f2)"
"$tutti" trace "$trace" --server "$demo" --color never | head -n 20
"$tutti" query '{ status = error }' --server "$demo" --color never | head -n 8
echo "demo: good"

step "3. A configuration over three Tempos of your own"
gateway="$demo"
if [ -n "${TEMPO_BIN:-}" ]; then
    regions=()
    printf '[gateway]\nregion = "us-east"\nlisten = "127.0.0.1:%s"\n' "$((base + 1))" > "$dir/regions.toml"
    number=0
    for region in us-east:US us-west:US eu-central:EU; do
        number=$((number + 1))
        name="${region%%:*}" http="$((base + 10 * number))" otlp="$((base + 10 * number + 1))"
        # The configuration of the compose world, on loopback and with ports of its own.
        sed -e "s|http_listen_port: 3200|http_listen_address: 127.0.0.1\n  http_listen_port: $http\n  grpc_listen_address: 127.0.0.1\n  grpc_listen_port: $((base + 10 * number + 2))|" \
            -e "s|0.0.0.0:4318|127.0.0.1:$otlp|" -e "s|/var/tempo|$dir/$name|" \
            deploy/compose/tempo.yaml > "$dir/$name.yaml"
        printf 'memberlist:\n  bind_addr: [127.0.0.1]\n  bind_port: %s\n  advertise_addr: 127.0.0.1\n  abort_if_cluster_join_fails: false\n' \
            "$((base + 10 * number + 3))" >> "$dir/$name.yaml"
        "$TEMPO_BIN" -config.file="$dir/$name.yaml" > "$dir/$name.log" 2>&1 &
        pids+=($!)
        # All three are on this machine: nothing crosses a border, and whoever runs it says so.
        printf '[[region]]\nname = "%s"\njurisdiction = "%s"\nkind = "tempo"\nurl = "http://127.0.0.1:%s"\n' \
            "$name" "${region##*:}" "$http" >> "$dir/regions.toml"
        if [ "$name" = eu-central ]; then echo 'allow_raw_egress = true' >> "$dir/regions.toml"; fi
        regions+=(--region "$name=http://127.0.0.1:$otlp")
    done
    "$tutti" check --config "$dir/regions.toml" | tail -n 8
    gateway="http://127.0.0.1:$((base + 1))"
    "$tutti" serve --config "$dir/regions.toml" > "$dir/serve.log" 2>&1 &
    pids+=($!)
    ready "$gateway"
    for number in 1 2 3; do ready "http://127.0.0.1:$((base + 10 * number))"; done
    # A trace split over the three, asked for again through the gateway. Late (3) is no fault of a first minute.
    code=0
    "$tutti" vulture --once --server "$gateway" "${regions[@]}" --settle 5s --patience 60s || code=$?
    if [ "$code" != 0 ] && [ "$code" != 3 ]; then
        tail -n 20 "$dir"/*.log >&2
        exit 1
    fi
    echo "three Tempos: good"
else
    skip "TEMPO_BIN is not set: no gateway over three Tempos"
fi

step "4. A data source for Grafana"
sed "s|http://127.0.0.1:3200|$gateway|" deploy/grafana/datasources/open.yaml | tee "$dir/datasource.yaml"
# What "Save & test" asks, and the editor when it opens.
test "$(curl -sS "$gateway/api/echo")" = echo
curl -sS --fail "$gateway/api/status/buildinfo"
curl -sS --fail "$gateway/api/v2/search/tags?limit=10" | head -c 200
echo
echo "data source: good; copy it to /etc/grafana/provisioning/datasources"

step "5. The first alert rule"
curl -sS --fail "$gateway/metrics" | grep -E '^tutti_(requests_in_flight|config_last_reload_successful) '
if command -v promtool > /dev/null; then
    promtool check rules deploy/prometheus/recording.rules.yaml deploy/prometheus/alerts.rules.yaml
    promtool test rules deploy/prometheus/rules.test.yaml
    echo "alert rules: good"
else
    skip "promtool is not on the path: the alert rules were not tested"
fi

step "Done in $SECONDS s, $skipped steps left out"
