import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSteps } from 'falco-pipe/testing';
import officeHours from './office-hours.ts';

const at = (hour: number, user: string) => ({
  time: BigInt(Date.UTC(2026, 0, 15, hour)) * 1_000_000n,
  fields: { 'user.name': user },
});

test('events at night pass, those of the day only for the users named', () => {
  const events = [at(3, 'alice'), at(12, 'alice'), at(12, 'root'), at(18, 'alice')];
  const { events: passed } = runSteps(officeHours, { always: ['root'] }, events);
  assert.deepEqual(
    passed.map((event) => event.get('user.name')),
    ['alice', 'root', 'alice'],
  );
});
