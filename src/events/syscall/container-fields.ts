/** Fields of the container and pod around a process, as Falco's container plugin has them (spec/falco-engine.md §4). */

import type { Field } from '../field.ts';
import { defineFields, deprecated, type FieldRow, type FieldTraits, suggested } from '../field-table.ts';

const byKey: FieldTraits = { arg: 'required', argKind: 'key' };

/** Kubernetes objects that once came from the API server; no version fills them now. */
function legacy(kind: string, what: string): FieldRow[] {
  return [
    [`k8s.${kind}.name`, 'CHARBUF', `Name of the ${what}; nothing fills it any more.`, deprecated],
    [`k8s.${kind}.id`, 'CHARBUF', `Id of the ${what}; nothing fills it any more.`, deprecated],
    [`k8s.${kind}.label`, 'CHARBUF', `A label of the ${what}; nothing fills it any more.`, { ...byKey, ...deprecated }],
    [`k8s.${kind}.labels`, 'CHARBUF', `Labels of the ${what}; nothing fills it any more.`, deprecated],
  ];
}

export const containerFields: readonly Field[] = defineFields('container', [
  ['container.id', 'CHARBUF', 'The first 12 characters of the container id; `host` outside of containers.', suggested],
  ['container.full_id', 'CHARBUF', 'The whole container id.'],
  ['container.name', 'CHARBUF', 'The name of the container; `host` outside of containers.', suggested],
  [
    'container.pending',
    'BOOL',
    'Whether what the runtime knows of the container had not come when the event was judged.',
  ],
  ['container.image', 'CHARBUF', 'The image, as whoever started the container wrote it.'],
  ['container.image.id', 'CHARBUF', 'The id of the image.'],
  ['container.type', 'CHARBUF', 'What runs the container: `docker`, `containerd`, `podman`, …'],
  ['container.privileged', 'BOOL', 'Whether it runs with every privilege of the host.'],
  ['container.mounts', 'CHARBUF', 'Every mount: source, destination, mode, write access, propagation.'],
  ['container.mount', 'CHARBUF', 'One mount, by place or by a pattern of its destination: `[/etc*]`.', byKey],
  ['container.mount.source', 'CHARBUF', 'What one mount shows, by place or by a pattern of its destination.', byKey],
  ['container.mount.dest', 'CHARBUF', 'Where one mount appears, by place or by a pattern of its source.', byKey],
  ['container.mount.mode', 'CHARBUF', 'The mode of one mount, by place or by a pattern of its destination.', byKey],
  ['container.mount.rdwr', 'CHARBUF', 'Whether one mount may be written to, by place or by a pattern.', byKey],
  ['container.mount.propagation', 'CHARBUF', 'How one mount spreads to others, by place or by a pattern.', byKey],
  ['container.image.repository', 'CHARBUF', 'The image without its tag: `docker.io/library/nginx`.', suggested],
  ['container.image.tag', 'CHARBUF', 'The tag of the image.', suggested],
  ['container.image.digest', 'CHARBUF', 'The digest of the image in its registry.'],
  ['container.healthcheck', 'CHARBUF', 'The command of the health check.', deprecated],
  ['container.liveness_probe', 'CHARBUF', 'The command of the liveness probe.', deprecated],
  ['container.readiness_probe', 'CHARBUF', 'The command of the readiness probe.', deprecated],
  ['container.start_ts', 'ABSTIME', 'When the container started: nanoseconds since 1970.'],
  ['container.duration', 'RELTIME', 'Age of the container at the event, in nanoseconds.'],
  ['container.ip', 'CHARBUF', 'The first address of the container.'],
  ['container.cni.json', 'CHARBUF', 'What the network plugin answered when it set the container up.'],
  ['container.host_pid', 'BOOL', 'Whether it sees the processes of the host.'],
  ['container.host_network', 'BOOL', 'Whether it uses the network of the host.'],
  ['container.host_ipc', 'BOOL', 'Whether it shares memory and queues with the host.'],
  ['container.label', 'CHARBUF', 'One label of the container, by its key.', byKey],
  ['container.labels', 'CHARBUF', 'Every label of the container.'],
  ['proc.is_container_healthcheck', 'BOOL', 'Whether the process belongs to a health check.', deprecated],
  ['proc.is_container_liveness_probe', 'BOOL', 'Whether the process belongs to a liveness probe.', deprecated],
  ['proc.is_container_readiness_probe', 'BOOL', 'Whether the process belongs to a readiness probe.', deprecated],
  ['k8s.pod.name', 'CHARBUF', 'The name of the pod.', suggested],
  ['k8s.ns.name', 'CHARBUF', 'The namespace of the pod.', suggested],
  ['k8s.pod.id', 'CHARBUF', 'The uid of the pod, under its older name.'],
  ['k8s.pod.uid', 'CHARBUF', 'The uid of the pod.'],
  ['k8s.pod.sandbox_id', 'CHARBUF', 'The first 12 characters of the sandbox id of the pod.'],
  ['k8s.pod.full_sandbox_id', 'CHARBUF', 'The whole sandbox id of the pod.'],
  ['k8s.pod.label', 'CHARBUF', 'One label of the pod, by its key.', byKey],
  ['k8s.pod.labels', 'CHARBUF', 'Every label of the pod.'],
  ['k8s.pod.ip', 'CHARBUF', 'The address of the pod.'],
  ['k8s.pod.cni.json', 'CHARBUF', 'What the network plugin answered when it set the pod up.'],
  ...legacy('rc', 'replication controller'),
  ...legacy('svc', 'service'),
  ...legacy('ns', 'namespace').filter(([name]) => name !== 'k8s.ns.name'),
  ...legacy('rs', 'replica set'),
  ...legacy('deployment', 'deployment'),
]);
