/** Which container a process is in, by the path of its cgroup, as runtimes name them. */

/** What runtimes put around the 64 hexadecimal digits; other cgroups with such names are no containers. */
const NAMED = [
  '/docker[-/]', // cgroupfs: /docker/ID, systemd: docker-ID.scope
  '/libpod-', // podman
  '/crio-',
  '/cri-containerd-',
  ':cri-containerd:', // kubelet with systemd cgroups: kubepods-….slice:cri-containerd:ID
  '/nerdctl-',
  '/default/', // containerd's default namespace
  '/kubepods[^/]*/(?:[^/]+/)*', // cgroupfs: /kubepods/burstable/podUID/ID
  '/ecs/[^/]+/',
];
const pattern = new RegExp(`(?:${NAMED.join('|')})([0-9a-f]{64})(?=\\.scope(?:/|$)|/|$)`, 'g');

/** The first twelve characters of the innermost container's id; `host` outside of containers. */
export function containerId(cgroupPath: string): string {
  let id: string | undefined;
  for (const [, found] of cgroupPath.matchAll(pattern)) id = found;
  return id === undefined ? 'host' : id.slice(0, 12);
}
