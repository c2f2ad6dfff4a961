/** What becomes of alerts that a server turns away: nothing is lost without a dead letter, or a count where there is no state. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { scratch } from '../scratch.ts';
import { delivered, letters, openStore } from './delivering.ts';
import { Receiver } from './servers.ts';
import { alertOf } from './shared.ts';

let folder: string;
let receiver: Receiver;
beforeEach(async () => {
  folder = scratch();
  writeFileSync(join(folder, 'token'), 'of yesterday\n');
  receiver = await Receiver.start();
});
afterEach(async () => {
  await receiver.stop();
});

/** Gives three alerts to a sink that has its token from a file. */
const deliver = ({ retry, store }: { retry?: string; store?: Store } = {}) =>
  delivered({
    folder,
    sink: { url: receiver.url, format: 'json_lines', bearer_token: { file: 'token' } },
    alerts: ['a', 'b', 'c'].map((rule) => alertOf(rule)),
    retry,
    store,
  });

it.each([401, 403])(
  'status %i waits for another credential: its file is read again, and nothing is lost',
  async (status) => {
    receiver.answer = ({ headers }) => {
      if (headers.authorization === 'Bearer of today') return {};
      writeFileSync(join(folder, 'token'), 'of today\n');
      return { status };
    };
    const { summary } = await deliver({ retry: '10s' });
    expect(summary).toMatchObject({ delivered: 3, dropped: 0 });
    expect(receiver.got.length).toBeGreaterThan(1);
  },
);

it.each([401, 403, 404, 409, 410, 429])('status %i that stays ends in dead letters, after retries', async (status) => {
  receiver.answer = () => ({ status, body: 'not you' });
  const store = await openStore(folder);
  const { summary } = await deliver({ store });
  expect(summary).toMatchObject({ delivered: 0, dropped: 0, dead_lettered: 3 });
  expect(receiver.got.length).toBeGreaterThan(1);
  const { rules, why } = await letters(store);
  expect(rules.sort()).toEqual(['a', 'b', 'c']);
  expect(why).toEqual([expect.stringMatching(`^sink_failed: status ${status}: not you`)]);
  await store.close();
});

it.each([400, 413, 422])(
  'status %i ends in a dead letter at once: of that alert, not of its neighbours',
  async (status) => {
    receiver.answer = ({ body }) => (/"rule":"b"/.test(body) ? { status, body: 'no b here' } : {});
    const store = await openStore(folder);
    const { summary, said } = await deliver({ store });
    expect(said).toContain(`1 event was refused: status ${status}`);
    expect(summary).toMatchObject({ delivered: 2, dropped: 0, dead_lettered: 1 });
    expect(await letters(store)).toEqual({ rules: ['b'], why: [`refused: status ${status}: no b here`] });
    await store.close();
  },
);

it.each([
  [403, 'sink_failed'],
  [422, 'refused'],
])('without a state folder status %i is counted and said', async (status, reason) => {
  receiver.answer = () => ({ status });
  const { summary, said } = await deliver();
  expect(summary).toMatchObject({ delivered: 0, dropped: 3, reasons: { [reason]: 3 } });
  expect(said).toContain(`status ${status}`);
});
