#!/usr/bin/env bash
# Generates the Go code of every .proto file in the tree, beside it.
# Needs protoc 3.21 (Debian package protobuf-compiler); the plugin is pinned by go.mod.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v protoc >/dev/null || { echo "gen: protoc is missing: apt-get install protobuf-compiler" >&2; exit 1; }
go build -o bin/ google.golang.org/protobuf/cmd/protoc-gen-go
find messages actors -name '*.proto' -print0 | sort -z | while IFS= read -r -d '' proto; do
  protoc --plugin=bin/protoc-gen-go -I . --go_out=. --go_opt=module=minimint "$proto"
done
