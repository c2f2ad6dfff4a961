/** The program that performs scenarios (native/actor): what stands in a plan is what its processes get. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { actorProgram } from '../../native/locate.ts';
import { openHostStage, type Stage } from '../../src/testing/scenarios/stage.ts';
import { scratch } from '../scratch.ts';
import { performed } from './performed.ts';

const noActor = existsSync(actorProgram()) ? undefined : 'the actor is not built';

describe.skipIf(noActor)(`the actor${noActor ? ` (skipped: ${noActor})` : ''}`, () => {
  const folder = scratch();
  let stage: Stage;
  let count = 0;
  beforeAll(async () => {
    stage = await openHostStage();
  });
  afterAll(async () => {
    await stage.close();
  });

  const perform = (given: object) => performed(stage, String(++count), given);

  const text = fc.string({ unit: 'grapheme', maxLength: 60 }).filter((each) => !each.includes('\0'));

  test('any text reaches a process, as a variable and in a script', async () => {
    const file = join(folder, 'said');
    await fc.assert(
      fc.asyncProperty(text, text, async (variable, script) => {
        const quoted = `'${script.replaceAll("'", `'\\''`)}'`;
        const before = `printf '%s\\0%s' "$VARIABLE" ${quoted} > ${file}`;
        const errors = await perform({ context: { processes: [{}, { env: { VARIABLE: variable } }] }, before });
        expect(errors).toEqual([]);
        expect(readFileSync(file, 'utf8')).toBe(`${variable}\0${script}`.toWellFormed());
      }),
      { numRuns: 60 },
    );
  });

  it('says which of many tests went wrong, and with what', async () => {
    const step = (path: string) => ({
      steps: [{ type: 'syscall', name: 'o', syscall: 'openat', args: { pathname: path, flags: 'O_RDONLY' } }],
    });
    const results = await Promise.all(
      Array.from({ length: 40 }, (_, index) => perform(step(index % 2 ? '/' : `/none/${index}`))),
    );
    const wrong = 'step o: openat: ENOENT (No such file or directory)';
    expect(results).toEqual(results.map((_, index) => (index % 2 ? [] : [wrong])));
  });

  it('does not go on after a step that failed, and undoes what it did before, and then runs the script to its end', async () => {
    const [file, link, kept, left] = ['deep/er/file', 'deep/er/link', 'kept', 'left'].map((name) => join(folder, name));
    writeFileSync(kept as string, 'kept');
    const open = (name: string, path: string | undefined, flags: string) => ({
      type: 'syscall',
      name,
      syscall: 'openat',
      args: { pathname: path, flags, mode: 0o600 },
    });
    const errors = await perform({
      resources: [{ type: 'fd', name: 'f', subtype: 'file', filePath: file }],
      steps: [
        { type: 'syscall', name: 'a', syscall: 'symlinkat', args: { target: 'file', linkPath: link } },
        open('b', link, 'O_CREAT|O_EXCL|O_RDWR'),
        open('c', kept, 'O_TRUNC|O_RDWR'),
      ],
      before: `left() { ls ${folder}; }`,
      after: `left > ${left}`,
    });
    expect(errors).toEqual(['step b: openat: EEXIST (File exists)']);
    expect(readFileSync(kept as string, 'utf8')).toBe('kept');
    expect(readFileSync(left as string, 'utf8')).not.toContain('deep');
  });

  it('leaves alone what was there before', async () => {
    const path = join(folder, 'mine');
    expect(await perform({ before: `echo mine > ${path}` })).toEqual([]);
    const errors = await perform({
      resources: [{ type: 'fd', name: 'f', subtype: 'file', filePath: path }],
      steps: [
        {
          type: 'syscall',
          name: 'o',
          syscall: 'openat',
          args: { pathname: path, flags: 'O_CREAT|O_RDWR', mode: 0o600 },
        },
      ],
    });
    expect(errors).toEqual([]);
    expect(readFileSync(path, 'utf8')).toBe('mine\n');
  });

  it('ends what a test has left running', async () => {
    const mark = join(folder, 'ended');
    const before = `(trap '' TERM; sleep 0.2; sleep 1000; touch ${mark}) & setsid sleep 1000 & echo $! > ${join(folder, 'pid')}`;
    expect(await perform({ before })).toEqual([]);
    const pid = readFileSync(join(folder, 'pid'), 'utf8').trim();
    expect(existsSync(`/proc/${pid}`)).toBe(false);
    expect(existsSync(mark)).toBe(false);
  });

  it('takes back a test that is cancelled', async () => {
    const made = join(folder, 'made/by/a/test');
    // Nobody writes into the pipe: the step waits.
    const running = perform({
      resources: [
        { type: 'fd', name: 'f', subtype: 'file', filePath: made },
        { type: 'fd', name: 'p', subtype: 'pipe' },
      ],
      steps: [{ type: 'syscall', name: 'r', syscall: 'read', args: { fd: `\${ p.readFd }`, len: 1 } }],
    });
    const id = String(count);
    while (!existsSync(made)) await new Promise((resolve) => setTimeout(resolve, 5));
    stage.cancel(id);
    await running;
    expect(existsSync(join(folder, 'made'))).toBe(false);
  });
});
