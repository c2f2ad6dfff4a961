import { describe, expect, it } from 'vitest';
import { EventRecord } from '../../src/events/record.ts';
import { alertOf } from '../sinks/shared.ts';
import { errorsOf, run } from './shared.ts';

const routed = (more = '') =>
  `{ type: route, from: in, routes: [{ name: page, condition: priority = Critical }, { name: chat, condition: rule startswith a }] ${more} }`;
const alerts = [alertOf('a', 'Critical'), alertOf('a', 'Notice'), alertOf('b', 'Notice')];

describe('the operator route', () => {
  it('names the first route that an event satisfies, and the one of the others', async () => {
    const names = async (more?: string) =>
      (await run(routed(more), { alerts })).events.map((event) => event.get('route.name'));
    expect(await names()).toEqual(['page', 'chat', 'other']);
    expect(await names(', otherwise: log')).toEqual(['page', 'chat', 'log']);
  });

  it('filters below divide events by it: each goes one way', async () => {
    for (const [name, rules] of [
      ['page', ['Critical']],
      ['chat', ['Notice']],
      ['other', ['Notice']],
    ] as const) {
      const operators = `${routed()}\n  one: { type: filter, from: op, condition: route.name = ${name} }`;
      const { events, summary } = await run(operators, { alerts });
      expect(events.map((event) => event.get('priority'))).toEqual(rules);
      expect(summary).toMatchObject({ seen: 3, delivered: 1, filtered: 2 });
    }
  });

  it('keeps the id of alerts, counts, and lets a condition be for one event source', async () => {
    const operator =
      '{ type: route, from: [in, kernel], routes: [{ name: shells, source: syscall, condition: "proc.name in (sh, bash)" }] }';
    const calls = ['sh', 'cat'].map((name) => new EventRecord('syscall', 'execve', 1n, { 'proc.name': name }));
    const { events, counters } = await run(operator, { alerts: [alertOf('a')], calls });
    expect(events.map((event) => event.get('route.name'))).toEqual(['shells', 'other', 'other']);
    expect(events[2]?.get('id')).toBe(alertOf('a').id);
    expect(counters).toMatchObject({ routed: 3 });
  });

  it('says what is wrong, and where', () => {
    const wrong = routed().replace('rule startswith', 'rulle startswith');
    expect(errorsOf(wrong)).toMatch(/^test\.yaml:3:120: error: On alert events: .*rulle/);
    expect(errorsOf(routed().replace('chat', '"a b"'))).toContain('a name of a route has letters');
  });
});
