#!/bin/sh
# fresh-newcomer.sh run|test LIMIT: what fresh.sh runs inside a bare Debian: clone, one command, and whether it did what
# it promises within LIMIT seconds. The old root is still at /mnt and is let go first.
set -eu

command=$1
limit=$2
umount -l /mnt
started=$(date +%s)

elapsed() { echo $(($(date +%s) - started)); }
say() { echo "fresh: $(elapsed) s: $*"; }
die() {
    echo "fresh: FAILED after $(elapsed) s: $*" >&2
    exit 1
}

cd /root
git clone --quiet /srv/falco-pipe.git
cd falco-pipe

# until_seen TEXT FILE SECONDS: waits for a line while the program under test lives.
until_seen() {
    until grep -q -- "$1" "$2"; do
        kill -0 "$pid" 2>/dev/null || { tail -n 30 "$2" >&2; die "it ended before it printed '$1'"; }
        [ "$(elapsed)" -le "$3" ] || { tail -n 30 "$2" >&2; die "it did not print '$1' in time"; }
        sleep 0.2
    done
}

# make hands the signal on to the program, which then stops in order.
stop() {
    kill -TERM "$pid" 2>/dev/null || return 0
    wait "$pid" 2>/dev/null || true
}

run() {
    make run >out 2>err &
    pid=$!
    trap stop EXIT
    until_seen 'ready: ' err "$limit"
    say "$(grep -o 'ready: [^"]*' err)"
    sh -c 'cat /etc/shadow' >/dev/null
    until_seen '/etc/shadow' out $(($(elapsed) + 30))
    say "an alert: $(grep -m 1 '/etc/shadow' out)"
    stop
    grep -q 'seen [0-9]*, delivered' err || { cat err >&2; die 'it did not stop in order'; }
    say "$(grep -o 'seen [^"]*' err)"
}

if [ "$command" = run ]; then
    run
else
    make "$command" >out 2>&1 || { grep -aE 'FAIL|Error|error' out >&2; tail -n 20 out >&2; die "make $command"; }
    say "$(tail -n 1 out)"
fi
[ "$(elapsed)" -le "$limit" ] || die "make $command took longer than $limit s"
say "make $command works"
