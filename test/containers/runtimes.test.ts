/** The clients against real engines. */

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ContainerdRuntime } from '../../src/containers/containerd.ts';
import { CriRuntime } from '../../src/containers/cri.ts';
import { DockerRuntime } from '../../src/containers/docker.ts';
import type { Lifecycle, Runtime } from '../../src/containers/runtime.ts';
import { containerOfCgroup } from '../../src/events/containers/cgroup.ts';
import { processCgroup } from '../../src/events/containers/process-cgroup.ts';
import { Kubelet, type PodIds } from './cri-calls.ts';
import { Containerd, cannotRun, Docker, IMAGE, Podman } from './engines.ts';

const signal = new AbortController().signal;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Takes note of what happens while `act` runs, until a container is removed. */
async function lifecycleOf(runtime: Runtime, act: () => Promise<void> | void): Promise<Lifecycle[]> {
  const stop = new AbortController();
  const seen: Lifecycle[] = [];
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const following = (async () => {
    for await (const event of runtime.lifecycle(stop.signal, () => resolve())) seen.push(event);
  })().catch(() => {});
  await asked;
  await runtime.list(stop.signal);
  await act();
  for (let tries = 0; tries < 100 && !seen.some(({ type }) => type === 'remove'); tries++) await sleep(50);
  stop.abort();
  await following;
  return seen;
}

const since = BigInt(Date.now()) * 1_000_000n;

function expectTimes(events: readonly { readonly time: bigint }[]): void {
  for (const { time } of events) expect(time > since && time < since + 600_000_000_000n).toBe(true);
}

const noPodman = cannotRun('podman', 'conmon');
describe.skipIf(noPodman)(`Podman${noPodman ? ` (skipped: ${noPodman})` : ''}`, () => {
  let podman: Podman;
  let runtime: DockerRuntime;
  beforeAll(async () => {
    podman = await new Podman().serve();
    runtime = new DockerRuntime('podman', podman.socket);
  });
  afterAll(async () => {
    runtime.close();
    await podman.close();
  });

  it('tells what a container is', async () => {
    const id = podman.start(
      '--name=web',
      '--label=app=shop',
      '--privileged',
      '--pid=host',
      '-v=/tmp:/host:ro',
      '--health-cmd=/bin/true',
      IMAGE,
      '/bin/sleep',
      '1000',
    );
    const found = await runtime.inspect(id, signal);
    expect(found).toMatchObject({
      id,
      runtime: 'podman',
      name: 'web',
      image: { given: IMAGE, repository: 'localhost/shop/web', tag: '1.2', digest: expect.stringMatching(DIGEST) },
      labels: { app: 'shop' },
      mounts: [{ source: '/tmp', destination: '/host', writable: false, propagation: 'rprivate' }],
      privileged: true,
      hostPid: true,
      hostNetwork: false,
      hostIpc: false,
      probes: { healthcheck: ['sh', '-c', '/bin/true'] },
      pod: undefined,
    });
    expectTimes([{ time: found?.startedAt ?? 0n }]);
    expect(await runtime.list(signal)).toEqual([{ id, state: 'running' }]);
    podman.remove(id);
    expect(await runtime.inspect(id, signal)).toBeUndefined();
    expect(await runtime.list(signal)).toEqual([]);
  });

  it('tells what becomes of one', async () => {
    let id = '';
    const events = await lifecycleOf(runtime, () => {
      id = podman.start('--name=job', IMAGE, '/bin/sh', '-c', 'exit 3');
      podman.remove(id);
    });
    expect(events.map(({ type, id: of, exitCode }) => [type, of, exitCode])).toEqual([
      ['create', id, undefined],
      ['start', id, undefined],
      ['die', id, 3],
      ['remove', id, undefined],
    ]);
    expectTimes(events);
  });
});

const noDocker = cannotRun('dockerd', 'containerd', 'curl');
describe.skipIf(noDocker)(`Docker${noDocker ? ` (skipped: ${noDocker})` : ''}`, () => {
  let docker: Docker;
  let runtime: DockerRuntime;
  beforeAll(async () => {
    docker = await new Docker().serve();
    runtime = new DockerRuntime('docker', docker.socket);
  });
  afterAll(async () => {
    runtime.close();
    await docker.close();
  });

  it('tells what a container is', async () => {
    const id = docker.start('web', {
      Cmd: ['/bin/sleep', '1000'],
      Labels: { 'io.kubernetes.pod.name': 'shop-0', 'io.kubernetes.pod.namespace': 'sales' },
      Healthcheck: { Test: ['CMD', '/bin/true', 'x'] },
      HostConfig: { NetworkMode: 'host', IpcMode: 'host', Binds: ['/tmp:/host:ro'] },
    });
    expect(await runtime.inspect(id, signal)).toMatchObject({
      id,
      runtime: 'docker',
      name: 'web',
      image: {
        given: IMAGE,
        id: expect.stringMatching(/^[0-9a-f]{64}$/),
        repository: 'localhost/shop/web',
        tag: '1.2',
      },
      mounts: [{ source: '/tmp', destination: '/host', mode: 'ro', writable: false }],
      privileged: false,
      hostPid: false,
      hostNetwork: true,
      hostIpc: true,
      probes: { healthcheck: ['/bin/true', 'x'] },
      pod: { name: 'shop-0', namespace: 'sales' },
    });
    expect(await runtime.list(signal)).toEqual([{ id, state: 'running' }]);
    docker.remove(id);
    expect(await runtime.inspect(id, signal)).toBeUndefined();
    expect(await runtime.list(signal)).toEqual([]);
  });

  it('tells what becomes of one', async () => {
    let id = '';
    const events = await lifecycleOf(runtime, () => {
      id = docker.start('job', { Cmd: ['/bin/sleep', '1000'], HostConfig: { NetworkMode: 'none' } });
      docker.remove(id);
    });
    expect(events.map(({ type, id: of, exitCode }) => [type, of, exitCode])).toEqual([
      ['create', id, undefined],
      ['start', id, undefined],
      ['die', id, 137],
      ['remove', id, undefined],
    ]);
    expectTimes(events);
  });
});

const noContainerd = noPodman ?? cannotRun('containerd', 'ctr');
describe.skipIf(noContainerd)(`containerd${noContainerd ? ` (skipped: ${noContainerd})` : ''}`, () => {
  let podman: Podman;
  let containerd: Containerd;
  let own: ContainerdRuntime;
  let cri: CriRuntime;
  let kubelet: Kubelet;
  beforeAll(async () => {
    podman = new Podman();
    containerd = (await new Containerd().serve()).importImage(podman);
    own = new ContainerdRuntime(containerd.socket);
    cri = new CriRuntime('containerd', containerd.socket);
    kubelet = new Kubelet(containerd.socket, containerd.folder);
  });
  afterAll(async () => {
    for (const client of [own, cri, kubelet]) client?.close();
    await containerd?.close();
    await podman?.close();
  });

  it('tells what a pod and its container are', async () => {
    const ids: PodIds = await kubelet.start('/kubepods/burstable/pod12345678-9abc-def0-1234-56789abcdef0');
    const pod = {
      name: 'shop-0',
      namespace: 'sales',
      uid: '12345678-9abc-def0-1234-56789abcdef0',
      sandboxId: ids.sandbox,
      labels: { app: 'shop', 'io.kubernetes.pod.name': 'shop-0' },
    };
    const shared = { runtime: 'containerd', hostPid: false, hostNetwork: true, hostIpc: false };
    const found = await cri.inspect(ids.container, signal);
    expect(found).toMatchObject({
      id: ids.container,
      ...shared,
      name: 'web',
      image: {
        given: IMAGE,
        id: expect.stringMatching(/^[0-9a-f]{64}$/),
        repository: 'localhost/shop/web',
        tag: '1.2',
      },
      labels: { tier: 'front' },
      mounts: [{ source: '/tmp', destination: '/host', writable: false, propagation: 'private' }],
      privileged: true,
      probes: { liveness: ['/bin/cat', '/alive'] },
      pod,
    });
    expectTimes([{ time: found?.startedAt ?? 0n }]);
    expect(await cri.inspect(ids.sandbox, signal)).toMatchObject({ id: ids.sandbox, ...shared, name: 'shop-0', pod });
    expect(await cri.inspect('f'.repeat(64), signal)).toBeUndefined();
    expect(await own.inspect(ids.container, signal), 'they are the kubelet’s').toBeUndefined();
    expect(await cri.list(signal)).toEqual([
      { id: ids.container, state: 'running' },
      { id: ids.sandbox, state: 'running' },
    ]);
    expect(await own.list(signal)).toEqual([]);
    await kubelet.remove(ids);
    expect(await cri.inspect(ids.container, signal)).toBeUndefined();
    expect(await cri.list(signal)).toEqual([]);
  });

  it('tells what becomes of a pod', async () => {
    let ids: PodIds = { sandbox: '', container: '' };
    const events = await lifecycleOf(cri, async () => {
      ids = await kubelet.start();
      await kubelet.remove(ids);
    });
    const ofContainer = events.filter(({ id }) => id === ids.container);
    expect(ofContainer.map(({ type, exitCode }) => [type, exitCode])).toEqual([
      ['create', undefined],
      ['start', undefined],
      ['die', 137],
      ['remove', undefined],
    ]);
    expect(events.filter(({ id }) => id === ids.sandbox).map(({ type }) => type)).toContain('start');
    expectTimes(events);
  });

  it('tells what a container of its own is, and becomes', async () => {
    const events = await lifecycleOf(own, async () => {
      const mount = 'type=bind,src=/tmp,dst=/host,options=rbind:rprivate:ro';
      containerd.ctr(
        'run',
        '-d',
        '--privileged',
        '--label=app=shop',
        '--mount',
        mount,
        IMAGE,
        'c1',
        '/bin/sleep',
        '99',
      );
      expect(await own.inspect('c1', signal)).toMatchObject({
        id: 'c1',
        name: 'c1',
        image: { given: IMAGE, repository: 'localhost/shop/web', tag: '1.2', digest: expect.stringMatching(DIGEST) },
        labels: { app: 'shop' },
        mounts: [{ source: '/tmp', destination: '/host', writable: false, propagation: 'rprivate' }],
        privileged: true,
        hostPid: false,
      });
      expect(await own.list(signal)).toEqual([{ id: 'c1', state: 'running' }]);
      containerd.ctr('task', 'kill', '-s', 'KILL', 'c1');
      await sleep(300);
      expect(await own.list(signal)).toEqual([{ id: 'c1', state: 'ended' }]);
      containerd.ctr('container', 'rm', 'c1');
    });
    expect(events.map(({ type, id, exitCode }) => [type, id, exitCode])).toEqual([
      ['create', 'c1', undefined],
      ['start', 'c1', undefined],
      ['die', 'c1', 137],
      ['remove', 'c1', undefined],
    ]);
    expectTimes(events);
    expect(await own.inspect('c1', signal)).toBeUndefined();
  });
});

describe('The cgroup of a process', () => {
  it('is read from /proc, and none of one that is gone', () => {
    const path = processCgroup(process.pid);
    expect(path).toMatch(/^\//);
    expect(containerOfCgroup(path as string)).toBeUndefined();
    expect(processCgroup(2 ** 30)).toBeUndefined();
  });
});
