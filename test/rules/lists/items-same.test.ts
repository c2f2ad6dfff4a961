/** Whatever a list holds, and wherever from, conditions mean the same. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { load, loadText, verdict } from '../far-list.ts';
import { rule, type Values } from '../support.ts';

const words = fc.array(
  fc.oneof(
    fc.stringMatching(/^\/?(?:etc|usr|e|us)(?:\/(?:lib|a|l|passwd)){0,3}\/?$/),
    fc.stringMatching(/^[a-c/]{1,10}$/),
  ),
  { minLength: 1, maxLength: 12 },
);
const networks = fc.array(
  fc.oneof(
    fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })).map(([address, bits]) => `${address}/${bits}`),
    fc.tuple(fc.ipV6(), fc.integer({ min: 1, max: 128 })).map(([address, bits]) => `${address}/${bits}`),
    fc.constantFrom(
      '10.0.0.0/8',
      '10.1.0.0/16',
      '10.0.0.0/31',
      '0.0.0.0/0',
      '255.255.255.255/32',
      '::/1',
      '2001:db8::/33',
    ),
  ),
  { minLength: 1, maxLength: 12 },
);
const addresses = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.constantFrom('10.0.0.1', '10.1.2.3', '10.0.0.2', '2001:db8:8000::1'),
);

/** More items than are judged as if they stood in the rules. */
const fillers = (make: (n: number) => string) => Array.from({ length: 70 }, (_, n) => make(n));

function same(condition: string, some: readonly string[], events: readonly Values[]): void {
  sameOf(condition, some, events);
  const make = condition.includes('t.net') ? (n: number) => `203.0.113.${n}/32` : (n: number) => `/filler/${n}`;
  sameOf(condition, [...fillers(make), ...some], events);
}

function sameOf(condition: string, items: readonly string[], events: readonly Values[]): void {
  const far = load(condition, items.join('\n'));
  const near = loadText(
    `- list: far\n  items: [${items.map((item) => JSON.stringify(item)).join(', ')}]\n${rule({ source: 'test', condition })}`,
  );
  for (const event of events) {
    const expected = verdict(near, event, 'closures');
    expect(verdict(far, event, 'closures')).toBe(expected);
    expect(verdict(far, event, 'generated')).toBe(expected);
  }
}

describe('lists mean the same wherever they come from', () => {
  test.each(['t.s in (far)', 't.s pmatch (far)', 't.s startswith anyof (far)', 'not t.s pmatch (far, /usr)'])(
    '%s',
    (condition) => {
      fc.assert(
        fc.property(words, words, (items, values) => {
          same(
            condition,
            items,
            values.map((value) => ({ 't.s': value })),
          );
        }),
      );
    },
  );

  test('t.s startswith oneof (far): of items that differ', () => {
    fc.assert(
      fc.property(words, words, (items, values) => {
        same(
          't.s startswith oneof (far)',
          [...new Set(items)],
          values.map((value) => ({ 't.s': value })),
        );
      }),
    );
  });

  test('t.net in (far)', () => {
    fc.assert(
      fc.property(networks, fc.array(addresses, { minLength: 1, maxLength: 6 }), (items, values) => {
        const inside = items.map((item) => item.split('/')[0] as string);
        same(
          't.net in (far)',
          items,
          [...values, ...inside].map((value) => ({ 't.net': value })),
        );
      }),
    );
  });
});
