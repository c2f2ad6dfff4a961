/** `make conformance` as its users meet it: files of theirs, wrong answers among them. */

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { scratch } from '../scratch.ts';

const folder = scratch();

function run(content: unknown, ...settings: readonly string[]) {
  const path = join(folder, 'cases.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  const program = join(import.meta.dirname, 'run.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, `CASES=${path}`, ...settings], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH },
  });
  return { status, lines: stdout.trimEnd().split('\n'), stderr };
}

const fields = { 't.s': { type: 'string', value: 'cat' } };
const right = [
  { id: 'p1', kind: 'parse', condition: 'a.b=1', expect: { ok: true, ast: 'a.b = 1' } },
  { id: 'e1', kind: 'eval', condition: 't.s=cat', fields, expect: { ok: true, result: true } },
  { id: 'f1', kind: 'format', format: '*%t.s', fields, expect: { ok: true, emitted: true, output: 'cat' } },
];

describe('conformance', () => {
  test('all right: exit 0', () => {
    expect(run({ cases: right })).toEqual({ status: 0, lines: ['3 passed, 0 failed'], stderr: '' });
  });

  test.each(['generated', 'closures'])('wrong answers are named, one a line: exit 1 (%s)', (engine) => {
    const wrong = [
      { ...right[0], id: 'p2', expect: { ok: true, ast: 'a.b = 2' } },
      { ...right[1], id: 'e2', expect: { ok: true, result: false } },
      { ...right[1], id: 'e3', condition: 't.s regex c.t', expect: { ok: true, result: true } },
      { ...right[2], id: 'f2', expect: { ok: true, emitted: true, output: 'dog' } },
      { id: 'x1', kind: 'nonsense', expect: {} },
      { id: 'x2', kind: 'constructor', expect: {} },
      { id: 'r1', kind: 'rules', expect: { ok: true } },
    ];
    const { status, lines } = run({ cases: [...right, ...wrong] }, `ENGINE=${engine}`);
    expect(status).toBe(1);
    const ids = lines.flatMap((line) => /^([a-z]\d+): /.exec(line)?.[1] ?? []);
    expect(ids).toEqual(['p2', 'e2', 'f2', 'x1', 'x2', 'r1']);
    expect(lines.at(-1)).toBe('4 passed, 6 failed');
  });

  test('KINDS leaves kinds out', () => {
    const cases = [...right, { id: 'x1', kind: 'nonsense', expect: {} }];
    expect(run({ cases }, 'KINDS=parse,eval')).toMatchObject({ status: 0, lines: ['2 passed, 0 failed'] });
    expect(run({ cases }, 'KINDS=')).toMatchObject({ status: 1 });
  });

  test.each([
    ['a kind that no case has', { cases: right }, 'KINDS=pares', 'no case is of kind pares; there are parse, eval'],
    ['an engine that is not there', { cases: right }, 'ENGINE=fast', 'ENGINE is closures or generated'],
    ['no JSON', '{', '', 'Cannot read cases from'],
    ['no cases', '[]', '', "has no array 'cases'"],
    ['no file named', { cases: right }, 'CASES=', 'usage: make conformance CASES=FILE'],
  ])('%s: exit 2, no stack', (_, content, setting, said) => {
    const { status, lines, stderr } = run(content, ...(setting === '' ? [] : [setting]));
    expect({ status, lines }).toEqual({ status: 2, lines: [''] });
    expect(stderr).toContain(said);
    expect(stderr).not.toMatch(/^ {4}at /m);
  });
});
