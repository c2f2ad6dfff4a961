/** Runs verbs in this process, where no test looks at the process itself: to start one for each takes half a second. */

import { CommanderError } from 'commander';
import { vi } from 'vitest';
import { fail } from '../../src/cli/fail.ts';
import { createProgram } from '../../src/cli/program.ts';
import { exitCode } from '../../src/core/errors.ts';

// Files of tests share a process, and each has modules of its own, which listen to the standard output once.
process.stdout.setMaxListeners(0);

/** Runs a verb in a folder, one at a time. `json`: the JSON lines of the standard output. */
export async function runIn(folder: string, args: readonly string[]) {
  const said = { stdout: '', stderr: '' };
  const listen = (stream: 'stdout' | 'stderr') =>
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      said[stream] += text;
      return true;
    });
  const spies = [listen('stdout'), listen('stderr')];
  const before = process.cwd();
  process.chdir(folder);
  process.exitCode = 0;
  try {
    await createProgram()
      .parseAsync(args, { from: 'user' })
      .catch((error) => {
        if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? exitCode.ok : exitCode.usage;
        else fail(error);
      });
    const lines = said.stdout.split('\n').filter((line) => line.startsWith('{'));
    return { ...said, code: process.exitCode, json: lines.map((line) => JSON.parse(line)) };
  } finally {
    process.exitCode = 0;
    process.chdir(before);
    for (const spy of spies) spy.mockRestore();
  }
}
