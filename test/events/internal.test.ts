import { expect, it } from 'vitest';
import { catalogues } from '../../src/events/catalogue.ts';
import { internalEvent } from '../../src/events/internal.ts';

it('an internal event has fields that its catalogue knows', () => {
  const report = {
    component: 'node',
    reason: 'ring_full',
    count: 12,
    eventType: 'openat',
    message: '12 events were lost.',
  };
  const event = internalEvent('drop', 5n, report);
  expect(event).toMatchObject({ source: 'internal', type: 'drop', time: 5n });
  for (const name of Object.keys(event.fields)) expect(catalogues.get('internal')?.find(name), name).toBeDefined();
  expect(event.get('internal.count')).toBe(12);
  expect(catalogues.get('internal')?.eventTypes?.names.has(event.type)).toBe(true);
});

it('leaves out what is not known', () => {
  const event = internalEvent('health', 5n, { component: 'node', reason: 'started', message: 'Started.' });
  expect(event.get('internal.count')).toBeUndefined();
  expect(event.get('internal.event_type')).toBeUndefined();
});
