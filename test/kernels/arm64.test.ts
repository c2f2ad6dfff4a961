/**
 * The agent on arm64, in a virtual machine: with FALCO_PIPE_LONG=1, on the kernels of two Debian releases. `make arm64` builds
 * and fetches what it takes, below prebuilds/linux-arm64 and .build/arm64.
 */

import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, it } from 'vitest';
import { clang, compileActions } from '../native/compile.ts';
import { scratch } from '../scratch.ts';
import { expectAlerts, filesOf, numberOf } from './agent.ts';
import { missing } from './emulate.ts';
import { Machine, partsOfArm64 } from './machine.ts';

const repository = join(import.meta.dirname, '../..');
const folder = join(repository, '.build/arm64');
const kernels = join(folder, 'kernels');
const there = existsSync(kernels) ? readdirSync(kernels).filter((name) => !name.includes('.')) : [];
const built = existsSync(join(repository, 'prebuilds/linux-arm64/falco_pipe.node'));
const objcopy = clang.replace('clang', 'llvm-objcopy');
const programs = ['qemu-system-aarch64', 'aarch64-linux-gnu-gcc', clang, objcopy, 'cpio'];
const why = !process.env.FALCO_PIPE_LONG
  ? 'takes minutes: FALCO_PIPE_LONG=1 (make test-long) runs it'
  : (missing(programs) ??
    (there.length > 0 && built ? undefined : 'it is not built here, or no kernel is (make arm64)'));
if (why) console.warn(`SKIPPED: arm64: ${why}`);

/** In software everything takes some twenty times as long. */
const LONG = 300_000;
/** What a test has left to say what the machine said, when that is given up. */
const LAST = 10_000;

/** By a 32-bit program, and by tagged addresses. */
const before = `
mkdir gone32; actions32
printf '%s\\n' 'sys ${numberOf('socket', 'arm64')} 2 1 0' tag 'sys ${numberOf('connect', 'arm64')} $ in:9 16' > /root/tagged
actions < /root/tagged
`;

const told = [
  'pread SUCCESS /root/file 2 4294967298',
  'connect ECONNREFUSED 127.0.0.1:9 4 <NA>',
  'unlinkat SUCCESS false <NA> /root/gone32',
  'execve /opt/actions actions /root/ sh 0',
  'connect ECONNREFUSED 127.0.0.1:9 4 <NA>',
];

function compiled(): string[] {
  const at = scratch();
  const [actions, object, actions32] = ['actions', 'actions32.o', 'actions32'].map((name) => join(at, name)) as [
    string,
    string,
    string,
  ];
  compileActions(actions, ['-static'], 'aarch64-linux-gnu-gcc');
  const assembly = join(import.meta.dirname, 'actions32.S');
  execFileSync(clang, ['--target=armv7-linux-gnueabi', '-c', assembly, '-o', object]);
  execFileSync(objcopy, ['-O', 'binary', '-j', '.text', object, actions32]);
  chmodSync(actions32, 0o755);
  return [actions, actions32];
}

describe.skipIf(why)('the agent on arm64', () => {
  let machine: Machine;
  beforeAll(() => {
    machine = new Machine(filesOf('arm64', before), compiled(), partsOfArm64(folder));
  });

  it.each(there)(
    '%s',
    async (kernel) => {
      expectAlerts(await machine.run(join(kernels, kernel), LONG - LAST), told);
    },
    LONG,
  );
});
