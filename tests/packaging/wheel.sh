#!/bin/sh
# Build the wheel by way of the source distribution, look into it, and install it on its own without any extra:
# `wheel.sh BIN`, BIN being the folder of the development environment's programs.
set -eu
bin=$(cd "$1" && pwd)
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

fail() {
    echo "wheel.sh: $1" >&2
    exit 1
}

echo "building"
"$bin/uv" build --quiet --require-hashes --build-constraints "$root/deploy/build-requirements.txt" \
    --out-dir "$work/dist" "$root"
"$bin/check-wheel-contents" --toplevel syncd,syncd_providers "$work"/dist/*.whl

echo "installing without extras"
"$bin/uv" venv --quiet --python "$bin/python" "$work/venv"
"$bin/uv" pip install --quiet --python "$work/venv" "$work"/dist/*.whl
syncd=$work/venv/bin/syncd
cp "$root"/config/quickstart/*.yaml "$work/"
cd "$work"

"$syncd" --version
"$syncd" --help > /dev/null
"$syncd" schema > schema.json
cmp schema.json "$root/config/syncd.schema.json" || fail "without extras the schema is another"
"$syncd" check
status=0
"$syncd" diff > diff.txt || status=$?
test "$status" -eq 1 || fail "diff of the quick start ended with $status"

cat > vault.yaml << 'YAML'
version: 1
instance: packaging
target: {directory: {path: secrets}}
stores:
  main: {type: vault, address: "https://vault.example.com", auth: {token: {file: token}}}
secrets:
  - {name: one, namespace: here, data: {key: {store: main, key: a/b, property: c}}}
YAML
status=0
"$syncd" diff -c vault.yaml > /dev/null 2> message.txt || status=$?
test "$status" -eq 3 || fail "without hvac, a Vault store ended with $status: $(cat message.txt)"
grep -F 'install syncd[vault]' message.txt || fail "no word of syncd[vault]: $(cat message.txt)"

echo "installing with the extra"
"$bin/uv" pip install --quiet --python "$work/venv" "$(ls "$work"/dist/*.whl)[vault]"
"$syncd" check -c vault.yaml
