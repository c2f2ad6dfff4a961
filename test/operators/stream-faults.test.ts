/** Operators that work on streams, and an event that cannot be read: it costs itself alone. */

import { expect, it, vi } from 'vitest';
import { EventRecord } from '../../src/events/record.ts';
import { Store } from '../../src/store/store.ts';
import { recordedAck } from '../core/shared.ts';
import { scratch } from '../scratch.ts';
import { start } from './shared.ts';

const call = (fields: unknown) => new EventRecord('syscall', 'open', 7n, fields as EventRecord['fields']);
const a = call({ 'proc.name': 'a', 'fd.sip': 'none' });
const b = call({ 'proc.name': 'b', 'fd.sip': 'none' });
/** What a component of people's own may have made. */
const broken = call(undefined);

it.each([
  ['watch', '{ type: watch, from: kernel, key: proc.name, silent: 50ms, rule: Quiet }', [a, broken, b], ['a', 'b']],
  [
    'correlate',
    '{ type: correlate, from: kernel, key: proc.name, threshold: { count: 2 }, rule: Two, output: two }',
    [a, broken, b, b, a],
    ['b', 'a'],
  ],
  ['dedupe', '{ type: dedupe, from: kernel, key: proc.name, within: 50ms, emit: last }', [a, broken, b], ['a', 'b']],
  [
    'dedupe by what it has',
    '{ type: dedupe, from: kernel, key: evt.type, within: 50ms, emit: both }',
    [a, broken],
    ['a'],
  ],
])('%s goes on with the others, and says which it has lost', async (_, operator, events, names) => {
  const run = await start(operator);
  const ack = recordedAck();
  run.put(events, ack);
  await vi.waitFor(() => expect(run.events.map((event) => event.get('proc.name'))).toEqual(names), 20_000);
  await vi.waitFor(() => expect(run.counters()).toMatchObject({ errors: 1, dropped: 1 }), 20_000);
  const summary = await run.running.stop();
  expect(summary).toMatchObject({ dropped: 1, reasons: { operator_error: 1 }, in_flight: 0 });
  expect(ack.settled[0]?.[0]).toBe('dropped');
});

it('enrich lets one pass of which it cannot read what to look up', async () => {
  const run = await start('{ type: enrich, from: kernel, dns: {}, key: fd.sip, fields: { server.name: name } }');
  run.put([a, broken, b]);
  await vi.waitFor(() => expect(run.events).toHaveLength(3), 20_000);
  expect(run.counters()).toMatchObject({ errors: 1 });
  expect(await run.running.stop()).toMatchObject({ delivered: 3, dropped: 0 });
});

it('a state that cannot be saved is said, and what it has of events is not taken for safe', async () => {
  const folder = scratch();
  const store = await Store.open(folder, (error) => {
    throw error;
  });
  const run = await start('{ type: watch, from: kernel, key: proc.name, rule: Quiet }', store);
  const ack = recordedAck();
  // What an event may hold can be saved: so it is the system that refuses.
  vi.spyOn(store, 'setSnapshot').mockImplementationOnce(() => {
    throw new RangeError('Array buffer allocation failed');
  });
  run.put([call({ 'proc.name': 'sshd' })], ack);
  await vi.waitFor(() => expect(ack.settled).toEqual([['dropped', 'operator_error']]), { timeout: 5000 });
  expect(run.counters()).toMatchObject({ errors: 1 });
  await run.running.stop();
  await store.close();
});
