/** Fields of the pod in a request: those of its containers come three times, for each kind of container. */

import { at, items, json, list, member, ownMember, text, textOrJson } from '../cloud/document.ts';
import type { CloudEvent } from '../cloud/event.ts';
import { byKey, type CloudFieldRow, chosen, indexOf, listed, type MakeReader, path, plain } from '../cloud/table.ts';
import { deprecated } from '../field-table.ts';

const spec = ({ document }: CloudEvent): unknown => at(document, ['requestObject', 'spec']);

type Kind = 'containers' | 'initContainers' | 'ephemeralContainers';

/** What one container has of something: nothing, one text or several. */
type OfContainer = (container: unknown, spec: unknown) => readonly (string | undefined)[];

/** A list over all containers; `[n]` is the container at that place. */
function each(kind: Kind, of: OfContainer): MakeReader {
  return (arg) => {
    const index = indexOf(arg);
    return (event) => {
      const pod = spec(event);
      const containers = chosen(items(member(pod, kind)), index);
      return containers.length === 0 ? undefined : list(containers.flatMap((container) => of(container, pod)));
    };
  };
}

const one =
  (...keys: readonly string[]): OfContainer =>
  (container) => [text(at(container, keys))];

/** An array of words joined with blanks. */
const words =
  (key: string): OfContainer =>
  (container) => {
    const found = items(member(container, key)).flatMap((word) => text(word) ?? []);
    return found.length === 0 ? [] : [found.join(' ')];
  };

/** Who a container runs as: what it says itself, else what its pod says, else root. */
const effective =
  (key: string): OfContainer =>
  (container, pod) => [text(at(container, ['securityContext', key])) ?? text(at(pod, ['securityContext', key])) ?? '0'];

const ports: OfContainer = (container) =>
  items(member(container, 'ports')).map(
    (port) => text(member(port, 'hostPort')) ?? text(member(port, 'containerPort')),
  );

const capabilities: OfContainer = (container) =>
  items(at(container, ['securityContext', 'capabilities', 'add'])).map(text);

/** The repository of an image reference: without digest and tag, with the port of its registry. */
function repositoryOf(image: string): string {
  const [name = ''] = image.split('@', 1);
  const tag = name.indexOf(':', name.lastIndexOf('/') + 1);
  return tag < 0 ? name : name.slice(0, tag);
}

const repository: OfContainer = (container) => {
  const image = text(member(container, 'image'));
  return image === undefined ? [] : [repositoryOf(image)];
};

function containerRows(kind: Kind, of: string): readonly CloudFieldRow[] {
  const row = (name: string, doc: string, read: OfContainer): CloudFieldRow => [
    `ka.req.pod.${kind}.${name}`,
    'CHARBUF',
    `${doc} of each ${of}.`,
    each(kind, read),
    listed,
  ];
  const rows = [
    row('name', 'The name', one('name')),
    row('image', 'The image', one('image')),
    row('image.repository', 'The image without tag and digest', repository),
    row('command', 'The command', words('command')),
    row('args', 'The arguments', words('args')),
    row('privileged', 'The privileged flag', one('securityContext', 'privileged')),
    row(
      'allow_privilege_escalation',
      'The allowPrivilegeEscalation flag',
      one('securityContext', 'allowPrivilegeEscalation'),
    ),
    row('read_only_fs', 'The readOnlyRootFilesystem flag', one('securityContext', 'readOnlyRootFilesystem')),
    row('run_as_user', 'The runAsUser uid', one('securityContext', 'runAsUser')),
    row('eff_run_as_user', 'The uid that it starts with, 0 where none is given,', effective('runAsUser')),
    row('run_as_group', 'The runAsGroup gid', one('securityContext', 'runAsGroup')),
    row('eff_run_as_group', 'The gid that it starts with, 0 where none is given,', effective('runAsGroup')),
    row('proc_mount', 'The procMount type', one('securityContext', 'procMount')),
    row('add_capabilities', 'The capabilities that are added', capabilities),
  ];
  return kind === 'ephemeralContainers' ? rows : [...rows, row('host_port', 'The host ports', ports)];
}

/** The first container that the request has. */
const first = (event: CloudEvent): unknown => items(member(spec(event), 'containers'))[0];

function anyPrivileged(event: CloudEvent): string | undefined {
  const containers = member(spec(event), 'containers');
  if (!Array.isArray(containers)) return undefined;
  return String(containers.some((container) => text(at(container, ['securityContext', 'privileged'])) === 'true'));
}

/** A list over all volumes; `[n]` is the volume at that place. */
function volumes(of: (volume: unknown) => readonly (string | undefined)[]): MakeReader {
  return (arg) => {
    const index = indexOf(arg);
    return (event) => list(chosen(items(member(spec(event), 'volumes')), index).flatMap(of));
  };
}

const typesOf = (volume: unknown): readonly string[] =>
  typeof volume === 'object' && volume !== null && !Array.isArray(volume)
    ? Object.keys(volume).filter((key) => key !== 'name' && ownMember(volume, key) !== undefined)
    : [];

const hasHostPath: MakeReader = (wanted = '') => {
  const prefix = wanted.endsWith('*') ? wanted.slice(0, -1) : undefined;
  return (event) => {
    const mounted = items(member(spec(event), 'volumes')).flatMap(
      (volume) => text(at(volume, ['hostPath', 'path'])) ?? [],
    );
    return String(mounted.some((each) => (prefix === undefined ? each === wanted : each.startsWith(prefix))));
  };
};

const ofSpec = (...keys: string[]) => path('requestObject', 'spec', ...keys);

export const podRows: readonly CloudFieldRow[] = [
  ...containerRows('containers', 'container'),
  ...containerRows('initContainers', 'init container'),
  ...containerRows('ephemeralContainers', 'ephemeral container'),
  [
    'ka.req.container.image',
    'CHARBUF',
    'The image of the first container.',
    plain((event) => text(member(first(event), 'image'))),
    deprecated,
  ],
  [
    'ka.req.container.image.repository',
    'CHARBUF',
    'The image of the first container without tag and digest.',
    plain((event) => repository(first(event), undefined)[0]),
    deprecated,
  ],
  [
    'ka.req.container.host_network',
    'CHARBUF',
    'The same as ka.req.pod.host_network.',
    ofSpec('hostNetwork'),
    deprecated,
  ],
  [
    'ka.req.container.privileged',
    'CHARBUF',
    '`true` when any container is privileged, else `false`.',
    plain(anyPrivileged),
    deprecated,
  ],
  ['ka.req.pod.host_ipc', 'CHARBUF', 'The hostIPC flag of the pod.', ofSpec('hostIPC')],
  ['ka.req.pod.host_network', 'CHARBUF', 'The hostNetwork flag of the pod.', ofSpec('hostNetwork')],
  ['ka.req.pod.host_pid', 'CHARBUF', 'The hostPID flag of the pod.', ofSpec('hostPID')],
  ['ka.req.pod.run_as_user', 'CHARBUF', 'The runAsUser uid of the pod.', ofSpec('securityContext', 'runAsUser')],
  ['ka.req.pod.run_as_group', 'CHARBUF', 'The runAsGroup gid of the pod.', ofSpec('securityContext', 'runAsGroup')],
  ['ka.req.pod.fs_group', 'CHARBUF', 'The fsGroup gid of the pod.', ofSpec('securityContext', 'fsGroup')],
  [
    'ka.req.pod.supplemental_groups',
    'CHARBUF',
    'The supplementalGroups gids of the pod.',
    plain((event) => list(items(at(spec(event), ['securityContext', 'supplementalGroups'])).map(text))),
    { list: true },
  ],
  [
    'ka.req.pod.volumes.hostpath',
    'CHARBUF',
    'The path on the host of each volume that has one.',
    volumes((volume) => [text(at(volume, ['hostPath', 'path']))]),
    listed,
  ],
  [
    'ka.req.pod.volumes.flexvolume_driver',
    'CHARBUF',
    'The driver of each flexVolume.',
    volumes((volume) => [text(at(volume, ['flexVolume', 'driver']))]),
    listed,
  ],
  [
    'ka.req.pod.volumes.volume_type',
    'CHARBUF',
    'The type of each volume: `hostPath`, `configMap`.',
    volumes(typesOf),
    listed,
  ],
  [
    'ka.req.volume.hostpath',
    'CHARBUF',
    '`true` when a volume has that path on the host, else `false`; a `*` at the end stands for any text.',
    hasHostPath,
    { ...byKey, ...deprecated },
  ],
  ['ka.req.service.type', 'CHARBUF', 'The type of the service: `NodePort`.', ofSpec('type')],
  [
    'ka.req.service.ports',
    'CHARBUF',
    'Each port of the service, as compact JSON.',
    (arg) => (event) => list(chosen(items(member(spec(event), 'ports')), indexOf(arg)).map(textOrJson)),
    listed,
  ],
];

/** The data of a config map, as compact JSON. */
export const configMapData = plain(({ document }) => {
  const data = at(document, ['requestObject', 'data']);
  return typeof data === 'object' ? json(data) : undefined;
});
