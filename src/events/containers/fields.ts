/** Readers of `container.*` and `k8s.*`: from what is known of a container, at a time. */

import type { Value } from '../field.ts';
import type { Container, ContainerEntry, Mount, Pod } from './container.ts';

/** `event.time`: ns since the epoch. */
export type ContainerReader = (entry: ContainerEntry, event: { readonly time: bigint }) => Value | undefined;
/** Makes the reader of a field for its argument; undefined when there is none. */
type Maker = (arg: string | undefined) => ContainerReader;

const plain =
  (read: ContainerReader): Maker =>
  () =>
    read;

/** Of what the runtime said. */
const of = (read: (container: Container) => Value | undefined): Maker =>
  plain(({ container }) => (container === undefined ? undefined : read(container)));

const ofPod = (read: (pod: Pod) => Value | undefined): Maker =>
  of(({ pod }) => (pod === undefined ? undefined : read(pod)));

/** On the host they say so. */
const orHost = (read: (entry: ContainerEntry) => Value | undefined): Maker =>
  plain((entry) => (entry.isHost ? 'host' : read(entry)));

const exact = (value: bigint): number | bigint =>
  value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER ? Number(value) : value;

const labelsText = (labels: Readonly<Record<string, string>>): string | undefined => {
  const names = Object.keys(labels).sort();
  return names.length === 0 ? undefined : names.map((name) => `${name}:${labels[name]}`).join(', ');
};

const own = (labels: Readonly<Record<string, string>> | undefined, key: string): string | undefined =>
  labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;

const mountText = ({ source, destination, mode, writable, propagation }: Mount): string =>
  `${source}:${destination}:${mode}:${writable}:${propagation}`;

/** A mount by its number from 0, or by a pattern (`*` and `?`) of `by`. */
const ofMount =
  (read: (mount: Mount) => string, by: 'source' | 'destination' = 'destination'): Maker =>
  (arg = '') => {
    const index = /^\d+$/.test(arg) ? Number(arg) : undefined;
    const pattern = globOf(arg);
    return ({ container, isHost }) => {
      const { mounts = [] } = container ?? {};
      const found = index === undefined ? mounts.find((mount) => pattern.test(mount[by])) : mounts[index];
      if (found) return read(found);
      // Rules compare with this word, as Falco has it where there is no such mount.
      return isHost ? undefined : 'N/A';
    };
  };

function globOf(text: string): RegExp {
  const escaped = text
    .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${escaped}$`, 's');
}

/** These have no id but their name, and no service to ask. */
const ownName = ({ runtime, fullId }: ContainerEntry) =>
  runtime === 'systemd-nspawn' || runtime === 'lxc' ? fullId : undefined;

/** What is known as soon as the container itself is. */
const known: Readonly<Record<string, Maker>> = {
  'container.id': plain(({ id }) => id),
  'container.full_id': plain(({ fullId }) => fullId),
};

/** What its runtime has to tell. */
const told: Readonly<Record<string, Maker>> = {
  'container.pending': plain(({ pending }) => pending),
  'container.name': orHost((entry) => entry.container?.name ?? ownName(entry)),
  'container.type': orHost(({ container, runtime }) => container?.runtime ?? runtime),
  'container.image': of(({ image }) => image.given),
  'container.image.id': of(({ image }) => image.id),
  'container.image.repository': of(({ image }) => image.repository),
  'container.image.tag': of(({ image }) => image.tag),
  'container.image.digest': of(({ image }) => image.digest),
  'container.privileged': of(({ privileged }) => privileged),
  'container.host_pid': of(({ hostPid }) => hostPid),
  'container.host_network': of(({ hostNetwork }) => hostNetwork),
  'container.host_ipc': of(({ hostIpc }) => hostIpc),
  'container.mounts': of(({ mounts }) => (mounts.length === 0 ? undefined : mounts.map(mountText).join(','))),
  'container.mount': ofMount(mountText),
  'container.mount.source': ofMount(({ source }) => source),
  'container.mount.dest': ofMount(({ destination }) => destination, 'source'),
  'container.mount.mode': ofMount(({ mode }) => mode),
  'container.mount.rdwr': ofMount(({ writable }) => String(writable)),
  'container.mount.propagation': ofMount(({ propagation }) => propagation),
  'container.healthcheck': of(({ probes }) => probes.healthcheck?.join(' ')),
  'container.liveness_probe': of(({ probes }) => probes.liveness?.join(' ')),
  'container.readiness_probe': of(({ probes }) => probes.readiness?.join(' ')),
  'container.start_ts': of(({ startedAt }) => (startedAt === undefined ? undefined : exact(startedAt))),
  'container.duration': plain(({ container }, event) =>
    container?.startedAt === undefined ? undefined : exact(event.time - container.startedAt),
  ),
  'container.ip': of(({ ip, pod }) => ip ?? pod?.ip),
  'container.cni.json': ofPod(({ cni }) => cni),
  'container.labels': of(({ labels }) => labelsText(labels)),
  'container.label':
    (arg = '') =>
    ({ container }) =>
      own(container?.labels, arg),
  'k8s.pod.name': ofPod(({ name }) => name),
  'k8s.ns.name': ofPod(({ namespace }) => namespace),
  'k8s.pod.id': plain(({ container, podUid }) => container?.pod?.uid ?? podUid),
  'k8s.pod.uid': plain(({ container, podUid }) => container?.pod?.uid ?? podUid),
  'k8s.pod.sandbox_id': ofPod(({ sandboxId }) => sandboxId?.slice(0, 12)),
  'k8s.pod.full_sandbox_id': ofPod(({ sandboxId }) => sandboxId),
  'k8s.pod.labels': ofPod(({ labels }) => labelsText(labels)),
  'k8s.pod.label':
    (arg = '') =>
    ({ container }) =>
      own(container?.pod?.labels, arg),
  'k8s.pod.ip': ofPod(({ ip }) => ip),
  'k8s.pod.cni.json': ofPod(({ cni }) => cni),
};

/** Whether the value of a field, by its name, may come after the event: its runtime has to tell it. */
export function isTold(name: string): boolean {
  return Object.hasOwn(told, name);
}

/** The reader of a field by its name and argument; undefined for fields of anything else, and those that nothing fills. */
export function containerReader(name: string, arg: string | undefined): ContainerReader | undefined {
  const maker = Object.hasOwn(known, name) ? known[name] : Object.hasOwn(told, name) ? told[name] : undefined;
  return maker?.(arg);
}
