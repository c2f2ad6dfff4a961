/** Opens judged by lists from elsewhere: what a look at the bytes of a path rules out is not in the list. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { catalogues } from '../../../src/events/catalogue.ts';
import { kernelForm } from '../../../src/events/kernel/form.ts';
import { joinPath } from '../../../src/events/paths.ts';
import { bindRules, type Engine, loadRules } from '../../../src/rules/index.ts';
import type { Fields } from '../../events-kernel/slab-writer.ts';
import { scratch } from '../../scratch.ts';
import { combined } from '../generated-opens.ts';
import { judged, recordOf } from '../judged-opens.ts';

const long = process.env.FALCO_PIPE_LONG === '1';
const folder = scratch();
const engines: readonly Engine[] = ['closures', 'generated', 'cached'];

const part = fc.constantFrom('etc', 'shadow', '.ssh', 'id', 'a', 'ä', '名', '\u{1f600}', 'x'.repeat(130), '\ufffd', '');
const path = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => `/${parts.join('/')}`);

const canonical = (each: string) => joinPath('/', each) || '/';

const items = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: path.filter((each) => !each.includes('\ufffd')) },
    { weight: 2, arbitrary: path.map((each) => each.slice(0, each.length - 1) || '/a') },
    { weight: 1, arbitrary: path },
    { weight: 1, arbitrary: fc.constantFrom('/etc/*/id', 'etc/.ssh', '/a/', '//id') },
  ),
  { minLength: 1, maxLength: 6 },
);

const conditions = combined([
  'fd.name in (far)',
  'fd.name in (/etc/id, far)',
  'fd.name in (far, near)',
  'fd.name pmatch (far)',
  'fd.name startswith anyof (far)',
  'fd.name startswith oneof (far)',
  'fd.realpath in (far)',
  'fd.realpath pmatch (near)',
  'fd.directory in (far)',
  'fd.filename in (far)',
  'fd.name startswith /etc',
  'fd.num >= 0',
]);

const open: fc.Arbitrary<Fields> = fc
  .record({
    raw: fc.oneof({ weight: 4, arbitrary: path }, { weight: 1, arbitrary: path.map((each) => each.slice(1)) }),
    base: fc.constantFrom('/', '/etc', '/a/ä'),
    real: path.map(canonical),
    ret: fc.constantFrom(3, 4, -2),
    isOdd: fc.boolean(),
  })
  .map(({ isOdd, ...each }) => ({ ...recordOf({ ...each, flags: 0 }), ...(isOdd && { raw: odd(each.raw) }) }));

/** A path with bytes that are not UTF-8, and are read as U+FFFD. */
function odd(path: string): Buffer {
  return Buffer.from(Buffer.from(path).toString('latin1').replaceAll('\xef\xbf\xbd', '\xff'), 'latin1');
}

/** Also longer than what is judged as if it stood in the rules. */
function write(name: string, own: readonly string[], isLong: boolean): void {
  const more = isLong ? Array.from({ length: 80 }, (_, n) => `/etc/filler/${n}`) : [];
  writeFileSync(join(folder, name), [...own, ...more].join('\n'));
}

test('a look at an open rules out no path that a list has', () => {
  let matched = 0;
  fc.assert(
    fc.property(
      fc.array(conditions, { minLength: 1, maxLength: 4 }),
      items,
      items,
      fc.boolean(),
      fc.array(open, { minLength: 5, maxLength: 20 }),
      (texts, far, near, isLong, opens) => {
        write('far.txt', far, true);
        write('near.txt', near, isLong);
        const rules = texts.map(
          (text, n) =>
            `- rule: r${n}\n  desc: d\n  condition: evt.type = openat and (${text})\n  output: o\n  priority: INFO\n`,
        );
        const lists = ['far', 'near'].map((name) => `- list: ${name}\n  items_from: { file: ${name}.txt }\n`);
        const content = [...lists, ...rules].join('');
        const loaded = loadRules([{ name: 'rules.yaml', content, path: join(folder, 'rules.yaml') }], { catalogues });
        // Each item itself, and what lies below, is opened as well.
        const named = [...far, ...near].flatMap((item) =>
          [item, `${item}/id`].flatMap((raw) => {
            const opened = recordOf({ ret: 3, flags: 0, raw, base: '/etc', real: canonical(raw) });
            return [opened, { ...opened, raw: odd(raw) }];
          }),
        );
        const [expected, ...others] = engines.map((engine) =>
          judged(bindRules(loaded.rules, kernelForm, { matching: 'all', engine }), [...opens, ...named]),
        );
        for (const each of others) expect(each).toEqual(expected);
        matched += expected?.filter((names) => names !== '').length ?? 0;
      },
    ),
    { numRuns: long ? 5_000 : 100 },
  );
  expect(matched).toBeGreaterThan(300);
});
