/** What a look at an open rules out: never a rule that matches, and most that do not. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { catalogues } from '../../../src/events/catalogue.ts';
import type { Catalogue } from '../../../src/events/field.ts';
import type { KernelEvent } from '../../../src/events/kernel/event.ts';
import { kernelForm } from '../../../src/events/kernel/form.ts';
import { bindRules, compileCondition, type Engine, necessary, type Rule } from '../../../src/rules/index.ts';
import type { Fields } from '../../events-kernel/slab-writer.ts';
import type { Opened } from '../../native/filter-model.ts';
import { condition, opened } from '../generated-opens.ts';
import { bench, judged, recordOf } from '../judged-opens.ts';

const catalogue = catalogues.get('syscall') as Catalogue;
const long = process.env.FALCO_PIPE_LONG === '1';
const engines: readonly Engine[] = ['closures', 'generated', 'cached'];

/** An open with what makes its paths other than what is written. */
const odd: fc.Arbitrary<Fields> = fc
  .record({
    open: opened,
    nr: fc.constantFrom(257, 257, 257, 437),
    resolve: fc.constantFrom(0, 0x10),
    flags: fc.subarray(['path_partial', 'path_outside', 'base_partial', 'cut', 'unread'] as const),
    base: fc.constantFrom('', '/', '/etc', '/home/u/.ssh', `/${'x'.repeat(3900)}`),
    raw: fc.constantFrom(
      undefined,
      undefined,
      '',
      Buffer.from([0x2f, 0xff]),
      '/etc/sh\ufffd',
      `/etc/${'y'.repeat(300)}`,
    ),
  })
  .map(({ open, nr, resolve, flags, base, raw }) => {
    const written = raw ?? open.raw;
    return {
      ...recordOf(open),
      nr,
      resolve,
      flags,
      raw: written,
      base: nr === 437 || open.ret === 4 ? base : open.base,
    };
  });

/** What may be different of an open behind one that is else the same. */
const changes: readonly ((open: Fields) => Fields)[] = [
  (open) => open,
  (open) => ({ ...open, ret: 4 }),
  (open) => ({ ...open, ret: -2, real: '' }),
  (open) => ({ ...open, open_flags: 1 }),
  (open) => ({ ...open, comm: 'sh' }),
  (open) => ({ ...open, flags: ['path_partial'] }),
  (open) => ({ ...open, flags: ['base_partial'] }),
  (open) => ({ ...open, layer: 1 }),
  (open) => ({ ...open, nr: 437, resolve: 0x10 }),
  (open) => ({ ...open, raw: Buffer.concat([Buffer.from(open.raw as string | Buffer), Buffer.from('x')]) }),
  (open) => ({
    ...open,
    raw: Buffer.concat([Buffer.from(open.raw as string | Buffer).subarray(0, -1), Buffer.from('x')]),
  }),
  (open) => ({ ...open, base: '/etc' }),
  (open) => ({ ...open, real: '/etc/shadow' }),
];

/** Opens of the same file one behind the other, each with some change of the first. */
function inRuns(open: fc.Arbitrary<Fields>): fc.Arbitrary<Fields[]> {
  const run = fc.tuple(open, fc.array(fc.constantFrom(...changes), { maxLength: 3 }));
  return fc
    .array(run, { minLength: 10, maxLength: 20 })
    .map((runs) => runs.flatMap(([first, others]) => [first, ...others.map((change) => change(first))]));
}

const ruleOf = (text: string, index: number) =>
  ({ name: `${index}`, enabled: true, condition: compileCondition(text, catalogue) }) as Rule;

/** For each engine the rules that match each open. */
function judgedByAll(texts: readonly string[], opens: readonly Fields[]): readonly (readonly string[])[] {
  const rules = texts.map(ruleOf);
  return engines.map((engine) => judged(bindRules(rules, kernelForm, { matching: 'all', engine }), opens));
}

describe('a look at an open', () => {
  it('rules out no rule that matches', () => {
    let matched = 0;
    const special = fc.constantFrom(
      'fd.name startswith "/\ufffd"',
      'fd.name startswith "/etc/sh\ufffd"',
      'fd.name = "/etc/.ssh/id" and evt.type = openat2',
      'fd.name startswith /etc and fd.realpath startswith /home and proc.name = bash',
    );
    const open = fc.oneof(
      opened.map((each) => recordOf(each)),
      odd,
    );
    fc.assert(
      fc.property(
        fc.array(fc.oneof({ weight: 5, arbitrary: condition }, special), { minLength: 1, maxLength: 35 }),
        inRuns(open),
        (texts, opens) => {
          const [expected, ...others] = judgedByAll(texts, opens);
          for (const each of others) expect(each).toEqual(expected);
          matched += expected?.filter((names) => names !== '').length ?? 0;
        },
      ),
      { numRuns: long ? 20_000 : 150 },
    );
    expect(matched).toBeGreaterThan(1000);
  });

  it('rules out none where the directory of a path is not known', () => {
    const plain = recordOf({ ret: 3, flags: 0, raw: 'id', base: '/', real: '' });
    const opens: Fields[] = [
      { ...plain, base: '' },
      { ...plain, base: `/${'x'.repeat(3900)}`, flags: ['base_partial'] },
      plain,
    ];
    const texts = ['evt.type = openat and basename(fd.name) = "<UNKNOWN>id"', 'evt.type = openat and fd.name = /id'];
    for (const found of judgedByAll(texts, opens)) expect(found).toEqual(['0', '0', '1']);
  });

  it('rules out none where there are more paths than it can tell apart', () => {
    const many = Array.from({ length: 3000 }, (_, n) => `/data/${n % 7}/some/folder/file${n}`);
    const texts = [
      `evt.type = openat and fd.name in (${many.join(', ')})`,
      'evt.type = openat and fd.name startswith /zone/last',
    ];
    const raws = [many[0], many[2999], '/data/1/some', '/zone/last/x', '/zone/first', '/usr/lib/x'];
    const opens = raws.map((raw) => recordOf({ ret: 3, flags: 0, raw: raw as string, base: '/', real: '' }));
    for (const found of judgedByAll(texts, opens)) expect(found).toEqual(['0', '0', '', '1', '', '']);
  });

  it('rules out no rule of those that are asked for again and again', () => {
    const texts = [
      'evt.type = openat and proc.name = bash and fd.num >= 0 and fd.name endswith dow',
      'evt.type = openat and proc.name = sh',
      'evt.type = openat and fd.name startswith /home',
      'evt.type = openat and fd.num >= 0 and not proc.name in (sh, cat) and fd.name contains hadow',
    ];
    const paths = ['/etc/shadow', '/home/u', '/etc/x'];
    const opens = Array.from({ length: 3000 }, (_, n) =>
      recordOf({ ret: 3, flags: 0, raw: paths[n % 3] as string, base: '/', real: '' }),
    );
    for (const found of judgedByAll(texts, opens)) expect(found).toEqual(opens.map((_, n) => ['0 3', '2', ''][n % 3]));
  });

  it('keeps no verdict of a file for one of the same path in another layer', () => {
    const plain = recordOf({ ret: 3, flags: 0, raw: '/usr/a', base: '/', real: '/usr/a' });
    const opens = [2, 1, 2, 1, 0].map((layer) => ({ ...plain, layer }));
    const texts = ['FD_UPPER_LAYER', 'FD_LOWER_LAYER'].map(
      (name) => `evt.type = openat and evt.arg.flags contains ${name}`,
    );
    for (const found of judgedByAll(texts, opens)) expect(found).toEqual(['1', '0', '1', '0', '']);
  });

  it('tells apart results, reading and writing, and paths', () => {
    const needed = [
      'evt.is_open_write = true and fd.num >= 0',
      'fd.name startswith /etc/s or fd.filename = x',
      'fd.realpath startswith /etc/s',
      'fd.name contains /.ssh/',
      'evt.failed = true',
      'user.name = root',
      'proc.name in (sh, tar)',
    ].map((text) => necessary(compileCondition(text, catalogue).typed, 'openat'));
    const look = kernelForm.prefilter?.('openat', needed);
    const left = (open: Partial<Opened>) => {
      const slab = bench.slab(recordOf({ ret: 3, flags: 0, raw: '/usr/a', base: '/', real: '/usr/a', ...open }));
      const bits = look?.of(slab.at(0) as KernelEvent) ?? -1;
      slab.release();
      return needed.flatMap((_, n) => ((bits & (1 << n)) === 0 ? [] : [n])).join();
    };
    expect(left({})).toBe('5');
    expect(left({ flags: 1 })).toBe('0,5');
    expect(left({ ret: -2, flags: 1, real: '' })).toBe('4,5');
    expect(left({ raw: '/etc/shadow' })).toBe('1,5');
    expect(left({ raw: '/a/x' })).toBe('1,5');
    expect(left({ raw: 'shadow', base: '/etc' })).toBe('1,5');
    expect(left({ raw: 'etc/shadow', base: '/' })).toBe('1,5');
    expect(left({ raw: '/link', real: '/etc/shadow' })).toBe('2,5');
    expect(left({ raw: '/home/.ssh/id' })).toBe('3,5');
    expect(left({ raw: '.ssh/id', base: '/home' })).toBe('3,5');
    expect(left({ raw: 'id', base: '/home/.ssh' })).toBe('3,5');
    expect(left({ raw: '/usr/../a' })).toBe('1,2,3,5');
    expect(left({ raw: '/usr/a/' })).toBe('1,2,3,5');
    expect(left({ comm: 'tar' })).toBe('5,6');
    expect(left({ comm: 'tart' })).toBe('5');
    expect(left({ comm: 'sh', raw: '/etc/shadow' })).toBe('1,5,6');
    expect(kernelForm.prefilter?.('openat', needed.slice(5, 6))).toBeUndefined();
  });

  it('finds the next open that may match: of the same type, whether its way is known or new', () => {
    const texts = [
      'evt.type in (openat, openat2) and fd.name startswith /etc/s',
      'evt.type = openat and proc.name = tar',
    ];
    const rules = texts.map(ruleOf);
    const plain = recordOf({ ret: 3, flags: 0, raw: '/usr/a', base: '/', real: '' });
    const opens: Fields[] = [
      plain,
      { ...plain, raw: '/usr/b' },
      { ...plain, raw: '/etc/shadow' },
      plain,
      { ...plain, comm: 'tar' },
      { ...plain, raw: `/usr/${'y'.repeat(300)}` },
      { ...plain, raw: `/etc/s${'y'.repeat(300)}` },
      { ...plain, nr: 437 },
      plain,
    ];
    // Of more than 31 rules, of which the others cannot match these, as of two.
    for (const more of [0, 40]) {
      const others = Array.from({ length: more }, (_, n) => ruleOf(`evt.type = openat and fd.name = /x${n}`, n + 2));
      const ruleset = bindRules([...rules, ...others], kernelForm, { matching: 'all' });
      const slab = bench.slab(...opens);
      // It goes by the type of the last event that was judged.
      expect(ruleset.next(slab, 3)).toBe(3);
      judged(ruleset, [plain]);
      const found = [0, 1, 2, 3, 4, 5, 6, 7, 8].map((from) => ruleset.next(slab, from));
      expect(found).toEqual([2, 2, 2, 4, 4, 6, 6, 7, 9]);
      slab.release();
    }
  });
});
