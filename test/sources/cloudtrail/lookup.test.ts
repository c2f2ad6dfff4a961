/** Mode lookup_events, with the real client against a server of our own. */

import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { SourceError } from '../../../src/core/errors.ts';
import { cloudtrail } from '../../../src/sources/cloudtrail/index.ts';
import { CloudTrailApi, type LookedUp } from '../../aws/cloudtrail-api.ts';
import { REGION, recordOf, setCredentials } from '../../aws/moto.ts';
import { Harness, type HarnessOptions } from '../harness.ts';

const NOW = Date.UTC(2026, 2, 2, 12);
let api: CloudTrailApi;
const open: Harness[] = [];

beforeAll(setCredentials);
beforeEach(async () => {
  api = await CloudTrailApi.start();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.stop()));
  api.stop();
});

function start(config: object = {}, options: HarnessOptions = {}): Harness {
  const given = { mode: 'lookup_events', region: REGION, endpoint: api.endpoint, ...config };
  const harness = new Harness(cloudtrail, given, { now: () => NOW, ...options });
  open.push(harness);
  return harness;
}

/** An event that happened so many seconds ago. */
function event(id: string, ago: number, json?: string): LookedUp {
  const time = NOW / 1000 - ago;
  const record = recordOf(id, 'CreateUser', { eventTime: new Date(time * 1000).toISOString() });
  return { EventId: id, EventTime: time, CloudTrailEvent: json ?? JSON.stringify(record) };
}

test('gives what happened in order, page by page, once', async () => {
  api.events = Array.from({ length: 120 }, (_, index) => event(`e${index}`, index + 1));
  const it = start();
  await it.until(({ events }) => events.length === 120);
  expect(it.values('evt.id')).toEqual(Array.from({ length: 120 }, (_, index) => `e${119 - index}`));
  expect(
    it.values('evt.rawtime').every((time, index, all) => index === 0 || (all[index - 1] as bigint) <= (time as bigint)),
  ).toBe(true);
  const [first] = api.asked;
  expect(first).toMatchObject({ EndTime: NOW / 1000, StartTime: NOW / 1000 - 30 * 60 });
  // One that appears late, beside those that are known.
  api.events = [event('late', 500), ...api.events];
  await it.until(({ events }) => events.length === 121);
  expect(it.events.at(-1)?.get('evt.id')).toBe('late');
  expect(it.metrics.counter('duplicates', '').value).toBeGreaterThanOrEqual(120);
  expect(it.slept.filter((ms) => ms === 600).length).toBeGreaterThanOrEqual(api.asked.length);
});

test('stands where everything before has settled, and goes on there', async () => {
  api.events = [event('a', 60)];
  const it = start({}, { settle: () => undefined });
  await it.until(({ batches }) => batches.length === 1);
  expect(it.position).toBeUndefined();
  it.batches[0]?.ack.settle('delivered');
  await it.until(({ position }) => position !== undefined);
  expect(it.position).toEqual({ [REGION]: NOW });
  expect([...it.seen]).toEqual(['a']);
  await it.stop();

  const later = NOW + 3_600_000;
  api.asked.length = 0;
  const again = start({}, { position: it.position, seen: it.seen, now: () => later });
  await again.until(() => api.asked.length > 0);
  expect(api.asked[0]).toMatchObject({ StartTime: NOW / 1000 - 900, EndTime: later / 1000 });
  expect(again.events).toEqual([]);
});

test('divides a window that has too much', async () => {
  api.events = Array.from({ length: 2100 }, (_, index) => event(`e${index}`, 1 + index / 2));
  const it = start();
  await it.until(({ events }) => events.length === 2100);
  expect(new Set(it.values('evt.id')).size).toBe(2100);
  const spans = api.asked.map(({ StartTime, EndTime }) => EndTime - StartTime);
  expect(Math.min(...spans)).toBe(Math.max(...spans) / 2);
}, 30_000);

test('asks each region', async () => {
  api.events = [event('a', 60)];
  const it = start({ regions: ['eu-west-1', 'us-east-1'] });
  await it.until(({ position }) => Object.keys(position ?? {}).length === 2);
  // The same id in both: it is one event.
  expect(new Set(it.values('evt.id'))).toEqual(new Set(['a']));
});

test('waits longer where it is throttled', async () => {
  api.events = [event('a', 60)];
  api.errors = ['ThrottlingException', 'ThrottlingException'];
  const it = start();
  await it.until(({ events }) => events.length === 1);
  expect(it.metrics.counter('throttled', REGION).value).toBe(2);
  expect(it.trouble).toBeUndefined();
});

test('says what keeps it, and goes on', async () => {
  api.events = [event('a', 60)];
  api.errors = Array<string>(6).fill('InternalFailure');
  const troubles: (string | undefined)[] = [];
  const it = start({}, { longest: 20 });
  await it.until(({ trouble, events }) => {
    troubles.push(trouble);
    return events.length === 1;
  });
  const known = [undefined, 'not connected yet'];
  expect(troubles.find((each) => !known.includes(each))).toContain('InternalFailure');
  expect(it.trouble).toBeUndefined();
});

test('leaves out what cannot be read, and tells of it once', async () => {
  api.events = [event('a', 60), event('b', 61, '{"eventName"'), event('c', 62, 'null'), event('d', 63, '')];
  const it = start();
  await it.until(({ events }) => events.length === 1);
  await it.until(() => api.asked.length > 3);
  expect(it.said).toEqual(['drop bad_record 1', 'drop bad_record 1', 'drop bad_record 1']);
  expect(it.reports[0]?.fields.message).toContain(`event b of ${REGION} cannot be read`);
});

test.each(['ExpiredTokenException', 'AccessDeniedException', 'UnrecognizedClientException'])(
  '%s ends it for good',
  async (name) => {
    api.errors = [name];
    const it = start();
    await it.until(({ end }) => end !== 'open');
    expect(it.end).toBeInstanceOf(SourceError);
    expect(String(it.end)).toContain(`CloudTrail in ${REGION} cannot be asked: ${name}`);
  },
);

test('goes on where a clock was ahead', async () => {
  api.events = [event('a', 60)];
  const it = start({}, { position: { [REGION]: NOW + 86_400_000 } });
  await it.until(({ events }) => events.length === 1);
  expect(api.asked[0]).toMatchObject({ StartTime: NOW / 1000 - 900, EndTime: NOW / 1000 });
});

test.each([
  [500, 'boom\n there', ': boom there'],
  [403, '<html>blocked by policy</html>', ': <html>blocked by policy</html>'],
  [200, 'a portal', `: Unexpected token 'a', "a portal" is not valid JSON`],
])(
  'says at once, and goes on, where what is in between answers with a page of its own: %i',
  async (status, body, said) => {
    api.page = { status, body };
    api.events = [event('a', 60)];
    const it = start({}, { settle: () => undefined });
    const told = `CloudTrail in ${REGION} cannot be asked: status ${status} with an answer that is not AWS's${said}`;
    await vi.waitFor(() => expect(it.trouble).toBe(told), 10_000);
    api.page = undefined;
    await it.until(({ events }) => events.length === 1);
    expect(it.trouble).toBeUndefined();
  },
);
