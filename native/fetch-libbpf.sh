#!/bin/sh
# fetch-libbpf.sh DIR: unpacks the source of libbpf into DIR/libbpf (src, include), from the Debian archive through apt.
set -eu

tarball=libbpf_1.5.0.orig.tar.gz
sha256=53492aff6dd47e4da04ef5e672d753b9743848bdb38e9d90eafbe190b7983c44
apart=$(cd "$(dirname "$0")/../tools" && pwd)/apt-apart
dir=$(cd "$1" && pwd)
work="$dir/apt"

# apt ARGUMENTS...: apt-get for the sources of this machine's release.
apt() {
    "$apart" "$work" deb-src "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" "$(dpkg --print-architecture)" apt-get "$@"
}

fetch() {
    command -v apt-get >/dev/null || return 1
    rm -rf "$work"
    mkdir -p "$work"
    (
        cd "$work"
        apt update && apt source --download-only --tar-only libbpf
    ) >"$work/log" 2>&1 || { sed 's/^/  /' "$work/log" >&2; return 1; }
    mv "$work/$tarball" "$dir/$tarball" 2>/dev/null || {
        echo "  the archive has another version than $tarball" >&2
        return 1
    }
    rm -rf "$work"
}

[ -f "$dir/$tarball" ] || fetch || { echo "  could not fetch $tarball through apt" >&2; exit 1; }
echo "$sha256  $dir/$tarball" | sha256sum --check --status || {
    rm -f "$dir/$tarball"
    echo "  $tarball has another sha256 than expected: not used" >&2
    exit 1
}
rm -rf "$dir/libbpf"
mkdir "$dir/libbpf"
tar -xzf "$dir/$tarball" -C "$dir/libbpf" --strip-components=1 --wildcards '*/src' '*/include' '*/LICENSE*'
