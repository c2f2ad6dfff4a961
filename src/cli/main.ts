/** The command line: parse, run the verb, exit with its status. */

import { CommanderError } from 'commander';
import { exitCode } from '../core/errors.ts';
import { endSoon } from './end-soon.ts';
import { fail } from './fail.ts';
import { createProgram } from './program.ts';

try {
  await createProgram().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? exitCode.ok : exitCode.usage;
  else fail(error);
}
endSoon();
