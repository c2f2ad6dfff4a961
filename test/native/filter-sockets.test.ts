/** The filter of the kernel programs on real calls on sockets: it drops what the model drops, and nothing else. */

import { symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lookedFor } from '../../native/filter.ts';
import type { Sensor } from '../../native/index.ts';
import type { Clause, EndProperty, Necessary, SocketKind } from '../../src/core/flow/necessary.ts';
import { ipv4, ipv6 } from '../../src/events/kernel/addresses.ts';
import { callOf } from '../../src/events/kernel/calls.ts';
import { type Called, callPasses, kindOf } from './filter-model.ts';
import { Actor, type Decoded, drainAll, numberOf, prepare, watch, whyNot } from './harness.ts';

const TYPES = ['socket', 'connect', 'bind', 'listen', 'sendto', 'recvfrom', 'writev', 'dup', 'accept4'] as const;
const NONBLOCK = 0o4000;

describe.skipIf(whyNot())('filters of sockets in the kernel', () => {
  let place: ReturnType<typeof prepare>;
  let actor: Actor;
  let every: Sensor;
  let some: Sensor;
  let port = 0;
  const servers = [createServer(), createServer(), createServer()];

  beforeAll(async () => {
    place = prepare();
    const listen = (at: number, ...where: [string] | [number, string]) =>
      new Promise<void>((done) => {
        const server = servers[at];
        server?.on('connection', (socket) => socket.on('error', () => {}));
        if (typeof where[0] === 'string') server?.listen(where[0], done);
        else server?.listen(where[0], where[1], done);
      });
    await listen(0, 0, '127.0.0.1');
    await listen(1, join(place.folder, 'docker.sock'));
    await listen(2, join(place.folder, 'other.sock'));
    symlinkSync('docker.sock', join(place.folder, 'way'));
    const address = servers[0]?.address();
    port = typeof address === 'object' && address ? address.port : 0;
    actor = await Actor.start(place.program, place.folder);
    const calls = new Map(TYPES.map((type) => [type as string, 'all' as const]));
    every = watch(actor, { calls });
    some = watch(actor, { calls });
  });
  afterAll(() => {
    every?.close();
    some?.close();
    actor?.stop();
    for (const server of servers) server.close();
  });

  const call = (type: string, ...words: (string | number)[]) => actor.ask(`sys ${numberOf(type)} ${words.join(' ')}`);

  /** One of each kind that makes a difference; on a machine without IPv6 what is about it fails. */
  async function act(): Promise<void> {
    const opened: number[] = [];
    const socket = async (...words: number[]) => {
      const fd = await call('socket', ...words);
      opened.push(fd);
      return fd;
    };
    const tcp = await socket(2, 1, 0);
    await call('connect', tcp, `in:${port}`, 16);
    await call('writev', tcp, 'vec:four', 2);
    await call('sendto', tcp, "'x", 1, 0, 0, 0);
    opened.push(await call('dup', tcp));
    await call('connect', tcp, `in:${port}`, 16); // it is already
    await call('connect', tcp, 'unspec', 16);
    await call('connect', await socket(2, 1, 0), 'in:1@127.0.0.7', 16);
    await call('connect', await socket(2, 1 | NONBLOCK, 0), `in:${port}`, 16);
    const udp = await socket(2, 2, 0);
    await call('sendto', udp, "'x", 1, 0, 'in:53@127.0.0.9', 16);
    await call('connect', udp, 'in:53@127.0.0.9', 16);
    await call('sendto', udp, "'x", 1, 0, 0, 0);
    await call('writev', udp, 'vec:four', 2);
    await call('connect', udp, 'in:443@127.3.0.1', 16);
    await call('connect', udp, 'unspec', 16);
    await call('sendto', udp, "'x", 1, 0, 'in:40000@127.0.0.9', 16);
    const six = await socket(10, 2, 0);
    await call('connect', six, 'in6:53', 28);
    await call('connect', six, 'in6:443@::ffff:127.3.0.1', 28);
    await call('sendto', await socket(10, 2, 0), "'x", 1, 0, 'in6:53@::ffff:127.0.0.9', 28);
    await call('connect', await socket(10, 1, 0), 'in6:1', 28);
    await call('connect', await socket(10, 1, 0), `in6:${port}@::ffff:127.0.0.1`, 28);
    const bound = await socket(2, 1, 0);
    await call('bind', bound, 'in:0', 16);
    await call('listen', bound, 1);
    await call('accept4', await socket(2, 1, 0), 0, 0, 0);
    for (const name of ['docker.sock', 'other.sock', '.hidden/docker.sock', 'x//docker.sock', 'sock']) {
      await actor.ask(`connect-unix ${join(place.folder, '/').concat(name)}`);
    }
    await actor.ask(`connect-unix ${join(place.folder, 'way')}`);
    await actor.ask('connect-unix @/abstract/docker.sock');
    await call('connect', await socket(1, 1, 0), 'un:docker.sock', 110);
    await call('connect', await socket(1, 1, 0), 0, 110);
    const unix = await socket(1, 2, 0);
    await call('sendto', unix, "'x", 1, 0, 'un:/nowhere/docker.sock', 110);
    opened.push(await call('dup', unix));
    await call('connect', 0, 'un:/nowhere/docker.sock', 110); // no socket
    await call('connect', 999, `in:${port}`, 16);
    await socket(16, 3, 0);
    await socket(99, 1, 0);
    opened.push(await call('dup', 0));
    if (process.arch === 'x64') await actor.ask(`connect socketcall ${port}`);
    const ring = await socket(2, 2, 0);
    await actor.ask(`uring plain 16 ${ring} in:443@127.0.0.9 0 16 0`);
    await actor.ask(`uring plain 16 ${await socket(1, 1, 0)} un:docker.sock 0 110 0`);
    for (const fd of opened) if (fd >= 0) await actor.ask(`close ${fd}`);
  }

  const address = (record: Decoded, at: 'local' | 'remote') => {
    const bytes = record[`${at}_addr`] as Buffer;
    return { ip: record.family === 2 ? ipv4(bytes) : ipv6(bytes), port: record[`${at}_port`] as number };
  };

  function calledOf(record: Decoded): Called {
    const isSocket = record.kind === 'socket';
    return {
      type: callOf(record.nr as number)?.name ?? '',
      ret: record.ret as number,
      family: isSocket ? (record.family as number) : 0,
      socketType: record.sock_type as number,
      protocol: record.protocol as number,
      local: isSocket ? address(record, 'local') : { ip: '0.0.0.0', port: 0 },
      remote: isSocket ? address(record, 'remote') : { ip: '0.0.0.0', port: 0 },
      addressFamily: isSocket ? (record.addr_family as number) : 0,
      path: isSocket ? (record.unix_path as string) : '',
      real: isSocket ? (record.real as string) : '',
      comm: record.comm as string,
    };
  }

  const show = (call: Called) =>
    `${call.type} ${kindOf(call)} ${call.ret} ${call.remote.ip}:${call.remote.port} ${call.path}`;

  async function compare(necessary: Necessary): Promise<{ sent: number; all: number }> {
    const calls = new Map(TYPES.map((type) => [type as string, necessary]));
    some.configure({ env: false, real: false, file: false, calls });
    const before = some.counters();
    await act();
    const all = drainAll(every).map(calledOf);
    const sent = drainAll(some).map(calledOf).map(show);
    const asked = lookedFor(calls);
    const clausesOf = (type: string) => asked.get(type) as Necessary;
    // A descriptor and what it returned may differ from run to run, not between two who look at the same.
    expect(sent).toEqual(all.filter((each) => callPasses(clausesOf(each.type), each)).map(show));
    // What the programs are asked for is no less than what is wanted.
    for (const each of all) {
      if (callPasses(necessary, each)) expect(callPasses(clausesOf(each.type), each), show(each)).toBe(true);
    }
    const { filtered } = some.counters();
    const dropped = TYPES.reduce((sum, type) => sum + Number(filtered[type]) - Number(before.filtered[type]), 0);
    // Where nothing is wanted of a call, its other doors are not even looked at.
    if (clausesOf('connect').length > 0) expect(sent.length + dropped).toBe(all.length);
    return { sent: sent.length, all: all.length };
  }

  const path = (kind: 'prefix' | 'name' | 'hidden', value: string) => ({ of: 'text', kind, value }) as const;
  const real = (kind: 'prefix' | 'name' | 'hidden', value: string) => ({ of: 'real', kind, value }) as const;
  const end = (whose: EndProperty['end'], what: EndProperty['of'], ...values: string[]): EndProperty => ({
    end: whose,
    of: what,
    values,
  });
  const outside = (...values: string[]): EndProperty => ({ ...end('remote', 'address', ...values), outside: true });

  const cases: [string, () => Necessary][] = [
    ['nothing', () => []],
    ['everything', () => [{}]],
    ...(['tcp', 'other_ip', 'unix', 'other'] as const).map((kind): [string, () => Necessary] => [
      kind,
      () => [{ sockets: new Set([kind]) }],
    ]),
    ['unix sockets that fail', () => [{ sockets: new Set(['unix']), results: new Set(['failed']) }]],
    ['the name of a unix socket', () => [{ paths: [path('name', 'docker.sock')] }]],
    ['the name of the file that it leads to', () => [{ paths: [real('name', 'docker.sock')] }]],
    ['the beginning of its path', () => [{ paths: [path('prefix', join(place.folder, 'docker'))] }]],
    ['hidden names in it', () => [{ paths: [path('hidden', '')] }]],
    ['a port of the other end', () => [{ ends: [end('remote', 'port', '53', '440-445')] }]],
    ['a port of either end', () => [{ ends: [end('either', 'port', '53')] }]],
    ['no other end', () => [{ ends: [] }]],
    ['an address', () => [{ ends: [end('remote', 'address', '127.0.0.9', '::1')] }]],
    [
      'networks in one another',
      () => [{ ends: [end('server', 'address', '127.3.0.0/16', '127.0.0.8/31', '127.0.0.0/8')] }],
    ],
    ['what is in no network', () => [{ ends: [outside('127.3.0.0/16', '::1')] }]],
    [
      'what is in a network or in none of others',
      () => [{ ends: [outside('127.0.0.0/8', '::1'), end('remote', 'address', '127.0.0.9')] }],
    ],
    [
      'different things of TCP and UDP',
      () => [
        { sockets: new Set(['tcp']), ends: [end('remote', 'port', `${port}`)] },
        { sockets: new Set(['other_ip']), ends: [outside('127.0.0.0/8')] },
      ],
    ],
  ];

  test.each(cases)('%s', async (name, make) => {
    const { sent, all } = await compare(make());
    expect(all).toBeGreaterThan(60);
    if (name === 'nothing') expect(sent).toBe(0);
    else if (name === 'everything') expect(sent).toBe(all);
    else {
      expect(sent).toBeGreaterThan(0);
      expect(sent).toBeLessThan(all);
    }
  });

  test('who came first is known of a datagram socket whose connect was dropped', async () => {
    const dropped: Necessary = [{ ends: [end('remote', 'port', '1')] }];
    const calls = new Map<string, 'all' | Necessary>([
      ['connect', dropped],
      ['sendto', 'all'],
    ]);
    some.configure({ env: false, real: false, file: false, calls });
    const udp = await call('socket', 2, 2, 0);
    await call('bind', udp, 'in:0', 16);
    await call('connect', udp, 'in:53@127.0.0.9', 16);
    await call('sendto', udp, "'x", 1, 0, 0, 0);
    await actor.ask(`close ${udp}`);
    const [known] = drainAll(every).slice(-1);
    const CLIENT = 1;
    expect(known?.role).toBe(CLIENT);
    expect(drainAll(some).map(({ nr, role }) => [nr, role])).toEqual([[known?.nr, CLIENT]]);
  });

  test('anything that may be asked for', async () => {
    // Never IPv6 networks that have IPv4 in them (src/rules/analysis/necessary-sockets.ts).
    const network = fc.constantFrom(
      '127.0.0.9',
      '127.0.0.0/8',
      '127.3.0.0/16',
      '0.0.0.0/0',
      '::1',
      'fd00::/8',
      '127.0.0.8/30',
    );
    const range = fc.constantFrom('53', '1', '443', '0-1023', '40000-65535', `${port}`, '0');
    const whose = fc.constantFrom('local', 'remote', 'server', 'client', 'either');
    const values = (each: fc.Arbitrary<string>) => fc.uniqueArray(each, { minLength: 1, maxLength: 4 });
    const property: fc.Arbitrary<EndProperty> = fc.oneof(
      fc.record({ end: whose, of: fc.constant('address'), values: values(network) }) as fc.Arbitrary<EndProperty>,
      fc.record({ end: whose, of: fc.constant('port'), values: values(range) }) as fc.Arbitrary<EndProperty>,
      values(network).map((each) => outside(...each)),
      values(range).map((each) => ({ ...end('remote', 'port', ...each), outside: true as const })),
    );
    const properties = [path('name', 'docker.sock'), path('prefix', '/nowhere'), path('hidden', '')];
    const paths = fc.subarray([...properties, real('name', 'docker.sock'), real('prefix', '/tmp')], { minLength: 1 });
    const outcome = {
      results: fc.subarray(['ok', 'in_progress', 'failed'] as const, { minLength: 1 }).map((some) => new Set(some)),
      sockets: fc
        .subarray<SocketKind>(['tcp', 'other_ip', 'unix', 'other'], { minLength: 1 })
        .map((some) => new Set(some)),
    };
    const ends = fc.array(property, { maxLength: 3 });
    // Nothing has both, and what is left out of calls that have no path would be looked for of all.
    const clause = fc.oneof(
      fc.record({ ...outcome, ends }, { requiredKeys: [] }),
      fc.record({ ...outcome, paths }, { requiredKeys: [] }),
    ) as fc.Arbitrary<Clause>;
    await fc.assert(
      fc.asyncProperty(fc.array(clause, { minLength: 1, maxLength: 3 }), async (necessary) => {
        await compare(necessary);
      }),
      { numRuns: process.env.FALCO_PIPE_LONG === '1' ? 300 : 25, endOnFailure: true },
    );
  });
});
