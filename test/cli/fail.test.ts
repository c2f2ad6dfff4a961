/** The end of a verb that has failed, where nobody reads what it says. */

import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { scratch } from '../scratch.ts';

const MODULES = `const { createLogger } = await import(${JSON.stringify(resolve('src/core/log.ts'))});
  const { fail } = await import(${JSON.stringify(resolve('src/cli/fail.ts'))});
  const { UserError } = await import(${JSON.stringify(resolve('src/core/errors.ts'))});
  const wrong = (message) => fail(new UserError(message, { exit: 69 }));`;

/** A pipe of which only the end for a program is used. */
function pipe() {
  const path = join(scratch(), 'fifo');
  execFileSync('mkfifo', [path]);
  const ours = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return { ours, theirs: openSync(path, constants.O_WRONLY) };
}

function run(script: string, stderr: number): number | null {
  const args = ['--input-type=module', '-e', `${MODULES}\n${script}`];
  return spawnSync(process.execPath, args, { stdio: ['ignore', 'ignore', stderr], timeout: 20_000 }).status;
}

test('a program that has logged ends with its status, though its standard error is full and nobody reads it', () => {
  const { ours, theirs } = pipe();
  expect(run("createLogger().info('x'.repeat(100_000)); wrong('it cannot go on');", theirs)).toBe(69);
  for (const fd of [ours, theirs]) closeSync(fd);
});

test('what it says comes after its log, whole', () => {
  const { ours, theirs } = pipe();
  expect(run("createLogger({ style: 'text' }).info('ready'); wrong('first\\nsecond'); wrong('last');", theirs)).toBe(
    69,
  );
  const buffer = Buffer.alloc(1000);
  expect(buffer.toString('utf8', 0, readSync(ours, buffer))).toBe('ready\nfirst\nsecond\nlast\n');
  for (const fd of [ours, theirs]) closeSync(fd);
});
