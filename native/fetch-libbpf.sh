#!/bin/sh
# fetch-libbpf.sh DIR: unpacks the source of libbpf into DIR/libbpf (src, include), from the Debian archive through apt.
# The machine's own apt settings, lists and sources are left as they are: everything happens below DIR.
set -eu

tarball=libbpf_1.5.0.orig.tar.gz
sha256=53492aff6dd47e4da04ef5e672d753b9743848bdb38e9d90eafbe190b7983c44
dir=$(cd "$1" && pwd)
apt="$dir/apt"

fetch() {
    command -v apt-get >/dev/null || return 1
    rm -rf "$apt"
    mkdir -p "$apt/sources" "$apt/lists/partial" "$apt/cache/archives/partial"
    # The same archives as the machine uses, but their sources instead of their binaries. Unsigned local ones have none.
    for file in /etc/apt/sources.list.d/*.sources; do
        [ -f "$file" ] && ! grep -q '^Trusted:' "$file" &&
            sed 's/^Types:.*/Types: deb-src/' "$file" >"$apt/sources/${file##*/}"
    done
    [ -f /etc/apt/sources.list ] && sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >"$apt/sources/main.list"
    set -- -qq -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$apt/sources" \
        -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=
    (
        cd "$apt"
        apt-get "$@" update && apt-get "$@" source --download-only --tar-only libbpf
    ) >"$apt/log" 2>&1 || { sed 's/^/  /' "$apt/log" >&2; return 1; }
    mv "$apt/$tarball" "$dir/$tarball" 2>/dev/null || {
        echo "  the archive has another version than $tarball" >&2
        return 1
    }
    rm -rf "$apt"
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
