#!/usr/bin/env bash
# Runs the fuzz targets of the tree in turn, each for a while:
#
#   tools/fuzz.sh [time of each, 10s if not given] [filter]
#
# The filter is an extended regular expression that "directory Target" must
# match, such as messages/frames or FuzzDecode. FUZZFLAGS go to go test as they
# are, such as "-parallel 1". A target that fails is named at the end, the others
# run all the same; go test leaves the input that failed in testdata/fuzz. New
# inputs are made smaller for a second only: a target that runs whole epochs would
# do nothing else for a minute each time.
set -uo pipefail
cd "$(dirname "$0")/.."
time=${1:-10s}
filter=${2:-}
go=${GO:-go}
trap 'exit 130' INT TERM

mapfile -t targets < <(
  grep -roE '^func Fuzz[A-Za-z0-9_]+' --include='*_test.go' . |
    sed -E 's|^(.*)/[^/]+:func (.*)$|\1 \2|' | sort -u | grep -E -- "$filter"
)
if ((${#targets[@]} == 0)); then
  echo "no fuzz target matches '$filter'" >&2
  exit 2
fi

# The end of the time is now and then reported as a failure of the target: its
# text is this one, and no input is blamed for it.
outoftime() {
  grep -q 'context deadline exceeded' "$1" && ! grep -qE 'Failing input|panic|fatal error' "$1"
}

failed=()
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for i in "${!targets[@]}"; do
  read -r dir target <<<"${targets[i]}"
  echo "fuzz $((i + 1))/${#targets[@]} $dir $target $time"
  # shellcheck disable=SC2086 # FUZZFLAGS are words
  if "$go" test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 1s ${FUZZFLAGS:-} "$dir" >"$log" 2>&1 || outoftime "$log"; then
    grep -E '^fuzz: elapsed' "$log" | tail -n 1 | sed 's/^fuzz: /  /'
  else
    failed+=("$dir $target")
    sed 's/^/  /' "$log"
  fi
done

if ((${#failed[@]} > 0)); then
  echo "${#failed[@]} of ${#targets[@]} fuzz targets failed:" >&2
  printf '  %s\n' "${failed[@]}" >&2
  exit 1
fi
echo "${#targets[@]} fuzz targets, none failed"
