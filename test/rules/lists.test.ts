/** Lists from elsewhere among what rules ask of opens first: what is ruled out, kept and pushed down follows their items. */

import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { atOnce } from '../../src/core/steps.ts';
import { catalogues } from '../../src/events/catalogue.ts';
import { kernelForm } from '../../src/events/kernel/form.ts';
import {
  asTheyStay,
  type Built,
  bindRules,
  type ListFeed,
  type Lists,
  loadRules,
  necessary,
  type Rule,
} from '../../src/rules/index.ts';
import { passes } from '../native/filter-model.ts';
import { opened } from './generated-opens.ts';
import { bench, judged, recordOf } from './judged-opens.ts';

const conditions = [
  'fd.name in (far)',
  'fd.name in (/etc/shadow, far)',
  'fd.name pmatch (far)',
  'fd.name startswith anyof (far)',
  'fd.realpath startswith oneof (far, near)',
  'fd.directory in (far)',
  'fd.filename in (near) and evt.is_open_read = true',
  'basename(fd.realpath) in (near)',
  'proc.name in (near)',
  'not fd.name in (far) and proc.name in (near)',
  'fd.name startswith /etc and not (fd.name pmatch (far) or fd.filename in (near))',
  'fd.name = /etc/shadow',
];

const ruleOf = (condition: string, index: number) =>
  `- rule: r${index}\n  desc: d\n  condition: evt.type in (open, openat) and ${condition}\n  output: o\n  priority: INFO\n`;

function load(
  items: Readonly<Record<string, string | undefined>>,
  from = '',
): { rules: readonly Rule[]; feeds: readonly ListFeed[] } {
  const lists = Object.keys(items).map((name) => `- list: ${name}\n  items_from: { file: ${name}${from} }\n`);
  const content = [...lists, ...conditions.map(ruleOf)].join('');
  const read = ({ location }: { location: string }) => {
    const text = items[location];
    if (text === undefined) throw new Error('it is not there');
    return Buffer.from(text);
  };
  const { ok, rules, feeds, diagnostics } = loadRules([{ name: 'rules.yaml', content, path: '/rules.yaml' }], {
    catalogues,
    items: read,
  });
  if (!ok) throw new Error(diagnostics[0]?.message);
  return { rules, feeds };
}

const name = fc.constantFrom('etc', 'shadow', '.ssh', 'id', 'home', 'u', 'sud', 'bash', 'sh', 'é');
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => `/${names.join('/')}`);
/** Few items, which are judged as if they stood in the rules, or many. */
const items = (item: fc.Arbitrary<string>) =>
  fc
    .tuple(fc.array(item, { minLength: 1, maxLength: 6 }), fc.constantFrom(0, 100))
    .map(([some, more]) => [...some, ...Array.from({ length: more }, (_, n) => `/data/${n % 3}/${n}`)].join('\n'));
const content = fc.record({ far: items(path), near: items(name) });

const built = (feed: ListFeed, next: Readonly<Record<string, string>>): Built =>
  atOnce(feed.build(Buffer.from(next[feed.name] as string)));

function exchange(feeds: readonly ListFeed[], next: Readonly<Record<string, string>>): void {
  for (const feed of feeds) built(feed, next).exchange();
}

describe('lists from elsewhere', () => {
  test('what is ruled out early and what is kept follow them', () => {
    let matched = 0;
    fc.assert(
      fc.property(
        fc.array(content, { minLength: 2, maxLength: 4 }),
        fc.array(opened, { minLength: 5, maxLength: 20 }),
        (contents, opens) => {
          const [first = {}] = contents;
          const { rules, feeds } = load(first, ', refresh: 1h');
          const closures = bindRules(rules, kernelForm, { matching: 'all', engine: 'closures' });
          const others = (['generated', 'cached'] as const).map((engine) =>
            bindRules(rules, kernelForm, { matching: 'all', engine }),
          );
          for (const next of contents) {
            exchange(feeds, next);
            for (const each of others) each.forget();
            const expected = judged(closures, opens.map(recordOf));
            matched += expected.filter((names) => names !== '').length;
            // The second time with the verdicts that are kept.
            for (const each of [...others, ...others]) expect(judged(each, opens.map(recordOf))).toEqual(expected);
          }
        },
      ),
      { numRuns: 60 },
    );
    expect(matched).toBeGreaterThan(500);
  });

  test('what is passed over follows them', () => {
    const { rules, feeds } = load({ far: '/data/x', near: 'x' }, ', refresh: 1h');
    const ruleset = bindRules(rules.slice(0, 1), kernelForm, { matching: 'all' });
    const opens = ['/data/x', '/data/y', '/data/x'].map((raw) =>
      recordOf({ ret: 3, flags: 0, raw, base: '/', real: raw }),
    );
    const next = () => {
      const slab = bench.slab(...opens);
      const found = opens.map((_, from) => ruleset.next(slab, from));
      slab.release();
      return found;
    };
    expect(judged(ruleset, opens)).toEqual(['r0', '', 'r0']);
    expect(next()).toEqual([0, 2, 2]);
    exchange(feeds, { far: '/data/y', near: 'x' });
    ruleset.forget();
    expect(next()).toEqual([0, 1, 2]);
    expect(judged(ruleset, opens)).toEqual(['', 'r0', '']);
    expect(next()).toEqual([1, 1, 3]);
  });

  test('what is necessary because of them holds whenever a rule does', () => {
    let rejected = 0;
    fc.assert(
      fc.property(content, fc.array(opened, { minLength: 5, maxLength: 20 }), (given, opens) => {
        const { rules } = load(given);
        const matches = judged(
          bindRules(rules, kernelForm, { matching: 'all', engine: 'closures' }),
          opens.map(recordOf),
        );
        for (const { name, condition } of rules) {
          const needed = necessary(condition.typed, 'openat');
          for (const [index, open] of opens.entries()) {
            const isPossible = passes(needed, open);
            if (!isPossible) rejected++;
            if (matches[index]?.split(' ').includes(name)) expect(isPossible).toBe(true);
          }
        }
      }),
    );
    expect(rejected).toBeGreaterThan(1000);
  });

  test('what will be necessary because of them is known before they are exchanged', () => {
    let changed = 0;
    fc.assert(
      fc.property(content, content, (given, next) => {
        const { rules, feeds } = load(given, ', refresh: 1h');
        const needed = (lists?: Lists) => rules.map(({ condition }) => necessary(condition.typed, 'openat', lists));
        for (const feed of feeds) {
          const before = needed();
          const { lists, exchange: goOver } = built(feed, next);
          const after = needed(lists);
          expect(needed()).toEqual(before);
          goOver();
          expect(needed()).toEqual(after);
          if (!isDeepStrictEqual(before, after)) changed++;
        }
      }),
    );
    expect(changed).toBeGreaterThan(50);
  });

  test('are pushed down also where they are in all folders of the root', () => {
    const tops = 'bin etc home lib opt root sbin usr var tmp srv dev proc'.split(' ');
    const far = Array.from({ length: 10_000 }, (_, n) => `/${tops[n % tops.length]}/app/${n}`).join('\n');
    const { rules } = load({ far, near: 'id' });
    const prefixes = tops.map((top) => ({ of: 'text', kind: 'prefix', value: `/${top}/app/` }));
    // By `in`, by `pmatch` and by `startswith anyof`.
    for (const number of [0, 2, 3]) {
      const needed = necessary((rules[number] as Rule).condition.typed, 'openat');
      expect(needed).toEqual([{ paths: expect.arrayContaining(prefixes) }]);
      expect(needed[0]?.paths).toHaveLength(tops.length);
    }
  });

  test('are pushed down, those that are read again by what they hold now', () => {
    const far = Array.from({ length: 100_000 }, (_, n) => `${n % 2 ? '/srv/data/' : '/opt/'}${n}`).join('\n');
    const needed = (from: string, lists?: Lists) =>
      load({ far, near: 'id\nsh' }, from).rules.map(({ condition }) => necessary(condition.typed, 'openat', lists));
    const fixed = needed('');
    const prefixes = ['/opt/', '/srv/data/'].map((value) => ({ of: 'text', kind: 'prefix', value }));
    expect(fixed[0]).toEqual([{ paths: expect.arrayContaining(prefixes) }]);
    expect(fixed[0]?.[0]?.paths).toHaveLength(2);
    expect(fixed[2]).toEqual(fixed[0]);
    expect(fixed[8]).toEqual([{ comms: ['id', 'sh'] }]);
    expect(needed('', asTheyStay)).toEqual(fixed);
    expect(needed(', refresh: 1h')).toEqual(fixed);
    const unknown = needed(', refresh: 1h', asTheyStay);
    expect(unknown[0]).toEqual([{}]);
    expect(unknown[8]).toEqual([{}]);
    expect(unknown[6]).toEqual([{ reads: true }]);
  });

  test('that are optional and missing hold nothing: no open is wanted because of them', () => {
    const missing = (from: string) =>
      load({ far: undefined, near: 'id' }, from).rules.map(({ condition }) => necessary(condition.typed, 'openat'));
    for (const from of [', optional: true', ', optional: true, refresh: 1h']) {
      const needed = missing(from);
      for (const index of [0, 2, 3]) expect(needed[index]).toEqual([]);
      expect(needed[1]).toEqual([{ paths: [{ of: 'text', kind: 'prefix', value: '/etc/shadow' }] }]);
    }
  });
});
