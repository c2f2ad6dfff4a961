/** The source `vcloud` against a Cloud Director that pages, expires, shifts, throttles and errs. */

import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SourceError } from '../../../src/core/errors.ts';
import { vcloud } from '../../../src/sources/vcloud/index.ts';
import { scratch } from '../../scratch.ts';
import { makeCertificates } from '../../sinks/servers.ts';
import { Harness, type HarnessOptions } from '../harness.ts';
import { Director, item } from './director.ts';

const NOW = Date.now();
let director: Director;
const open: Harness[] = [];
beforeEach(async () => {
  process.env.VCD_PASSWORD = 'hush-hush';
  process.env.VCD_TOKEN = 'api-t0ken';
  director = await new Director().start();
});
afterEach(async () => {
  for (const each of open.splice(0)) {
    await each.stop();
    const said = `${each.log.lines} ${JSON.stringify(each.reports)} ${each.end} ${each.trouble}`;
    expect(said).not.toMatch(/hush-hush|api-t0ken/);
  }
  await director.stop();
});

const user = { user: 'auditor', password: { env: 'VCD_PASSWORD' } };
function read(config: object = user, options: HarnessOptions = {}): Harness {
  const source = new Harness(vcloud, { url: director.url, org: 'acme', ...config }, options);
  open.push(source);
  return source;
}
const names = (source: Harness) => source.values('vcd.entity.name');
const vms = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `vm${from + index}`);
const put = (count: number, { from = 0, at = NOW - 60_000, every = 1 } = {}) => {
  for (let n = from; n < from + count; n++) director.items.push(item(n, at + n * every));
};
const polls = (count: number) => () => director.asked.length >= count;

describe('the trail', () => {
  it('is read from the time before the first start, then for what is new, each event once', async () => {
    director.items.push(item(99, NOW - 16 * 60_000));
    put(3);
    const source = read();
    await source.until(({ events }) => events.length === 3);
    put(2, { from: 3 });
    await source.until(({ events }) => events.length === 5);
    await source.until(polls(director.asked.length + 3));
    expect(names(source)).toEqual(vms(5));
    expect(source.events[0]).toMatchObject({ source: 'vcd_audit', type: 'vm/create' });
    expect([source.events[0]?.get('vcd.transport'), source.events[0]?.get('vcd.topic')]).toEqual(['rest', undefined]);
    expect(director.asked[0]?.get('pageSize')).toBe('128');
    expect(director.logins).toBe(1);
    expect(source.trouble).toBeUndefined();
    await source.stop();
    expect(director.logouts).toBe(1);
    expect(source.reports).toEqual([]);
  });

  it('goes on where it stood, with what has come late meanwhile', async () => {
    put(3);
    const first = read();
    await first.until(({ events }) => events.length === 3);
    await first.until(({ position }) => (position as { until: number }).until > NOW - 60_000);
    await first.stop();
    director.items.push(item(7, NOW - 90_000), item(8, NOW - 59_000));
    const second = read(user, { position: first.position, seen: first.seen });
    await second.until(({ events }) => events.length === 2);
    expect(names(second)).toEqual(['vm7', 'vm8']);
  });

  it('has more pages than one, also of a single instant, and shifts while it is read', async () => {
    put(300, { every: 10 });
    for (let n = 300; n < 700; n++) director.items.push(item(n, NOW - 50_000));
    let late = 1000;
    director.before = (query) => {
      // An event of a cell whose clock is behind: every page after it moves on by one.
      if (late < 1005 && query.get('page') === '1') director.items.push(item(late++, NOW - 59_999));
    };
    const source = read();
    await source.until(({ events }) => events.length >= 705);
    expect([...names(source)].sort()).toEqual([...vms(700), ...vms(5, 1000)].sort());
  });

  it('loses and repeats nothing, however rows arrive', async () => {
    const batch = fc.array(fc.record({ age: fc.integer({ min: 0, max: 50_000 }) }), { maxLength: 9 });
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { maxLength: 6 }), fc.integer({ min: 1, max: 5 }), async (given, limit) => {
        const batches = [...given];
        director.items = [];
        director.pageLimit = limit;
        let n = 0;
        director.before = () => {
          for (const { age } of batches.shift() ?? []) director.items.push(item(n++, NOW - age));
        };
        const source = read(user, { longest: 1 });
        await source.until(() => batches.length === 0);
        const { length } = director.asked;
        await source.until(({ events }) => events.length >= n);
        await source.until(polls(length + 2));
        await source.stop();
        expect([...names(source)].sort()).toEqual(vms(n).sort());
      }),
      { numRuns: process.env.FALCO_PIPE_LONG ? 1000 : 25 },
    );
  });

  it('is not passed over because a clock is ahead, of a cell or here', async () => {
    director.items.push(item(1, NOW + 86_400_000));
    let clock = NOW;
    const source = read(user, { now: () => clock });
    await source.until(({ events }) => events.length === 1);
    clock = NOW + 3_600_000;
    put(1, { from: 2, at: Date.now() });
    await source.until(({ events }) => events.length === 2);
    clock = NOW - 3_600_000;
    put(1, { from: 3, at: Date.now() });
    await source.until(({ events }) => events.length === 3);
    expect((source.position as { until: number }).until).toBeLessThanOrEqual(Date.now());
  });

  it('costs only what is broken, which is counted once', async () => {
    const spoilt = [null, 7, [], {}, { ...item(1, NOW), eventType: null }];
    director.items.push(...spoilt, item(2, NOW - 1000, { user: null, additionalProperties: null }));
    const source = read();
    await source.until(({ events }) => events.length === 1);
    await source.until(polls(4));
    expect(names(source)).toEqual(['vm2']);
    expect(source.said).toEqual(Array(5).fill('drop bad_event 1'));
  });

  it('is read on behind what nests without end', async () => {
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    director.print = (value) => JSON.stringify(value).replace('"DEEP"', deep);
    director.items.push('DEEP', item(2, NOW - 1000));
    const source = read();
    await source.until(({ events }) => events.length === 1);
    await source.until(polls(3));
    expect(names(source)).toEqual(['vm2']);
    expect(source.said).toEqual(['drop bad_event 1']);
  });

  it('has an item that is too large: it is passed over, and its neighbours are read', async () => {
    put(2);
    director.items.push(item(2, NOW - 40_000, { description: 'x'.repeat(33 * 1024 * 1024) }));
    put(2, { from: 3, at: NOW - 30_000 });
    const source = read();
    await source.until(({ events }) => events.length === 4);
    expect(names(source)).toEqual(['vm0', 'vm1', 'vm3', 'vm4']);
    expect(source.said).toEqual(['drop item_too_large 1']);
  });

  it('does not tell of our own sessions', async () => {
    const id = { 'user.session.id': '00000000-0000-4000-8000-000000000701' };
    director.items.push(item(1, NOW - 2000, { additionalProperties: id }), item(2, NOW - 1000));
    const source = read();
    await source.until(({ events }) => events.length === 1);
    expect(names(source)).toEqual(['vm2']);
    expect(source.metrics.total('own_events')).toBeGreaterThan(0);
  });
});

describe('delivery', () => {
  it('does not go past what has not settled, waits for credit, and emits again what failed', async () => {
    put(3);
    const source = read(user, { settle: (_, index) => (index === 0 ? 'failed' : undefined), credit: 3 });
    await source.until(({ batches }) => batches.length === 2);
    put(2, { from: 3 });
    await source.until(polls(director.asked.length + 1));
    expect((source.position as { until: number }).until).toBeLessThan(NOW - 60_000);
    expect(source.events).toHaveLength(6);
    source.batches[1]?.ack.settle('delivered');
    await source.until(({ batches }) => batches.length === 3);
    expect(names(source)).toEqual([...vms(3), ...vms(3), ...vms(2, 3)]);
  });
});

describe('access', () => {
  it('ends and is had again: once, without losing a page', async () => {
    put(1);
    const source = read();
    await source.until(({ events }) => events.length === 1);
    director.tokens.clear();
    put(1, { from: 1 });
    await source.until(({ events }) => events.length === 2);
    expect(director.logins).toBe(2);
    expect(source.trouble).toBeUndefined();
  });

  it('that is refused ends the source alone: at the login, and with a token that is never good', async () => {
    director.password = 'changed';
    const wrong = read();
    await wrong.until(({ end }) => end !== 'open');
    expect(wrong.end).toBeInstanceOf(SourceError);
    expect(String(wrong.end)).toMatch(/the login was refused by localhost:\d+: status 401: bad credentials/);
    director.password = 'hush-hush';
    director.answers.push({ status: 403, body: '{"message":"no right to view the audit trail"}' });
    const none = read();
    await none.until(({ end }) => end !== 'open');
    expect(none.end).toBeInstanceOf(SourceError);
    expect(String(none.end)).toMatch('status 403: no right to view the audit trail');
    director.tokens.add = () => director.tokens;
    const never = read();
    await never.until(({ end }) => end !== 'open');
    expect(never.end).toBeInstanceOf(SourceError);
  });

  it('is held to the certificate of the service', async () => {
    await director.stop();
    const made = makeCertificates();
    director = await new Director(made.server()).start();
    put(1);
    const source = read({ ...user, tls: { ca: made.ca } });
    await source.until(({ events }) => events.length === 1);
    const stranger = read();
    await stranger.until(({ trouble }) => trouble?.includes('name the file of its authority under tls.ca') ?? false);
    expect(director.logins).toBe(1);
  });

  it('is held to the authority that is named now, also when that was rotated', async () => {
    await director.stop();
    const [old, young] = [makeCertificates(), makeCertificates()];
    director = await new Director(old.server()).start();
    put(1);
    const source = read({ ...user, tls: { ca: old.ca } });
    await source.until(({ events }) => events.length === 1);
    const { port } = new URL(director.url);
    copyFileSync(young.ca, old.ca);
    await director.stop();
    director = await new Director(young.server()).start(Number(port));
    put(2);
    await source.until(({ events }) => events.length === 2);
    expect(names(source)).toEqual(vms(2));
  });

  it('is let go of when the trail is refused', async () => {
    director.answers.push({ status: 403 });
    const source = read();
    await source.until(({ end }) => end !== 'open');
    expect(source.end).toBeInstanceOf(SourceError);
    expect([director.logins, director.logouts]).toEqual([1, 1]);
  });

  it('that cannot be asked for ends the source alone: a secret or a file is missing', async () => {
    delete process.env.VCD_PASSWORD;
    const source = read();
    await source.until(({ end }) => end !== 'open');
    expect(source.end).toBeInstanceOf(SourceError);
    expect(String(source.end)).toMatch('VCD_PASSWORD is not set');
    const other = read({ ...user, tls: { ca: '/nowhere/ca.pem' } });
    await other.until(({ end }) => end !== 'open');
    expect(other.end).toBeInstanceOf(SourceError);
  });

  it('with an API token is renewed before it ends, for a tenant and for the provider', async () => {
    let clock = NOW;
    director.expiresIn = 100;
    const source = read({ api_token: { env: 'VCD_TOKEN' }, org: undefined }, { now: () => clock });
    await source.until(polls(2));
    expect(director.logins).toBe(1);
    clock += 81_000;
    await source.until(() => director.logins === 2);
    director.apiToken = 'revoked';
    director.tokens.clear();
    await source.until(({ end }) => end !== 'open');
    expect(source.end).toBeInstanceOf(SourceError);
    expect(String(source.end)).toMatch('status 400: unknown token');
  });

  it('with a token of a service account keeps the one that follows, where the next start finds it', async () => {
    const folder = scratch();
    const file = join(folder, 'token');
    writeFileSync(file, 'api-t0ken\n');
    director.rotates = true;
    const source = read({ api_token: { file } });
    await source.until(polls(1));
    expect(readFileSync(file, 'utf8')).toBe('api-t0ken-1');
    await source.stop();
    const again = read({ api_token: { file } });
    await again.until(polls(3));
    expect(again.reports).toEqual([]);
    await again.stop();
    process.env.VCD_TOKEN = director.apiToken;
    const lost = read({ api_token: { env: 'VCD_TOKEN' } });
    await lost.until(({ said }) => said.length > 0);
    expect(lost.said).toEqual(['error token_not_kept 1']);
  });

  it('is asked for later where that is what the service wants, and is trouble meanwhile', async () => {
    const odd = [
      { status: 429, headers: { 'retry-after': '7' } },
      { status: 503, headers: { 'retry-after': new Date(NOW + 9000).toUTCString() } },
      { status: 504 },
      { status: 200, body: '<html>' },
      { status: 200, body: '{"values":null}' },
    ];
    director.answers.push(...odd);
    put(1);
    const source = read(user, { now: () => NOW });
    await source.until(({ events }) => events.length === 1);
    expect(source.slept[0]).toBe(7000);
    expect(source.slept[1]).toBeGreaterThan(7000);
    expect(source.log.lines.filter((line) => line.includes('cannot be read now'))).toHaveLength(5);
    await source.until(({ trouble }) => trouble === undefined);
    await director.stop();
    await source.until(({ trouble }) => trouble?.includes('ECONNREFUSED') ?? false);
    expect(source.end).toBe('open');
    director = await new Director().start();
  });
});

it('credentials are those of a user or an API token', () => {
  const parse = (more: object) => vcloud.config.safeParse({ url: 'https://vcd.example', ...more }).success;
  expect([{}, { user: 'x' }, { ...user, api_token: { env: 'T' } }].map(parse)).toEqual([false, false, false]);
  expect([user, { api_token: { env: 'T' } }].map(parse)).toEqual([true, true]);
});

const shared = new URL('../../../../shared/data/cloud/vcd/audittrail_page.json', import.meta.url);
it.skipIf(!existsSync(shared))('the sample page is read whole (skipped without ../shared)', async () => {
  director.items = JSON.parse(readFileSync(shared, 'utf8')).values;
  const source = read({ ...user, lookback: '3000d' });
  await source.until(({ events }) => events.length === 12);
  await source.until(polls(3));
  expect(source.events).toHaveLength(12);
  expect(source.values('vcd.status')).toContain('FAILURE');
  expect(source.reports).toEqual([]);
});
