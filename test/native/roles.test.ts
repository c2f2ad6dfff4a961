/** Who is the client of a connection, and who the server: the same whatever of its calls was seen, or nothing. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { CALLS } from '../../native/calls.ts';
import type { CallFilters, Sensor } from '../../native/index.ts';
import type { Necessary } from '../../src/core/flow/necessary.ts';
import { Actor, type Decoded, drainAll, numberOf, prepare, watch, whyNot } from './harness.ts';

const [CLIENT, SERVER] = [1, 2];
const [STREAM, DGRAM] = [1, 2];

describe.skipIf(whyNot())('roles of sockets', () => {
  let actor: Actor;
  let every: Sensor;
  let some: Sensor;
  const opened: number[] = [];

  beforeAll(async () => {
    const place = prepare();
    actor = await Actor.start(place.program, place.folder);
    const types = ['socket', 'bind', 'listen', 'connect', 'accept4', 'sendto'];
    every = watch(actor, { calls: new Map(types.map((type) => [type, 'all' as const])) });
    some = watch(actor, { calls: new Map() });
  });
  afterEach(async () => {
    for (const fd of opened.splice(0)) await actor.ask(`close ${fd}`);
  });
  afterAll(() => {
    every?.close();
    some?.close();
    actor?.stop();
  });

  const call = (type: string, ...words: (string | number)[]) => actor.ask(`sys ${numberOf(type)} ${words.join(' ')}`);
  const sees = (calls: CallFilters) => some.configure({ env: false, real: false, file: false, calls });
  async function opening(type: string, ...words: (string | number)[]): Promise<number> {
    const fd = await call(type, ...words);
    expect(fd, `${type} ${words.join(' ')}`).toBeGreaterThanOrEqual(0);
    opened.push(fd);
    return fd;
  }
  const lastPort = () => drainAll(every).at(-1)?.local_port as number;
  const rolesOf = (records: readonly Decoded[]) =>
    records.filter(({ nr }) => nr === CALLS.sendto?.id).map(({ role }) => role);

  interface Family {
    readonly family: number;
    readonly size: number;
    /** An address of this machine, with that port. */
    readonly own: (port: number) => string;
  }
  const families: readonly [string, Family][] = [
    ['IPv4', { family: 2, size: 16, own: (port) => `in:${port}` }],
    ['IPv6', { family: 10, size: 28, own: (port) => `in6:${port}` }],
    ['IPv4 in IPv6', { family: 10, size: 28, own: (port) => `in6:${port}@::ffff:127.0.0.1` }],
  ];

  async function listen({ family, size, own }: Family): Promise<{ fd: number; port: number }> {
    const fd = await opening('socket', family, STREAM, 0);
    await call('bind', fd, own(0), size);
    await call('listen', fd, 5);
    return { fd, port: lastPort() };
  }

  async function close(fd: number): Promise<void> {
    opened.splice(opened.indexOf(fd), 1);
    await actor.ask(`close ${fd}`);
  }

  /** A port that nobody has. */
  async function freePort(of: Family): Promise<number> {
    const { fd, port } = await listen(of);
    await close(fd);
    return port;
  }

  /** A connection by a client that is bound to `from`; both ends. */
  async function connect(of: Family, from = 0): Promise<{ client: number; server: number }> {
    const { fd, port } = await listen(of);
    const client = await opening('socket', of.family, STREAM, 0);
    expect(await call('bind', client, of.own(from), of.size)).toBe(0);
    expect(await call('connect', client, of.own(port), of.size)).toBe(0);
    return { client, server: await opening('accept4', fd, 0, 0, 0) };
  }

  const NOSIGNAL = 0x4000;
  const send = (fd: number) => call('sendto', fd, "'x", 1, NOSIGNAL, 0, 0);

  const nowhere: Necessary = [{ ends: [{ end: 'remote', of: 'port', values: ['1'] }] }];
  const seen: readonly [string, CallFilters][] = [
    ['nothing', new Map()],
    ['no connect', new Map([['sendto', 'all']])],
    [
      'a connect that is dropped',
      new Map<string, 'all' | Necessary>([
        ['connect', nowhere],
        ['sendto', 'all'],
      ]),
    ],
    [
      'bind, and a connect that is dropped',
      new Map<string, 'all' | Necessary>([
        ['bind', 'all'],
        ['connect', nowhere],
        ['sendto', 'all'],
      ]),
    ],
    ['connects, and nothing that asks for roles', new Map<string, 'all'>([['connect', 'all']])],
  ];

  describe.each(families)('of TCP by %s', (_, family) => {
    test.each(seen)('when %s was seen', async (_, calls) => {
      sees(calls);
      for (const from of [0, await freePort(family)]) {
        const { client, server } = await connect(family, from);
        const all = new Map([['sendto', 'all' as const]]);
        sees(calls.has('sendto') ? calls : all);
        await send(client);
        await send(server);
        expect(rolesOf(drainAll(every))).toEqual([CLIENT, SERVER]);
        expect(rolesOf(drainAll(some))).toEqual([CLIENT, SERVER]);
        sees(calls);
      }
    });

    test('when the other end has gone', async () => {
      sees(new Map([['sendto', 'all']]));
      const { client, server } = await connect(family);
      await close(server);
      await send(client); // it is answered by a reset
      await send(client);
      expect(rolesOf(drainAll(every))).toEqual([CLIENT, CLIENT]);
      expect(rolesOf(drainAll(some))).toEqual([CLIENT, CLIENT]);
    });

    test('of one that was accepted, dissolved and connected anew, in a connect that is dropped', async () => {
      sees(
        new Map<string, 'all' | Necessary>([
          ['connect', nowhere],
          ['sendto', 'all'],
        ]),
      );
      const { server } = await connect(family);
      expect(await call('connect', server, 'unspec', family.size)).toBe(0);
      const { port } = await listen(family);
      expect(await call('connect', server, family.own(port), family.size)).toBe(0);
      await send(server);
      expect(rolesOf(drainAll(every))).toEqual([CLIENT]);
      expect(rolesOf(drainAll(some))).toEqual([CLIENT]);
    });
  });

  test('of a datagram socket that was bound and connected, for the state of a process', async () => {
    const calls = new Map([['connect', 'all' as const]]);
    const state = new Map([['exec', { open: false, stdio: 'types' as const }]]);
    some.configure({ env: false, real: false, file: false, calls, state });
    const fd = await opening('socket', 2, DGRAM, 0);
    await call('bind', fd, `in:${await freePort(families[0]?.[1] as Family)}`, 16);
    await call('connect', fd, 'in:53@127.0.0.9', 16);
    await call('connect', fd, 'unspec', 16);
    // Who asks from now on is told of it.
    sees(new Map([['sendto', 'all']]));
    await call('sendto', fd, "'x", 1, 0, 'in:53@127.0.0.9', 16);
    const roles = [drainAll(every), drainAll(some)].map(rolesOf);
    expect(roles[0]).toEqual([CLIENT]);
    expect(roles[1]).toEqual(roles[0]);
  });
});
