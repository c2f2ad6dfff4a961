import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EventRecord } from '../../src/events/record.ts';
import { readTable, TableError } from '../../src/operators/shared/table.ts';
import { recordedAck } from '../core/shared.ts';
import { scratch } from '../scratch.ts';
import { until } from '../sinks/servers.ts';
import { alertOf } from '../sinks/shared.ts';
import { errorsOf, run, start } from './shared.ts';

let folder = '';
beforeEach(() => {
  folder = scratch();
});

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

const open = (fields: EventRecord['fields']) => new EventRecord('syscall', 'openat', 1n, fields);

describe('enrich by a table', () => {
  const config = (table: string, more = '') =>
    `{ type: enrich, from: in, table: '${table}', key: rule, fields: { asset.owner: owner, asset.tier: tier } ${more} }`;
  const added = async (operator: string, ...rules: string[]) => {
    const { events } = await run(operator, { alerts: rules.map((rule) => alertOf(rule)) });
    return events.map((event) => [event.get('asset.owner'), event.get('asset.tier')]);
  };

  it('adds columns of a CSV file to alerts that are in it; the others pass', async () => {
    const table = file('t.csv', 'name,owner,tier\r\na,"Doe, Jane",1\r\n"b ""x""",Bob,\r\n');
    expect(await added(config(table), 'a', 'b "x"', 'c')).toEqual([
      ['Doe, Jane', '1'],
      ['Bob', undefined],
      [undefined, undefined],
    ]);
  });

  it('looks in the column that is named, and reads JSON of both shapes', async () => {
    const list = file(
      'list.json',
      '[{"tier": 1, "owner": "Jane", "rule": "a"}, {"rule": "b", "owner": ["x"], "tier": null}]',
    );
    expect(await added(config(list, ', column: rule'), 'a', 'b')).toEqual([
      ['Jane', '1'],
      ['["x"]', undefined],
    ]);
    const map = file('map.json', '{"a": {"tier": 1, "owner": "Jane"}}');
    expect(await added(config(map), 'a', 'b')).toEqual([
      ['Jane', '1'],
      [undefined, undefined],
    ]);
  });

  it('keeps the alert and its id, and prints what it added', async () => {
    const table = file('t.csv', 'name,owner,tier\na,Jane,1\n');
    const { events, counters } = await run(config(table), { alerts: [alertOf('a')] });
    expect(events[0]?.get('id')).toBe(alertOf('a').id);
    expect(events[0]?.get('proc.pid')).toBe(42);
    expect(counters).toMatchObject({ found: 1 });
  });

  it('rules, conditions and keys below use its fields like any other', async () => {
    const table = file('t.csv', 'name,owner,tier\nprod,Jane,1\ntest,Bob,2\n');
    const rules = file(
      'r.yaml',
      '- rule: tier one\n  desc: d\n  source: syscall\n  condition: evt.type = openat and asset.tier = 1\n  output: "%proc.name of %asset.owner"\n  priority: NOTICE\n',
    );
    const pipeline = [
      `{ type: enrich, from: kernel, table: '${table}', key: proc.name, fields: { asset.owner: owner, asset.tier: tier } }`,
      `  detect: { type: rules, from: op, files: '${rules}' }`,
      '  janes: { type: filter, from: detect, condition: asset.owner = Jane and asset.tier exists }',
    ].join('\n');
    const calls = ['prod', 'test', 'other', 'prod'].map((name) => open({ 'proc.name': name, 'evt.type': 'openat' }));
    const { events } = await run(pipeline, { calls });
    expect(events.map((event) => event.get('output'))).toEqual(['prod of Jane', 'prod of Jane']);
    expect(errorsOf(pipeline.replace('asset.owner = Jane', 'asset.ovner = Jane'))).toContain('asset.owner');
  });

  it.each([
    ['a column that is not there', 'name,ovner,tier\n', 'there is no column "owner"', 'Did you mean "ovner"?'],
    ['a line that is short', 'name,owner,tier\na,b\n', 'a line of 2 cells, where the first has 3', 't.csv:2:1'],
    ['a quote that stays open', 'name,owner,tier\n\n"a,b,c\n', 'a quote that is not closed', 't.csv:3:1'],
    ['an empty file', '', 'it is empty', ''],
  ])('says what is wrong: %s', (_name, text, message, more) => {
    const errors = errorsOf(config(file('t.csv', text)));
    expect(errors).toContain(message);
    expect(errors).toContain(more);
  });

  it('says what is wrong with the configuration', () => {
    const table = file('t.csv', 'name,owner,tier\n');
    expect(errorsOf(config('/nowhere.csv'))).toContain('Cannot read /nowhere.csv');
    expect(errorsOf(config(table).replace('asset.owner', 'proc.name'))).toContain(
      'events have a field "proc.name" already',
    );
    expect(errorsOf(config(table).replace('asset.owner', 'owner'))).toContain('a field is words joined by dots');
    expect(errorsOf(config(table, ', dns: {}'))).toContain('Name a `table`, an `mmdb` file or `dns`, one of them');
    expect(errorsOf('{ type: enrich, from: in, dns: {}, key: rule, fields: { a.b: host } }')).toContain(
      'it has "name" only',
    );
    expect(errorsOf(config(file('t.json', '{'), ''))).toContain('no JSON');
    expect(errorsOf(config(file('t2.json', '[]'), ''))).toContain('no rows');
  });

  it('fills a field from several tables, each where it has the key; what is there stays', async () => {
    const [one, two] = [file('one.csv', 'name,owner\na,ann\nb,ben\n'), file('two.csv', 'name,owner\nb,bea\nc,cid\n')];
    const pipeline = [
      `{ type: enrich, from: in, table: '${one}', key: rule, fields: { asset.owner: owner } }`,
      `  more: { type: enrich, from: op, table: '${two}', key: rule, fields: { asset.owner: owner } }`,
    ].join('\n');
    const { events } = await run(pipeline, { alerts: ['a', 'b', 'c', 'd'].map((rule) => alertOf(rule)) });
    expect(events.map((event) => event.get('asset.owner'))).toEqual(['ann', 'bea', 'cid', undefined]);
  });

  it('reads what a program writes as CSV', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', ' ', 'é') });
    fc.assert(
      fc.property(
        fc.dictionary(
          cell.filter((key) => key !== '' && key !== '__proto__'),
          cell,
        ),
        (rows) => {
          const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
          const lines = Object.entries(rows).map(([name, value]) => `${quoted(name)},${quoted(value)}`);
          const table = readTable(['k,v', ...lines].join('\r\n'), 't.csv', 'k', { f: 'v' });
          const expected = Object.entries(rows).map(([name, value]) => [name, value === '' ? {} : { f: value }]);
          expect([...table]).toEqual(expected);
        },
      ),
    );
    expect(() => readTable('a\n"', 't.csv', undefined, {})).toThrow(TableError);
  });
});

/** A name server that knows 10.0.0.N as hN.example, for N below 100. */
class NameServer {
  readonly asked: string[] = [];
  answers = true;
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (question, from) => {
      const name = nameIn(question);
      this.asked.push(name);
      if (this.answers) socket.send(answerTo(question, name), from.port, from.address);
    });
  }

  static async start(): Promise<NameServer> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new NameServer(socket);
  }

  get address(): string {
    return `127.0.0.1:${(this.#socket.address() as AddressInfo).port}`;
  }

  stop(): Promise<void> {
    return new Promise((done) => this.#socket.close(() => done()));
  }
}

// RFC 1035: a header of 12 bytes, then labels, each after its length.
function nameIn(message: Buffer): string {
  const labels: string[] = [];
  for (let at = 12; message[at]; at += (message[at] as number) + 1) {
    labels.push(message.subarray(at + 1, at + 1 + (message[at] as number)).toString());
  }
  return labels.join('.');
}

function answerTo(question: Buffer, name: string): Buffer {
  const end = 12 + name.length + 2 + 4;
  const number = Number(name.split('.')[0]);
  const known = number < 100;
  const header = Buffer.from(question.subarray(0, 12));
  header.writeUInt16BE(known ? 0x8180 : 0x8183, 2);
  header.writeUInt16BE(known ? 1 : 0, 6);
  header.writeUInt32BE(0, 8);
  const host = Buffer.concat(
    [`h${number}`, 'example'].map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
  );
  const data = Buffer.concat([host, Buffer.from([0])]);
  // The name of the question again, PTR, IN, a minute.
  const fixed = Buffer.from([0xc0, 12, 0, 12, 0, 1, 0, 0, 0, 60, 0, data.length]);
  return Buffer.concat([header, question.subarray(12, end), ...(known ? [fixed, data] : [])]);
}

describe('enrich by the DNS', () => {
  let server: NameServer;
  beforeEach(async () => {
    server = await NameServer.start();
  });
  afterEach(() => server.stop());

  const config = (more = '') =>
    `{ type: enrich, from: kernel, key: fd.sip, fields: { server.name: name }, dns: { servers: ['${server.address}'] ${more} } }`;
  const to = (...addresses: string[]) => addresses.map((address) => open({ 'fd.sip': address }));
  const names = (events: readonly EventRecord[]) => events.map((event) => event.get('server.name'));

  it('adds names, asks once for each address, and passes what has none', async () => {
    const running = await start(config());
    running.put(to('10.0.0.1', '10.0.0.2', '10.0.0.1', '10.0.0.200', 'no address'));
    await until(() => running.events.length === 5);
    running.put(to('10.0.0.2', '10.0.0.200'));
    await until(() => running.events.length === 7);
    await running.running.stop();
    expect(names(running.events)).toEqual([
      'h1.example',
      'h2.example',
      'h1.example',
      undefined,
      undefined,
      'h2.example',
      undefined,
    ]);
    expect(server.asked.sort()).toEqual(['1.0.0.10.in-addr.arpa', '2.0.0.10.in-addr.arpa', '200.0.0.10.in-addr.arpa']);
  });

  it('keeps the order of events, also of those whose names are known already', async () => {
    const running = await start(config());
    running.put(to('10.0.0.1'));
    await until(() => running.events.length === 1);
    running.put(to('10.0.0.2'));
    running.put(to('10.0.0.1'));
    await until(() => running.events.length === 3);
    expect(names(running.events)).toEqual(['h1.example', 'h2.example', 'h1.example']);
    await running.running.stop();
  });

  it('waits no longer than it may, and a stop gives up nothing', async () => {
    server.answers = false;
    const running = await start(config(', timeout: 100ms'));
    const ack = recordedAck();
    running.put(to('10.0.0.1'), ack);
    running.put(to('10.0.0.2'));
    const { delivered, in_flight } = await running.running.stop();
    expect({ delivered, in_flight }).toEqual({ delivered: 2, in_flight: 0 });
    expect(names(running.events)).toEqual([undefined, undefined]);
    expect(ack.settled).toEqual([['delivered', undefined]]);
  });

  it('holds names of so many addresses only, and counts what it could not wait for', async () => {
    const running = await start(config(', cache: 1'));
    running.put(to('10.0.0.1'));
    await until(() => running.events.length === 1);
    running.put(to('10.0.0.2'));
    await until(() => running.events.length === 2);
    running.put(to('10.0.0.1'));
    await until(() => running.events.length === 3);
    expect(server.asked).toHaveLength(3);
    server.answers = false;
    running.put(Array.from({ length: 10_001 }, () => to('10.0.0.3')[0] as EventRecord));
    await running.running.stop();
    expect(running.counters()).toMatchObject({ skipped: 10_001, found: 3 });
    expect(running.events).toHaveLength(10_004);
  });
});
