#!/bin/sh
# test/fresh.sh: does it work for somebody who has just found it? Builds a bare Debian with git, make, nodejs and npm,
# clones the last commit into it, and there runs `make run`, until another shell's `cat /etc/shadow` raises an alert,
# then, in another such Debian, `make test`. Each may take LIMIT seconds (default 900), set-up included. As root, with
# BTF; part of `make test-long`. Nothing is left behind; the machine's network settings are carried into the roots.
set -eu

limit=${LIMIT:-900}
here=$(cd "$(dirname "$0")/.." && pwd)

say() { echo "fresh: $*"; }
die() {
    echo "fresh: FAILED: $*" >&2
    exit 1
}

[ "$(id -u)" -eq 0 ] || die 'it needs root: a Debian root is built, and the kernel is traced'
[ -r /sys/kernel/btf/vmlinux ] || die 'this kernel has no BTF (/sys/kernel/btf/vmlinux), so `make run` cannot show anything'
"$here/tools/install-system-packages" mmdebstrap || die 'mmdebstrap is needed'

work=$(mktemp -d /var/tmp/falco-pipe-fresh.XXXXXX)
# What is mounted below lives in a mount namespace that is gone by then; should it not be, it is not ours to remove.
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The archives that this machine uses, but for local unsigned ones, with its settings of how to reach them.
archives() {
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list; do
        [ -s "$file" ] && ! grep -qE '^Trusted: *yes|trusted=yes' "$file" && echo "$file"
    done
}

bare_debian() {
    apt-config dump Acquire >"$work/apt.conf"
    # shellcheck disable=SC2046
    mmdebstrap --quiet --variant=minbase --include=git,make,nodejs,npm,ca-certificates --aptopt="$work/apt.conf" \
        "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$1" $(archives) >"$work/mmdebstrap.log" 2>&1 ||
        { cat "$work/mmdebstrap.log" >&2; die 'mmdebstrap could not build a root'; }
    for file in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt; do
        [ ! -e "$file" ] || cp -L "$file" "$1$file"
    done
    npmrc=$(npm config get globalconfig 2>/dev/null) || npmrc=
    [ ! -f "$npmrc" ] || cp "$npmrc" "$1/root/.npmrc"
    git clone --quiet --bare "$here" "$1/srv/falco-pipe.git"
    cp "$here/test/fresh-newcomer.sh" "$1/root/newcomer.sh"
}

# Of the environment only what says how to reach the network.
network() {
    env | sed -nE '/^([a-z]+_proxy|[A-Z]+_PROXY|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|GIT_SSL_CAINFO)=[^ ]*$/p'
}

# newcomer ROOT COMMAND: runs it there as the whole machine would: not a chroot, so that paths are what they seem.
newcomer() {
    # shellcheck disable=SC2046
    timeout --kill-after=30 $((limit + 60)) unshare --mount sh -euc '
        mount --bind "$0" "$0"
        mount -t proc proc "$0/proc"
        mount --rbind /sys "$0/sys"
        mount --rbind /dev "$0/dev"
        mount -t tmpfs tmpfs "$0/run"
        cd "$0"
        pivot_root . mnt
        exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"
    ' "$1" $(network) sh /root/newcomer.sh "$2" "$limit" || die "make $2 did not work for a newcomer"
}

started=$(date +%s)
bare_debian "$work/run"
cp -a "$work/run" "$work/test"
say "a bare Debian of $(du -sm "$work/run" | cut -f1) MB was built in $(($(date +%s) - started)) s"
for command in run test; do
    newcomer "$work/$command" "$command"
    rm -rf --one-file-system "${work:?}/$command"
done
say 'both commands work on a fresh machine'
