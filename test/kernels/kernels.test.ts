/**
 * The agent on kernels of other Debian releases, in a virtual machine: the verifiers of older kernels refuse what this
 * machine's lets pass. tools/fetch-kernels puts them into .build/kernels.
 * The oldest, whose verifier is the strictest; with FALCO_PIPE_LONG=1 all that are there.
 */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, it } from 'vitest';
import { compileActions } from '../native/compile.ts';
import { scratch } from '../scratch.ts';
import { expectAlerts, filesOf } from './agent.ts';
import { missing } from './emulate.ts';
import { Machine } from './machine.ts';

const folder = join(import.meta.dirname, '../../.build/kernels');
const there = existsSync(folder) ? readdirSync(folder).filter((name) => !name.includes('.')) : [];
const kernels = process.env.FALCO_PIPE_LONG ? there : there.filter((name) => name === 'bookworm');
const why =
  process.arch === 'x64'
    ? (missing() ?? (kernels.length === 0 ? 'none is in .build/kernels (make .build/kernels/bookworm)' : undefined))
    : 'the kernels are those of x64';
if (why) console.warn(`SKIPPED: other kernels: ${why}`);

/** In software everything takes some twenty times as long. */
const LONG = 300_000;
/** What a test has left to say what the machine said, when that is given up. */
const LAST = 10_000;

describe.skipIf(why)('the agent on other kernels', () => {
  let machine: Machine;
  beforeAll(() => {
    const actions = join(scratch(), 'actions');
    compileActions(actions, ['-static']);
    machine = new Machine(filesOf('x64'), [actions]);
  });

  it.each(kernels)(
    '%s',
    async (kernel) => {
      expectAlerts(await machine.run(join(folder, kernel), LONG - LAST));
    },
    LONG,
  );
});
