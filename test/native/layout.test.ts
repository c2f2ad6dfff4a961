import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { generate } from '../../native/generate.ts';
import * as generated from '../../src/events/kernel/layout.ts';
import { scratch } from '../scratch.ts';

const layout = { ...generated };
const root = fileURLToPath(new URL('../..', import.meta.url));

test.each(generate())('$path is fresh', ({ path, content }) => {
  expect(readFileSync(join(root, path), 'utf8'), 'run `node native/generate.ts`').toBe(content);
});

test('of each kind of record it is said whether it changes its process, and both languages have it from there', () => {
  const table = readFileSync(join(root, 'native/records.yaml'), 'utf8');
  const open = '    kind: 4\n    changes: false\n';
  expect(table).toContain(open);
  const words = (text: string) =>
    generate(text).flatMap(({ content }) => /CHANGES_PROCESS (?:= )?0b([01]+)/.exec(content)?.[1] ?? []);
  const isChanging = (word: string) => Object.values(layout.KIND).filter((kind) => (Number(`0b${word}`) >> kind) & 1);
  const { open: four, socket, call, ...others } = layout.KIND;
  expect(words(table).map(isChanging)).toEqual([Object.values(others), Object.values(others)]);
  const more = words(table.replace(open, '    kind: 4\n    changes: true\n')).map(isChanging);
  expect(more[0]?.filter((kind) => !Object.values<number>(others).includes(kind))).toEqual([four]);
  expect(more[1]).toEqual(more[0]);
  expect(() => generate(table.replace(open, '    kind: 4\n'))).toThrow('the kind open lacks changes');
});

/** Every `struct.member` with the offset that layout.ts gives it. */
function claimed(): Map<string, number> {
  const offsets = new Map<string, number>();
  for (const [name, at] of Object.entries(layout.HEADER)) offsets.set(`record_header.${name}`, at);
  const kinds = { FORK: 1, EXEC: 1, EXIT: 1, OPEN: 1, SOCKET: 1, CGROUP: 1, CHDIR: 1, CALL: 1 };
  for (const kind of Object.keys(kinds) as (keyof typeof kinds)[]) {
    const struct = `${kind.toLowerCase()}_record`;
    for (const [name, at] of Object.entries(layout[kind])) offsets.set(`${struct}.${name}`, at);
    const texts = (layout as Record<string, unknown>)[`${kind}_TEXTS`] as { lengths: number } | undefined;
    if (texts) offsets.set(`${struct}.lengths`, texts.lengths);
  }
  return offsets;
}

test('the compiler places every member where layout.ts says', () => {
  const offsets = claimed();
  const asserts = [...offsets].map(([path, at]) => {
    const [struct, member] = path.split('.');
    return `_Static_assert(offsetof(struct ${struct}, ${member}) == ${at}, "${path}");`;
  });
  const program = ['#include <stddef.h>', '#include <linux/types.h>', '#include "records.h"', ...asserts];
  program.push(`_Static_assert(sizeof(struct record_header) == ${layout.HEADER_SIZE}, "header");`);
  for (const kind of ['EXEC', 'OPEN', 'SOCKET', 'CGROUP', 'CHDIR', 'CALL'] as const) {
    const { first, lengths, count } = layout[`${kind}_TEXTS`];
    program.push(`_Static_assert(${kind}_TEXTS_AT == ${first}, "${kind} texts");`);
    program.push(
      `_Static_assert(sizeof(((struct ${kind.toLowerCase()}_record *)0)->lengths) == ${first - lengths}, "${kind}");`,
    );
    expect(first).toBe(lengths + 2 * count);
  }
  expect(offsets.size).toBeGreaterThan(70);
  const folder = scratch();
  const file = join(folder, 'layout.c');
  writeFileSync(file, `${program.join('\n')}\n`);
  execFileSync('gcc', ['-fsyntax-only', `-I${join(root, 'native/bpf')}`, file], { stdio: 'pipe' });
});
