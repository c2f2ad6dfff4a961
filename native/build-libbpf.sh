#!/bin/sh
# build-libbpf.sh CACHE OUT [SRC]: compiles libbpf position-independent into OUT/libbpf.a, with its headers in
# OUT/include/bpf, from SRC or from the source that fetch-libbpf.sh leaves in CACHE. Without a source the machine's own
# library is linked, which is said aloud: it must then be on every machine that the addon runs on.
set -eu

mkdir -p "$1" "$2/include" "$2/libbpf"
out=$2
src=${3:-}
if [ -z "$src" ]; then
    [ -d "$1/libbpf/src" ] || sh ./fetch-libbpf.sh "$1" || true
    src=$1/libbpf
fi
[ -f "$src/src/libbpf.c" ] || [ ! -f "$src/libbpf.c" ] || src=$src/..

rm -rf "$out/include/bpf"
if [ ! -f "$src/src/libbpf.c" ]; then
    echo '  native: WARNING: no source of libbpf (or set LIBBPF_SRC): linking the shared library of this machine' >&2
    [ -f /usr/include/bpf/libbpf.h ] || { echo '  native: and there is none: install libbpf-dev' >&2; exit 1; }
    echo '-lbpf' >"$out/libbpf.flags"
    exit 0
fi

src=$(cd "$src" && pwd)
ln -s "$src/src" "$out/include/bpf"
rm -f "$out"/libbpf/*.o "$out/libbpf.a"
for file in "$src"/src/*.c; do
    echo "$file $out/libbpf/$(basename "$file" .c).o"
done | xargs -P "$(nproc)" -n 2 sh -c 'exec ${CC:-gcc} -O2 -w -fPIC -fvisibility=hidden -D_LARGEFILE64_SOURCE \
    -D_FILE_OFFSET_BITS=64 -I"$0/include" -I"$0/include/uapi" -I"$0/src" -c "$1" -o "$2"' "$src"
ar rcs "$out/libbpf.a" "$out"/libbpf/*.o
echo "$out/libbpf.a" >"$out/libbpf.flags"
