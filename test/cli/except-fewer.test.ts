/** `falco-pipe rules except`: what is said of many rows that differ in one field. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fewerRows } from '../../src/cli/except/fewer.ts';

const FIELDS = ['proc.exepath', 'proc.cmdline'];
const rowsOf = (commands: readonly string[]) =>
  commands.map((command) => ({ fields: FIELDS, constants: ['/usr/bin/tool', command], events: [] }));
const folderIn = (said: string | undefined) =>
  /, all below (.*): --by proc\.exepath makes 1 row/s.exec(said ?? '')?.[1];

test.each([
  ['below one folder', (n: number) => `/srv/jobs/${n}`, '/srv/jobs/'],
  ['some in quotes', (n: number) => (n % 2 === 0 ? `/srv/jobs/${n}` : `"/srv/jobs/a ${n}"`), '/srv/jobs/'],
  ['names that begin alike', (n: number) => `/srv/job${n}/x`, '/srv/'],
  ['nothing but the root', (n: number) => `/${n}`, undefined],
  ['some absolute, some not', (n: number) => (n % 2 === 0 ? `/usr/bin/tool ${n}` : `tool ${n}`), undefined],
  ['not absolute', (n: number) => `srv/jobs/${n}`, undefined],
])('%s', (_, of, folder) => {
  const said = fewerRows(rowsOf(Array.from({ length: 25 }, (_, n) => of(n))));
  expect(said).toContain('In 25 rows proc.cmdline has 25 values');
  expect(folderIn(said)).toBe(folder);
});

test('of any values: the folder that is named is the deepest that all are below', () => {
  const value = fc
    .array(fc.constantFrom('/', '/', 'a', 'b', ' ', '"'), { maxLength: 6 })
    .chain((parts) => fc.constantFrom('', '/', '/srv/').map((head) => head + parts.join('')));
  let named = 0;
  fc.assert(
    fc.property(
      fc.constantFrom('', '/', '/srv/'),
      fc.array(value, { minLength: 25, maxLength: 40 }),
      (head, values) => {
        const all = values.map((each) => head + each);
        const folder = folderIn(fewerRows(rowsOf(all)));
        const paths = all.map((each) => each.replace(/^"/, ''));
        const [first = ''] = paths;
        const folders = [...first.matchAll(/\//g)].map(({ index }) => first.slice(0, index + 1));
        const shared = folders.filter((each) => paths.every((path) => path.startsWith(each))).at(-1);
        expect(folder).toBe(first.startsWith('/') && shared !== '/' ? shared : undefined);
        if (folder !== undefined) named++;
      },
    ),
  );
  expect(named).toBeGreaterThan(10);
});
