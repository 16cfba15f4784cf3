#!/bin/bash
# What the scripts share; sourced, never run. Every script stands in the root of the tree after this.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

say() { printf '%s\n' "$@"; }  # a line for each argument
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# Runs a command as root, by sudo when need be.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# quietly LOG COMMAND...: the command's output goes to LOG and is shown only when it fails.
quietly() {
  local log=$1
  shift
  mkdir -p "$(dirname "$log")"
  if ! "$@" >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    die "failed: $1 (all of it: $log)"
  fi
}

# configure_and_build PRESET [TARGET...]: quiet unless something is wrong, but for a line of progress now and then.
configure_and_build() {
  local preset=$1 launcher=() targets=()
  shift
  [ $# = 0 ] || targets=(--target "$@")
  ! command -v ccache >/dev/null || launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  quietly "build/$preset.configure.log" cmake --preset "$preset" "${launcher[@]}"
  local started=$SECONDS status=0
  # ninja's status lines become one line every ten seconds; all else (warnings, errors) passes.
  NINJA_STATUS='[%f/%t] ' cmake --build --preset "$preset" -j"${JOBS:-$(nproc)}" "${targets[@]}" 2>&1 |
    awk -v preset="$preset" '
      /^\[[0-9]+\/[0-9]+\] / { split(substr($1, 2), n, /[\/\]]/); now = systime()
                               if (!last) last = now
                               if (now - last >= 10) { print "building " preset ": " n[1] " of " n[2]; last = now; fflush() }
                               next }
      /^ninja: (no work|Entering)/ { next }
      { print; fflush() }' || status=$?
  [ $status = 0 ] || die "the build failed (preset $preset)"
  [ $((SECONDS - started)) -lt 10 ] || say "built $preset in $((SECONDS - started)) s"
}
