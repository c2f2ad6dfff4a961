/** What goes through io_uring: the same events as the system calls that do the same. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { CALLS } from '../../../native/calls.ts';
import type { Batch } from '../../../src/core/flow/batch.ts';
import { catalogues } from '../../../src/events/catalogue.ts';
import type { Form, Value } from '../../../src/events/field.ts';
import { bindRules, loadRules } from '../../../src/rules/index.ts';
import { ebpf } from '../../../src/sources/ebpf/index.ts';
import { sharedText } from '../../events/shared.ts';
import { Actor, before, numberOf, prepare, whyNot } from '../../native/harness.ts';
import { scratch } from '../../scratch.ts';
import { contextFor } from './support.ts';

/** enum io_uring_op */
const OP = { ACCEPT: 13, CONNECT: 16, OPENAT: 18, SEND: 26, OPENAT2: 28, RENAMEAT: 35, UNLINKAT: 36, MKDIRAT: 37 };
const MESSAGES = { SENDMSG: 9, RECVMSG: 10, SEND_ZC: 47, SENDMSG_ZC: 48 };
const MORE = { SYMLINKAT: 38, LINKAT: 39, SOCKET: 45, BIND: 56, LISTEN: 57 };
const SKIP_SUCCESS = 64;

type Row = Record<string, Value | undefined>;
const FIELDS = (
  'evt.type evt.is_io_uring evt.res evt.rawres evt.arg.path evt.arg.name evt.arg.oldpath evt.arg.newpath evt.arg.target ' +
  'evt.arg.linkpath evt.arg.flags evt.arg.addr evt.arg.backlog fd.num fd.name fd.realpath fd.typechar fd.sip fd.sport ' +
  'fd.connected fd.rip fd.name_changed proc.name proc.pid thread.tid evt.is_open_write'
).split(' ');

const skipped =
  whyNot() ??
  (existsSync('/proc/sys/kernel/io_uring_disabled') &&
  readFileSync('/proc/sys/kernel/io_uring_disabled', 'utf8').trim() !== '0'
    ? 'io_uring is switched off here'
    : undefined);
if (skipped) console.warn(`SKIPPED: io_uring: ${skipped}`);

describe.skipIf(skipped)('io_uring', () => {
  let place: ReturnType<typeof prepare>;
  let folder: string;
  let actor: Actor;
  let server: Server;
  let port = 0;
  let ctx: ReturnType<typeof contextFor>;
  let stop = () => {};
  const rows: Row[] = [];
  const alerts: string[] = [];
  const official = ['falco_rules', 'falco-incubating_rules', 'falco-sandbox_rules'].map((name) => ({
    name,
    content: sharedText(`data/rules/${name}.yaml`) ?? '',
  }));

  beforeAll(async () => {
    place = prepare();
    folder = scratch();
    for (const name of ['own', 'a', '.bash_history', 'z']) writeFileSync(join(folder, name), 'x');
    server = createServer().listen(0, '127.0.0.1');
    await new Promise((done) => server.once('listening', done));
    const address = server.address();
    port = address && typeof address === 'object' ? address.port : 0;
    actor = await Actor.start(place.program, folder);
    const { rules } = loadRules(official, { catalogues });
    ctx = contextFor({ fields: new Set([...FIELDS]), types: new Set(Object.keys(CALLS)) });
    const subscription = ebpf.open(ebpf.config.parse({ scope: { descendants_of: actor.pid } }), ctx).subscribe({
      next: (batch: Batch) => {
        const ruleset = bindRules(rules, batch.form as Form, { matching: 'all' });
        for (let index = 0; index < batch.events.length; index++) {
          const event = batch.events.at(index);
          if (event === undefined) continue;
          rows.push(Object.fromEntries(FIELDS.map((field) => [field, event.get(field)])));
          ruleset.judge(
            event,
            (rule) => alerts.push(rule.name),
            (_, error) => {
              throw error;
            },
          );
        }
      },
    });
    stop = () => subscription.unsubscribe();
  });
  afterAll(() => {
    stop();
    actor?.stop();
    server?.close();
  });

  /** Puts one request through a ring; the event that it made. */
  async function ring(words: string, mode = 'plain'): Promise<Row> {
    rows.length = 0;
    alerts.length = 0;
    const result = await actor.ask(`uring ${mode} ${words}`);
    for (let waited = 0; waited < 400; waited++) {
      const found = rows.filter((row) => row['evt.is_io_uring'] && row['evt.rawres'] === result);
      const [row] = found;
      if (row !== undefined) {
        expect(found).toHaveLength(1);
        expect(row).toMatchObject({ 'proc.name': 'actions', 'proc.pid': actor.pid });
        return row;
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error(`${words}: no event, but ${rows.map((row) => row['evt.type'])}`);
  }
  const under = (path: string) => join(folder, path);

  test.each(['plain', 'async', 'sqpoll'])('files, by a ring that is %s', async (mode) => {
    expect(await ring(`${OP.OPENAT} -100 'own 0 0 2`, mode)).toMatchObject({
      'evt.type': 'openat',
      'evt.res': 'SUCCESS',
      'fd.name': under('own'),
      'fd.realpath': under('own'),
      'evt.arg.flags': expect.stringContaining('O_RDWR'),
      'evt.is_open_write': true,
    });
    expect(await ring(`${OP.OPENAT} -100 '${under('nowhere')} 0 0 0`, mode)).toMatchObject({
      'evt.res': 'ENOENT',
      'fd.name': under('nowhere'),
      'fd.num': -1,
    });
    expect(await ring(`${OP.MKDIRAT} -100 'new-${mode} 0700 0 0`, mode)).toMatchObject({
      'evt.type': 'mkdirat',
      'evt.arg.path': under(`new-${mode}`),
    });
    expect(await ring(`${OP.UNLINKAT} -100 'new-${mode} 0 0 0x200`, mode)).toMatchObject({
      'evt.type': 'unlinkat',
      'evt.arg.name': under(`new-${mode}`),
      'evt.arg.flags': 'AT_REMOVEDIR',
      'evt.res': 'SUCCESS',
    });
  });

  test('two paths: renameat, linkat, symlinkat', async () => {
    expect(await ring(`${OP.RENAMEAT} -100 'a -100 'b 0`)).toMatchObject({
      'evt.type': 'renameat2',
      'evt.arg.oldpath': under('a'),
      'evt.arg.newpath': under('b'),
      'evt.res': 'SUCCESS',
    });
    expect(await ring(`${MORE.LINKAT} -100 'b -100 'c 0`)).toMatchObject({
      'evt.type': 'linkat',
      'evt.arg.oldpath': under('b'),
      'evt.arg.newpath': under('c'),
    });
    expect(await ring(`${MORE.SYMLINKAT} -100 'b 0 'd 0`)).toMatchObject({
      'evt.type': 'symlinkat',
      'evt.arg.target': 'b',
      'evt.arg.linkpath': under('d'),
    });
  });

  test.each(['plain', 'async'])('a connection, by a ring that is %s', async (mode) => {
    const fd = Number((await ring(`${MORE.SOCKET} 2 0 0 1 0`, mode))['evt.rawres']);
    expect(await ring(`${OP.CONNECT} ${fd} in:${port} 0 16 0`, mode)).toMatchObject({
      'evt.type': 'connect',
      'fd.num': fd,
      'fd.typechar': '4',
      'fd.sip': '127.0.0.1',
      'fd.sport': port,
      'fd.connected': true,
      'evt.arg.addr': `127.0.0.1:${port}`,
    });
    const other = Number((await ring(`${MORE.SOCKET} 2 0 0 1 0`, mode))['evt.rawres']);
    expect(await ring(`${OP.CONNECT} ${other} in:1 0 16 0`, mode)).toMatchObject({
      'evt.res': 'ECONNREFUSED',
      'evt.arg.addr': '127.0.0.1:1',
    });
    expect(await ring(`${OP.SEND} ${fd} buf 1 0 0`, mode)).toMatchObject({ 'evt.type': 'sendto', 'fd.sport': port });
  });

  test.each(['plain', 'async', 'sqpoll'])('datagrams, by a ring that is %s', async (mode) => {
    const socket = async () => Number((await ring(`${MORE.SOCKET} 2 0 0 2 0`))['evt.rawres']);
    const fd = await socket();
    const to = { 'fd.rip': '127.0.0.1', 'fd.name_changed': true };
    expect(await ring(`${MESSAGES.SENDMSG} ${fd} msg:7002 1 0 0`, mode)).toMatchObject({
      ...to,
      'evt.type': 'sendmsg',
      'fd.sport': 7002,
    });
    const own = await socket();
    await actor.ask(`sys ${numberOf('bind')} ${own} in:0 16`);
    const at = Number((await ring(`${OP.SEND} ${own} buf 1 0 0 0`, mode))['fd.sport']);
    await actor.ask(`sys ${numberOf('sendto')} ${own} buf 1 0 in:${at} 16`);
    expect(await ring(`${MESSAGES.RECVMSG} ${own} msg:0 1 0 0`, mode)).toMatchObject({
      'evt.type': 'recvmsg',
      'fd.rip': '127.0.0.1',
    });
    if (before(6, 2)) return; // until then no address comes with the other operations
    for (const [op, port, type] of [
      [OP.SEND, 7001, 'sendto'],
      [MESSAGES.SEND_ZC, 7003, 'sendto'],
    ] as const)
      expect(await ring(`${op} ${fd} buf 1 in:${port} 0 0 16`, mode)).toMatchObject({
        ...to,
        'evt.type': type,
        'fd.sport': port,
      });
    expect(await ring(`${MESSAGES.SENDMSG_ZC} ${fd} msg:7004 1 0 0`, mode)).toMatchObject({
      ...to,
      'evt.type': 'sendmsg',
    });
  });

  test('paths that take a long way round', async () => {
    const way = `${'/.'.repeat(1200)}${under('own')}`;
    expect(await ring(`${OP.OPENAT} -100 '${way} 0 0 0`)).toMatchObject({ 'fd.name': under('own') });
    expect(await ring(`${OP.UNLINKAT} -100 '${way}er 0 0 0`)).toMatchObject({ 'evt.arg.name': `${under('own')}er` });
    expect(await ring(`${OP.RENAMEAT} -100 '${way}er -100 'c 0`)).toMatchObject({
      'evt.arg.oldpath': `${under('own')}er`,
      'evt.arg.newpath': under('c'),
    });
    expect(await ring(`${MORE.LINKAT} -100 'nowhere -100 '${way} 0`)).toMatchObject({
      'evt.arg.oldpath': under('nowhere'),
      'evt.arg.newpath': under('own'),
    });
  });

  test.each(['plain', 'async'])('what finds no room among the completions, by a ring that is %s', async (mode) => {
    rows.length = 0;
    const many = 100;
    expect(await actor.ask(`uring-full ${mode} ${many} ${OP.OPENAT} -100 'own 0 0 0`)).toBe(0);
    await actor.ask(`sys ${numberOf('unlinkat')} -100 'last 0`);
    await vi.waitFor(() => expect(rows.map((row) => row['evt.arg.name'])).toContain(under('last')), 5000);
    const opened = rows.filter((row) => row['evt.is_io_uring']);
    expect(opened).toHaveLength(many);
    for (const row of opened) expect(row).toMatchObject({ 'evt.type': 'openat', 'fd.name': under('own') });
    expect(new Set(opened.map((row) => row['fd.num'])).size).toBe(many);
  });

  test('each connection of a request that accepts again and again, whatever else has its number', async () => {
    rows.length = 0;
    const port = await actor.ask('uring-accepts 0');
    expect(port).toBeGreaterThan(0);
    const accepts = () => rows.filter((row) => row['evt.type'] === 'accept');
    await vi.waitFor(() => expect(accepts()).toHaveLength(5), 5000);
    const connection = { 'evt.is_io_uring': true, 'evt.res': 'SUCCESS', 'fd.sport': port, 'fd.connected': true };
    expect(accepts()).toMatchObject([
      connection,
      { 'evt.res': 'EBADF' },
      { 'evt.res': 'EINVAL' },
      connection,
      connection,
    ]);
  });

  test('what finds no room and is too much to keep is lost, and counted', async () => {
    rows.length = 0;
    const many = 2000;
    const before = lostIn(ctx);
    expect(await actor.ask(`uring-full plain ${many} ${OP.MKDIRAT} -100 'own 0700 0 0`)).toBe(0);
    const told = () => rows.filter((row) => row['evt.is_io_uring']).length;
    const known = () => told() + lostIn(ctx) - before;
    // What another ring left at the same address may stand for one.
    await vi.waitFor(() => expect(known()).toBeGreaterThan(0.99 * many), 5000);
    expect(known()).toBeLessThanOrEqual(many);
    expect(told()).toBeGreaterThan(100);
  });

  function lostIn({ said }: ReturnType<typeof contextFor>): number {
    const lost = said.filter(({ fields }) => fields.reason === 'uring_lost');
    return lost.reduce((sum, { fields }) => sum + Number(fields.count), 0);
  }

  /** How many are lost, by what a source of its own says, until what ends while it accepts is cleared away. */
  async function lostOf(others: number): Promise<number> {
    const ctx = contextFor({ fields: new Set(['fd.sport']), types: new Set(['accept']) });
    const subscription = ebpf.open(ebpf.config.parse({ scope: { descendants_of: actor.pid } }), ctx).subscribe();
    const port = await actor.ask(`uring-accepts ${others}`);
    expect(port).toBeGreaterThan(0);
    const listening = `:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 0A`;
    await vi.waitFor(() => expect(readFileSync('/proc/net/tcp', 'utf8')).not.toContain(listening), 5000);
    subscription.unsubscribe();
    return lostIn(ctx);
  }

  test('a process that ends while it accepts has lost nothing; one that accepts too much at once has', async () => {
    expect(await lostOf(0)).toBe(0);
    expect(await lostOf(300)).toBeGreaterThan(0);
  });

  test('a server, from Linux 6.11 on', async (ctx) => {
    if (before(6, 11)) ctx.skip('io_uring knows neither bind nor listen before Linux 6.11');
    const fd = Number((await ring(`${MORE.SOCKET} 2 0 0 1 0`))['evt.rawres']);
    const bound = await ring(`${MORE.BIND} ${fd} in:0 0 16 0`);
    expect(bound).toMatchObject({ 'evt.type': 'bind', 'evt.arg.addr': '127.0.0.1:0', 'fd.sip': '127.0.0.1' });
    const listening = await ring(`${MORE.LISTEN} ${fd} 0 5 0 0`);
    expect(listening).toMatchObject({ 'evt.type': 'listen', 'evt.arg.backlog': '5', 'fd.sip': '127.0.0.1' });
    const at = Number(listening['fd.sport']);
    const client = Number((await ring(`${MORE.SOCKET} 2 0 0 1 0`))['evt.rawres']);
    await ring(`${OP.CONNECT} ${client} in:${at} 0 16 0`);
    expect(await ring(`${OP.ACCEPT} ${fd} 0 0 0 0`)).toMatchObject({
      'evt.type': 'accept',
      'fd.sport': at,
      'fd.connected': true,
    });
  });

  test('an operation that asks for no completion is told when it is submitted', async () => {
    expect(await ring(`${OP.UNLINKAT} -100 'z 0 0 0 ${SKIP_SUCCESS}`)).toMatchObject({
      'evt.type': 'unlinkat',
      'evt.arg.name': under('z'),
    });
    expect(existsSync(under('z'))).toBe(false);
  });

  test('a file of a fixed slot is not taken for the descriptor of that number', async () => {
    // There is no table of files here, so it fails; what matters is that no other file is named.
    expect(await ring(`${OP.OPENAT} -100 'own 0 0 0 0 1`)).toMatchObject({ 'fd.name': under('own') });
  });

  test.skipIf(official.some(({ content }) => content === ''))("Falco's rules fire on what it does", async () => {
    await ring(`${OP.OPENAT} -100 '/etc/shadow 0 0 0`);
    expect(alerts).toContain('Read sensitive file untrusted');
    await ring(`${OP.UNLINKAT} -100 '.bash_history 0 0 0`);
    expect(alerts).toContain('Delete or rename shell history');
    writeFileSync(under('.bash_history'), 'x');
    await ring(`${OP.RENAMEAT} -100 '.bash_history -100 'gone 0`);
    expect(alerts).toContain('Delete or rename shell history');
    await ring(`${MORE.SYMLINKAT} -100 '/etc/shadow 0 'way 0`);
    expect(alerts).toContain('Create Symlink Over Sensitive Files');
    await ring(`${MORE.LINKAT} -100 '/etc/shadow -100 '${under('hard')} 0`);
    expect(alerts).toContain('Create Hardlink Over Sensitive Files');
  });
});
