#!/usr/bin/env bash
# install_test.sh CMAKE BUILD VERSION: installs BUILD into a scratch prefix and checks what is there.
set -euo pipefail
cmake=$1 build=$2 version=$3
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT
failed=0
wrong() { echo "wrong: $*"; failed=1; }

"$cmake" --install "$build" --prefix "$prefix" >/dev/null

for file in bin/coreheap "lib/libcoreheap.so.$version" lib/libcoreheap.so include/coreheap.h \
  share/coreheap/gdb/coreheap_gdb.py; do
  [ -e "$prefix/$file" ] || wrong "$file is not installed"
done
[ $failed -eq 0 ] || exit 1

soname=$(readelf -dW "$prefix/lib/libcoreheap.so" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')
[ "$soname" = "libcoreheap.so.${version%%.*}" ] || wrong "soname is '$soname'"

others=$(nm -D --defined-only "$prefix/lib/libcoreheap.so" | awk '$3 !~ /^coreheap_/ {print $3}')
[ -z "$others" ] || wrong "the library exports more than the C interface:" "$others"
nm -D --defined-only "$prefix/lib/libcoreheap.so" | grep -q ' T coreheap_abi_version$' ||
  wrong "coreheap_abi_version is not exported"

for file in bin/coreheap lib/libcoreheap.so; do
  if readelf -dW "$prefix/$file" | grep NEEDED | grep -qE 'libstdc\+\+|libgcc_s|libfmt|libre2'; then
    wrong "$file needs a C++ library of the system"
  fi
done

# The header is C.
echo '#include "coreheap.h"' | ${CC:-cc} -std=c11 -Wall -Wextra -Werror -x c -fsyntax-only \
  -I "$prefix/include" - || wrong "coreheap.h is not C"

"$prefix/bin/coreheap" --version | grep -qF "$version" || wrong "coreheap --version does not say $version"

# The plugin finds the library beside it, with no hint from the environment and from any folder.
said=$(cd / && env -i PATH="$PATH" HOME="$prefix" gdb -nx -q -batch \
  -ex "source $prefix/share/coreheap/gdb/coreheap_gdb.py" -ex 'heap help' 2>&1) || true
grep -qw 'types' <<<"$said" || wrong "heap help in GDB says: $said"

exit $failed
