/** Which container a process is in, by the path of its cgroup, as runtimes name them. */

/** What runs containers; the words are Falco's of `container.type`. */
export type RuntimeKind = 'docker' | 'podman' | 'containerd' | 'cri-o' | 'lxc' | 'systemd-nspawn';

/** What a cgroup path tells of a container. */
export interface CgroupContainer {
  /** The whole id: 64 hexadecimal digits, or for lxc and systemd-nspawn the name. */
  readonly id: string;
  /** Undefined where the path is one that several runtimes use. */
  readonly runtime: RuntimeKind | undefined;
  /** The uid of the pod, where the path is the kubelet's. */
  readonly podUid: string | undefined;
}

/** What stands around the 64 hexadecimal digits; other cgroups with such names are no containers. */
const NAMED: readonly (readonly [before: string, runtime: RuntimeKind | undefined])[] = [
  ['/docker[-/]', 'docker'], // cgroupfs: /docker/ID, systemd: docker-ID.scope
  ['/libpod-', 'podman'],
  ['/crio-', 'cri-o'],
  ['/cri-containerd-', 'containerd'],
  [':cri-containerd:', 'containerd'], // the kubelet with systemd, containerd without: kubepods-….slice:cri-containerd:ID
  ['/k8s\\.io/', 'containerd'], // containerd's CRI without a kubelet
  ['/nerdctl-', 'containerd'],
  ['/default/', 'containerd'], // containerd's default namespace
  ['/kubepods(?:/[^/]+)*/pod[0-9a-f_-]+/', undefined], // cgroupfs: /kubepods/burstable/podUID/ID
  ['/ecs/(?:[^/]+/)+', 'docker'], // ECS's agent has Docker run them
];
const hex = new RegExp(
  `(?:${NAMED.map(([before]) => `(${before})`).join('|')})([0-9a-f]{64})(?=\\.scope(?:/|$)|/|$)`,
  'g',
);

/** systemd-machined's scopes and nspawn's service; a virtual machine's scope is no container. */
const NSPAWN =
  /\/machine\.slice\/(?:machine-(?!qemu)(.+?)\.scope|systemd-nspawn@(.+?)\.service)(?:\/(?!supervisor)|$)/g;
const LXC = /\/lxc(?:\.payload[./]|\/)([^/]+)/g;
const POD = /[/-]pod([0-9a-f]{8}(?:[_-]?[0-9a-f]{4}){3}[_-]?[0-9a-f]{12})(?:\.slice|\/)/;

/** The innermost container of a cgroup path; undefined outside of containers. */
export function containerOfCgroup(path: string): CgroupContainer | undefined {
  let found: { at: number; id: string; runtime: RuntimeKind | undefined } | undefined;
  for (const match of path.matchAll(hex)) {
    const place = match.slice(1, -1).findIndex((before) => before !== undefined);
    found = { at: match.index, id: match.at(-1) as string, runtime: NAMED[place]?.[1] };
  }
  for (const [pattern, runtime] of [
    [NSPAWN, 'systemd-nspawn'],
    [LXC, 'lxc'],
  ] as const) {
    for (const match of path.matchAll(pattern)) {
      if (found && found.at > match.index) continue;
      found = { at: match.index, id: unescapeUnit(match[1] ?? (match[2] as string)), runtime };
    }
  }
  if (!found) return undefined;
  return { id: found.id, runtime: found.runtime, podUid: POD.exec(path)?.[1]?.replaceAll('_', '-') };
}

/** systemd.unit(5): bytes that a unit's name cannot have are written \xNN. */
function unescapeUnit(name: string): string {
  return name.replace(/\\x([0-9a-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}
