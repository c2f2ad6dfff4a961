import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ContainerLookup } from '../../src/containers/lookup.ts';
import { Runtimes } from '../../src/containers/sockets.ts';
import type { RuntimeKind } from '../../src/events/containers/cgroup.ts';
import { containerOf } from '../events/containers/shared.ts';
import { scratch } from '../scratch.ts';
import { FakeRuntime, id } from './fake-runtime.ts';
import { serveHttp } from './servers.ts';

describe('Looking containers up', () => {
  let lookup: ContainerLookup | undefined;
  const unreachable: string[] = [];
  const unfollowed: string[] = [];
  const outcomes: string[] = [];

  function lookupOver(...given: readonly (FakeRuntime | (() => Promise<readonly FakeRuntime[]>))[]): ContainerLookup {
    const runtimes = given.filter((each) => each instanceof FakeRuntime);
    unreachable.length = 0;
    unfollowed.length = 0;
    outcomes.length = 0;
    lookup = new ContainerLookup({
      runtimes: {
        all: given.find((each) => typeof each === 'function') ?? (async () => runtimes),
        of: async (kind) => runtimes.filter((runtime) => runtime.mayHave(kind)),
        close: async () => {},
      },
      wait: 60_000,
      unreachable: (socket, why) => void unreachable.push(`${socket}: ${why}`),
      unfollowed: (why) => void unfollowed.push(why),
      ended: (outcome) => void outcomes.push(outcome),
    });
    return lookup;
  }
  afterEach(() => {
    vi.useRealTimers();
    lookup?.close();
  });

  it('asks nobody until somebody wants to know, then also for what is there already', async () => {
    const runtime = new FakeRuntime();
    runtime.answer = async (of) => containerOf({ id: of, startedAt: 1n });
    const { table } = lookupOver(runtime);
    const entry = table.at(`/docker/${id(1)}`);
    await sleep(10);
    expect([entry.pending, runtime.asked]).toEqual([false, []]);
    (lookup as ContainerLookup).wanted = true;
    expect(entry.waiting).toBe(true);
    await entry.ready;
    expect([entry.container?.name, entry.pending, runtime.asked]).toEqual(['web', false, [id(1)]]);
    expect(outcomes).toEqual(['found']);
  });

  it('asks again: a first process may run before its runtime knows it', async () => {
    const runtime = new FakeRuntime();
    runtime.answer = async (of) => (runtime.asked.length < 4 ? undefined : containerOf({ id: of, startedAt: 1n }));
    const { table } = lookupOver(runtime);
    (lookup as ContainerLookup).wanted = true;
    const entry = table.at(`/docker/${id(1)}`);
    await entry.ready;
    expect(runtime.asked).toHaveLength(4);
    expect(entry.container?.name).toBe('web');
  });

  it('asks only those that may have it; where there is none, nothing is waited for', async () => {
    const [docker, podman] = [new FakeRuntime('docker'), new FakeRuntime('podman')];
    podman.answer = async (of) => containerOf({ id: of, runtime: 'docker', startedAt: 1n });
    const { table } = lookupOver(docker, podman);
    (lookup as ContainerLookup).wanted = true;
    const entry = table.at(`/libpod_parent/libpod-${id(1)}`);
    const other = table.at(`/kubepods.slice/kubepods-pod1.slice/crio-${id(2)}.scope`);
    await Promise.all([entry.ready, other.ready]);
    expect([docker.asked, podman.asked]).toEqual([[], [id(1)]]);
    expect(entry.container?.runtime, 'as its cgroup says').toBe('podman');
    expect([other.pending, other.container]).toEqual([false, undefined]);
    expect(outcomes.toSorted()).toEqual(['found', 'unknown']);
  });

  it('says once that a runtime does not answer, and asks the others', async () => {
    const [broken, podman] = [new FakeRuntime('docker'), new FakeRuntime('podman')];
    broken.answer = async () => {
      throw new Error('connect EACCES');
    };
    podman.answer = async (of) => (podman.asked.length < 3 ? undefined : containerOf({ id: of, startedAt: 1n }));
    const { table } = lookupOver(broken, podman);
    (lookup as ContainerLookup).wanted = true;
    const entry = table.at(`/kubepods/burstable/pod1/${id(1)}`);
    await entry.ready;
    expect(broken.asked).toHaveLength(3);
    expect(unreachable).toEqual(['/fake/docker.sock: connect EACCES']);
  });

  it('knows what a runtime has told of before its first process is seen', async () => {
    const runtime = new FakeRuntime();
    runtime.answer = async (of) => containerOf({ id: of, startedAt: 1n });
    const { table } = lookupOver(runtime);
    (lookup as ContainerLookup).wanted = true;
    runtime.tell({ type: 'create', id: id(7) });
    while (table.get(id(7))?.container === undefined) await sleep(1);
    const entry = table.at(`/docker/${id(7)}`);
    expect([entry.waiting, entry.container?.name]).toEqual([false, 'web']);
    runtime.tell({ type: 'die', id: id(8) });
    await sleep(10);
    expect(table.get(id(8))).toBeUndefined();
  });

  it('has what was told of one that is gone', async () => {
    const runtime = new FakeRuntime();
    const { table } = lookupOver(runtime);
    (lookup as ContainerLookup).wanted = true;
    runtime.tell({ id: id(1), glimpse: containerOf({ id: id(1), name: 'short' }) });
    while (table.get(id(1)) === undefined) await sleep(1);
    const entry = table.at(`/docker/${id(1)}`);
    await entry.ready;
    expect(entry.container?.name).toBe('short');
  });

  it('asks once more for one that had not started: then it has addresses', async () => {
    const runtime = new FakeRuntime();
    runtime.answer = async (of) =>
      containerOf({ id: of, ...(runtime.asked.length < 2 ? {} : { startedAt: 1n, ip: '10.0.0.2' }) });
    const { table } = lookupOver(runtime);
    (lookup as ContainerLookup).wanted = true;
    const entry = table.at(`/docker/${id(1)}`);
    await entry.ready;
    expect(entry.container?.ip).toBeUndefined();
    while (entry.container?.ip === undefined) await sleep(20);
    expect(runtime.asked).toHaveLength(2);
  });

  it('says that it could not follow runtimes, and follows them again', async () => {
    const runtime = new FakeRuntime();
    runtime.answer = async (of) => containerOf({ id: of, startedAt: 1n });
    let looks = 0;
    const all = async () => {
      if (++looks === 1) throw new Error('EACCES: permission denied, scandir /run/user');
      return [runtime];
    };
    const { table } = lookupOver(runtime, all);
    vi.useFakeTimers();
    (lookup as ContainerLookup).wanted = true;
    await vi.advanceTimersByTimeAsync(4000);
    expect([unfollowed, runtime.tries.length]).toEqual([['EACCES: permission denied, scandir /run/user'], 0]);
    await vi.advanceTimersByTimeAsync(2000);
    runtime.tell({ type: 'create', id: id(7) });
    await vi.advanceTimersByTimeAsync(0);
    expect([table.get(id(7))?.container?.name, runtime.tries.length, unfollowed.length]).toEqual(['web', 1, 1]);
  });

  it('lets nothing wait when it is closed', async () => {
    const runtime = new FakeRuntime();
    runtime.answer = () => new Promise(() => {});
    const { table } = lookupOver(runtime);
    (lookup as ContainerLookup).wanted = true;
    const entry = table.at(`/docker/${id(1)}`);
    lookup?.close();
    await entry.ready;
    expect([entry.pending, table.at(`/docker/${id(2)}`).pending]).toEqual([false, false]);
  });
});

describe('The runtimes of a machine', () => {
  const none = { docker: [], podman: [], containerd: [], crio: [] };

  it('are those that are configured, the likeliest first', async () => {
    const runtimes = new Runtimes({ ...none, docker: ['/d'], podman: ['/p'], containerd: ['/c'], crio: ['/o'] });
    const names = async (kind?: RuntimeKind) =>
      (await runtimes.of(kind)).map(({ name, socket }) => `${name} ${socket}`);
    expect(await names('podman')).toEqual(['podman /p', 'docker /d']);
    expect(await names('docker')).toEqual(['docker /d', 'podman /p']);
    expect(await names('containerd')).toEqual(['containerd /c', 'containerd /c']);
    expect(await names('cri-o')).toEqual(['cri-o /o']);
    expect(await names('systemd-nspawn')).toEqual([]);
    expect(await names()).toHaveLength(5);
    await runtimes.close();
  });

  it('of no socket are none', async () => {
    expect(await new Runtimes(none).all()).toEqual([]);
  });

  it('answer at their sockets', async () => {
    const served = await serveHttp((_, response) => response.end(JSON.stringify({ Id: id(1), Name: '/web' })));
    const runtimes = new Runtimes({ ...none, docker: [served.socket] });
    const [docker] = await runtimes.of('docker');
    expect(await docker?.inspect(id(1), new AbortController().signal)).toMatchObject({ id: id(1), name: 'web' });
    await runtimes.close();
    await served.close();
  });

  it('that are not there are said to be so', async () => {
    const folder = scratch();
    const said: string[] = [];
    const lookup = new ContainerLookup({
      runtimes: new Runtimes({ ...none, docker: [join(folder, 'no.sock')] }),
      wait: 60_000,
      unreachable: (socket, why) => void said.push(`${socket} ${why}`),
      unfollowed: (why) => void said.push(why),
    });
    lookup.wanted = true;
    lookup.table.at(`/docker/${id(1)}`);
    while (said.length === 0) await sleep(5);
    expect(said[0]).toMatch(/no\.sock connect ENOENT/);
    lookup.close();
  });
});
