/** `falco-pipe run` when something is wrong: a component, a line, a file. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { launcher, Program } from './program.ts';
import { folderOf, records, stage, summaryOf } from './recorded.ts';

describe('faults', () => {
  // Events go through it as they come, until what it has begun beside them throws.
  const LATE = (fault: string) => `import { defineOperator, where } from 'falco-pipe';
import { z } from 'zod';
export default defineOperator({
  type: 'late', summary: 'Throws, later.', config: z.strictObject({}), examples: [], reads: ['fd.name'],
  create: () => where((event) => {
    if (event.get('fd.name') === '/etc/f40') ${fault};
    return true;
  }),
});
`;

  test.each([
    ['in a timer', "setTimeout(() => { throw new Error('too late') }, 1)"],
    ['in a promise that nobody waits for', "void Promise.reject(new Error('too late'))"],
  ])('what a component throws %s ends the run with one line, the state written, and status 70', async (_, fault) => {
    const path = stage('log: { type: file, from: late, path: log.jsonl }', {
      events: records(100),
      source: ', rate: 200',
      operators: '  late: { type: late, from: past }',
      top: 'components: [./late.ts]',
    });
    writeFileSync(path, readFileSync(path, 'utf8').replace(/ {2}detect: .*\n/, ''));
    writeFileSync(join(folderOf(path), 'late.ts'), LATE(fault));
    const state = join(folderOf(path), 'state');
    const first = await Program.run(['run', path, '--state', state]);
    expect(first.code).toBe(70);
    const said = first.stderr.split('\n').filter((line) => line.includes('too late'));
    expect(said).toHaveLength(1);
    const { level, msg } = JSON.parse(said[0] ?? '');
    expect(level).toBe(50);
    expect(msg).toMatch(
      /^an exception that nobody caught ends the run: too late \(at .*late\.ts:\d+:\d+\)+; the state is still written; /,
    );
    const names = () => readFileSync(join(folderOf(path), 'log.jsonl'), 'utf8').match(/\/etc\/f\d+/g) ?? [];
    expect(names()).toContain('/etc/f30');
    writeFileSync(join(folderOf(path), 'late.ts'), LATE(''));
    const second = await Program.run(['run', path, '--state', state]);
    expect(second.code).toBe(0);
    expect(summaryOf(second).seen).toBeLessThan(100 - 20);
    expect(new Set(names()).size).toBe(100);
  });

  test('what a component leaves open keeps no run that has ended', async () => {
    const path = stage('log: { type: file, from: late, path: log.jsonl }', {
      events: records(50),
      operators: '  late: { type: late, from: past }',
      top: 'components: [./late.ts]',
    });
    writeFileSync(path, readFileSync(path, 'utf8').replace(/ {2}detect: .*\n/, ''));
    writeFileSync(join(folderOf(path), 'late.ts'), LATE('setInterval(() => {}, 1000)'));
    const { code, stderr } = await Program.run(['run', path]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/something that was not closed \(.*Timeout.*\) holds up the end/);
    expect(stderr).toContain('delivered 50');
  });

  test('an operator that throws on an event loses that event alone, counted and said', async () => {
    const path = stage(
      'out: { type: stdout, from: picky, format: json }, all: { type: file, from: detect, path: all.jsonl }, said: { type: file, from: self, path: self.jsonl }',
      {
        events: records(20),
        operators: '  picky: { type: picky, from: detect }',
        top: 'components: [./picky.ts]',
      },
    ).replace('\n', '\n');
    writeFileSync(
      join(folderOf(path), 'picky.ts'),
      `import { defineOperator, where } from 'falco-pipe';
import { z } from 'zod';
export default defineOperator({
  type: 'picky', summary: 'Throws.', config: z.strictObject({}), examples: [], reads: ['fd.name'],
  create: () => where((event) => { if (event.get('fd.name') === '/etc/f7') throw new Error('not seven'); return true; }),
});
`,
    );
    writeFileSync(path, readFileSync(path, 'utf8').replace('sources: {', 'sources: { self: { type: internal },'));
    const program = await Program.run(['run', path]);
    expect(program.code).toBe(0);
    const names = program.json.map(({ output_fields: fields }) => (fields as Record<string, string>)['fd.name']);
    expect(names).toHaveLength(19);
    expect(names).not.toContain('/etc/f7');
    expect(
      readFileSync(join(folderOf(path), 'all.jsonl'), 'utf8')
        .trim()
        .split('\n'),
    ).toHaveLength(20);
    expect(program.stderr).toMatch(/picky failed on an event of type Opened: not seven/);
    expect(readFileSync(join(folderOf(path), 'self.jsonl'), 'utf8')).toContain('"internal.reason":"operator_error"');
  });

  test('a line that is no record stops the pipeline with its place, or is counted with on_error: skip', async () => {
    const events = `${records(1)}{"source":"syscall"}\n${records(1)}`;
    const stopped = await Program.run(['run', stage('out: { type: stdout, from: detect }', { events })]);
    expect(stopped.code).toBe(1);
    expect(stopped.stderr).toMatch(/events\.jsonl:2:\d+: error/);
    const skipped = await Program.run([
      'run',
      stage('out: { type: stdout, from: detect }', { events, source: ', on_error: skip' }),
    ]);
    expect(skipped.code).toBe(0);
    expect(skipped.stderr).toContain('seen 3, delivered 2, filtered 0, dropped 1 (bad_record 1)');
  });

  test('what is not there: exit status and a sentence', async () => {
    const missing = await Program.run([
      'run',
      stage('out: { type: stdout, from: detect }', { source: '' }),
      '--set',
      'sources.past.files=none.jsonl',
    ]);
    expect(missing.code).toBe(78);
    expect(missing.stderr).toMatch(/--set:1:20: error: Cannot read none.jsonl/);
    const folder = await Program.run(['run', stage('log: { type: file, from: detect, path: /proc/none/log }')]);
    expect(folder.code).toBe(69);
    expect(folder.stderr).toMatch(/The sink log cannot be opened: ENOENT/);
    const nowhere = await Program.run(['run', 'nowhere.yaml']);
    expect(nowhere.code).toBe(78);
    expect(nowhere.stderr).toContain('Cannot read the pipeline nowhere.yaml');
  });

  test('where it may not have enough files open it says so, and how to mend it', async () => {
    const path = stage('out: { type: stdout, from: detect }', { events: records(1) });
    const state = join(folderOf(path), 'state');
    const said: string[] = [];
    for (const limit of [22, 24, 26, 28]) {
      const script = `ulimit -n ${limit}; exec "$0" run "$1" --state "$2"`;
      said.push((await Program.run(['-c', script, launcher, path, state], { command: '/bin/sh' })).stderr);
    }
    expect(said.filter((each) => /fault of the program|user may write/.test(each))).toEqual([]);
    expect(said.filter((each) => each.includes('raise the limit: ulimit -n 1024')).length).toBeGreaterThanOrEqual(2);
  });
});
