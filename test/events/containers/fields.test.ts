import { describe, expect, it } from 'vitest';
import { type Container, ContainerEntry, host } from '../../../src/events/containers/container.ts';
import { containerReader, isTold } from '../../../src/events/containers/fields.ts';
import { lifecycleEvent, lifecycleFields } from '../../../src/events/containers/lifecycle.ts';
import { containerFields } from '../../../src/events/syscall/container-fields.ts';
import { containerOf } from './shared.ts';

const ID = '3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e';
const UID = '12345678-9abc-def0-1234-56789abcdef0';

const whole = containerOf({
  id: ID,
  name: 'web',
  image: 'shop/web:1',
  privileged: true,
  hostPid: false,
  hostNetwork: true,
  hostIpc: false,
  ip: '10.0.0.2',
  startedAt: 1_700_000_000_000_000_001n,
  labels: { tier: 'front', app: 'shop' },
  mounts: [
    { source: '/proc', destination: '/host/proc', mode: 'ro', writable: false, propagation: 'rprivate' },
    { source: '/etc', destination: '/host/etc', mode: '', writable: true, propagation: '' },
  ],
  probes: { healthcheck: ['/bin/check', '-q'] },
  pod: {
    name: 'shop-0',
    namespace: 'sales',
    uid: UID,
    sandboxId: 'b'.repeat(64),
    labels: { app: 'shop' },
    ip: '10.0.0.2',
    cni: '{"x":1}',
  },
});

function read(entry: ContainerEntry, name: string, arg?: string): unknown {
  return containerReader(name, arg)?.(entry, { time: 1_700_000_001_000_000_001n });
}

function entryOf(container?: Container): ContainerEntry {
  const entry = new ContainerEntry(ID, 'docker', UID);
  entry.answered(container);
  return entry;
}

describe('Fields of a container', () => {
  it.each<[string, string | undefined, unknown]>([
    ['container.id', undefined, '3ad7b26ded6d'],
    ['container.full_id', undefined, ID],
    ['container.name', undefined, 'web'],
    ['container.type', undefined, 'docker'],
    ['container.pending', undefined, false],
    ['container.image', undefined, 'shop/web:1'],
    ['container.image.repository', undefined, 'shop/web'],
    ['container.image.tag', undefined, '1'],
    ['container.privileged', undefined, true],
    ['container.host_network', undefined, true],
    ['container.host_pid', undefined, false],
    ['container.mounts', undefined, '/proc:/host/proc:ro:false:rprivate,/etc:/host/etc::true:'],
    ['container.mount', '0', '/proc:/host/proc:ro:false:rprivate'],
    ['container.mount', '/host/etc', '/etc:/host/etc::true:'],
    ['container.mount', '2', 'N/A'],
    ['container.mount.source', '/host/*', '/proc'],
    ['container.mount.source', '/host/et?', '/etc'],
    ['container.mount.dest', '/proc*', '/host/proc'],
    ['container.mount.dest', '/host*', 'N/A'],
    ['container.mount.mode', '/host/proc', 'ro'],
    ['container.mount.rdwr', '/host/etc', 'true'],
    ['container.mount.propagation', '/host/proc', 'rprivate'],
    ['container.healthcheck', undefined, '/bin/check -q'],
    ['container.start_ts', undefined, 1_700_000_000_000_000_001n],
    ['container.duration', undefined, 1_000_000_000],
    ['container.ip', undefined, '10.0.0.2'],
    ['container.cni.json', undefined, '{"x":1}'],
    ['container.labels', undefined, 'app:shop, tier:front'],
    ['container.label', 'tier', 'front'],
    ['container.label', 'constructor', undefined],
    ['k8s.pod.name', undefined, 'shop-0'],
    ['k8s.ns.name', undefined, 'sales'],
    ['k8s.pod.uid', undefined, UID],
    ['k8s.pod.id', undefined, UID],
    ['k8s.pod.sandbox_id', undefined, 'b'.repeat(12)],
    ['k8s.pod.full_sandbox_id', undefined, 'b'.repeat(64)],
    ['k8s.pod.label', 'app', 'shop'],
    ['k8s.pod.labels', undefined, 'app:shop'],
    ['k8s.pod.ip', undefined, '10.0.0.2'],
    ['k8s.pod.cni.json', undefined, '{"x":1}'],
  ])('%s[%s]', (name, arg, value) => expect(read(entryOf(whole), name, arg)).toEqual(value));

  it('of which only the cgroup is known', () => {
    const entry = entryOf();
    const known = { 'container.id': '3ad7b26ded6d', 'container.full_id': ID, 'k8s.pod.uid': UID, 'k8s.pod.id': UID };
    const more = { 'container.type': 'docker', 'container.pending': false };
    const values = containerFields.map(({ name, arg }) => [
      name,
      read(entry, name, arg === 'required' ? 'x' : undefined),
    ]);
    const present = values.filter(
      ([name, value]) => value !== undefined && !String(name).startsWith('container.mount'),
    );
    expect(Object.fromEntries(present)).toEqual({ ...known, ...more });
  });

  it('of the host', () => {
    const values = containerFields.map(({ name, arg }) => [
      name,
      read(host, name, arg === 'required' ? 'x' : undefined),
    ]);
    expect(Object.fromEntries(values.filter(([, value]) => value !== undefined))).toEqual({
      'container.id': 'host',
      'container.full_id': 'host',
      'container.name': 'host',
      'container.type': 'host',
      'container.pending': false,
    });
  });

  it('of one that has no id but its name', () => {
    const entry = new ContainerEntry('debian-tree', 'systemd-nspawn');
    expect(['container.id', 'container.name', 'container.type'].map((name) => read(entry, name))).toEqual([
      'debian-tree',
      'debian-tree',
      'systemd-nspawn',
    ]);
  });

  it('a pattern stands for itself but for its stars', () => {
    const entry = entryOf({
      ...whole,
      mounts: [{ source: '/a+(b)', destination: '/c.d', mode: '', writable: false, propagation: '' }],
    });
    expect(read(entry, 'container.mount.source', '/c.d')).toBe('/a+(b)');
    expect(read(entry, 'container.mount.source', '/cxd')).toBe('N/A');
    expect(read(entry, 'container.mount.dest', '/a+(b)')).toBe('/c.d');
    expect(read(entry, 'container.mount.dest', '[')).toBe('N/A');
  });

  it('come late, but for the id', () => {
    expect(['container.id', 'container.full_id', 'proc.name'].map(isTold)).toEqual([false, false, false]);
    expect(['container.name', 'container.mount.dest', 'k8s.ns.name', 'container.pending'].map(isTold)).not.toContain(
      false,
    );
  });
});

describe('A container that is looked up', () => {
  it('is waited for until the answer comes, or time is over', async () => {
    const entry = new ContainerEntry(ID);
    expect([entry.pending, entry.waiting]).toEqual([false, false]);
    entry.asked(60_000);
    expect([entry.pending, entry.waiting]).toEqual([true, true]);
    entry.answered(whole);
    await entry.ready;
    expect([entry.pending, entry.waiting, entry.container]).toEqual([false, false, whole]);
    entry.asked(1);
    await entry.ready;
    expect([entry.pending, entry.waiting]).toEqual([true, false]);
    entry.answered(undefined);
    expect([entry.pending, entry.container]).toEqual([false, whole]);
  });

  it('is not waited for where no wait is wanted', () => {
    const entry = new ContainerEntry(ID);
    entry.asked(0);
    expect([entry.pending, entry.waiting]).toEqual([true, false]);
  });
});

describe('Lifecycle events', () => {
  it('have all that is known, and the labels that are asked for', () => {
    const wanted = [{ text: 'container.label[app]', name: 'container.label', arg: 'app' }];
    const event = lifecycleEvent('die', 5n, { id: ID, container: whole, exitCode: 3 }, wanted);
    expect([event.source, event.type, event.time]).toEqual(['container', 'die', 5n]);
    expect(event.fields).toMatchObject({
      'container.id': '3ad7b26ded6d',
      'container.name': 'web',
      'container.exit_code': 3,
      'container.label[app]': 'shop',
      'k8s.pod.name': 'shop-0',
    });
    const names = new Set(lifecycleFields.map(({ name }) => name));
    for (const name of Object.keys(event.fields)) expect(names.has(name.replace(/\[.*/, '')), name).toBe(true);
  });

  it('of a container that nobody knows have its id', () => {
    expect(lifecycleEvent('remove', 5n, { id: ID, container: undefined }).fields).toEqual({
      'container.id': '3ad7b26ded6d',
      'container.full_id': ID,
    });
  });
});
