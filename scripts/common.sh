# What the scripts share: quiet steps with their time, and packages that are installed only when
# they are missing. Sourced, never run; progress goes to stderr, so that stdout is the result.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
logs=$root/build/logs
mkdir -p "$logs"

build_packages=(g++ cmake ninja-build libboost-dev libfmt-dev libcli11-dev nlohmann-json3-dev
  libelf-dev libzstd-dev zlib1g-dev liblz4-dev libsqlite3-dev libre2-dev)
run_packages=(gdb python3)
# Other allocators and another libc are read as targets.
test_packages=(ccache catch2 libbenchmark-dev tmux clang-format gdbserver libjemalloc2 musl-tools)
# shellcheck source=/dev/null
case $(. /etc/os-release 2>/dev/null && printf '%s' "${VERSION_CODENAME-}") in
  bookworm) test_packages+=(libtcmalloc-minimal4 libmimalloc2.0) ;;
  *) test_packages+=(libtcmalloc-minimal4t64 libmimalloc3) ;;
esac
clang_packages=(clang-19 clang-tidy-19 libclang-rt-19-dev)

say() { printf '%s\n' "$*" >&2; }
die() { say "${0##*/}: $*"; exit 1; }

# step TITLE COMMAND…: one line a step with its time; the output is kept in build/logs/ and shown
# when the command fails.
step() {
  local title=$1 log status=0 began=$SECONDS
  shift
  log=$logs/$(printf '%s' "$title" | tr -c 'A-Za-z0-9' '-').log
  printf '%-44s' "$title" >&2
  "$@" >"$log" 2>&1 </dev/null || status=$?
  if [ "$status" -eq 0 ]; then
    printf '%5d s\n' $((SECONDS - began)) >&2
  else
    printf 'failed (%d) after %d s; the end of %s:\n' "$status" $((SECONDS - began)) \
      "${log#"$root"/}" >&2
    tail -n 40 "$log" >&2
  fi
  return "$status"
}

missing_packages() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
      printf '%s\n' "$package"
  done
}

apt_install() {
  local sudo=()
  [ "$(id -u)" -eq 0 ] || sudo=(sudo)
  "${sudo[@]}" apt-get update -q &&
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -q -y --no-install-recommends "$@"
}

# need PACKAGE…: installs what is missing; takes no time when nothing is.
need() {
  local missing
  if ! command -v dpkg-query >/dev/null; then
    say "no dpkg here: assuming that these are installed: $*"
    return 0
  fi
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  # Words are wanted here.
  # shellcheck disable=SC2086
  set -- $missing
  if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
    say "missing packages, and neither root nor sudo: apt-get install $*"
    return 1
  fi
  step "install $# packages" apt_install "$@"
}

# configure PRESET [cmake options…], build PRESET [targets…]
configure() { step "configure $1" cmake -S "$root" --preset "$@"; }
build() {
  local preset=$1
  shift
  step "build $preset" cmake --build "$root/build/$preset" ${1:+--target "$@"}
}
