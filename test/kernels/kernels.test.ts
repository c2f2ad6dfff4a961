/**
 * The agent on kernels of other Debian releases, in a virtual machine: the verifiers of older kernels refuse what this
 * machine's lets pass. tools/fetch-kernels puts them into .build/kernels.
 * The oldest, whose verifier is the strictest; with FALCO_PIPE_LONG=1 all that are there.
 */

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { scratch } from '../scratch.ts';
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

const pipeline = `
sources: { kernel: { type: ebpf } }
operators: { detect: { type: rules, from: kernel, files: rules.yaml } }
sinks: { out: { type: stdout, from: detect, format: json } }
`;

const rules = `
- rule: opened
  desc: texts, the canonical path, the process and its state
  condition: evt.type in (open, openat) and fd.name = /root/link and proc.name = cat
  output: "%evt.type %evt.res %fd.realpath %proc.exepath %proc.cmdline %proc.pname %proc.stdin.type %proc.stdin.name %thread.vmsize"
  priority: WARNING
- rule: executed
  desc: a process image
  condition: evt.type = execve and proc.name = actions
  output: "%evt.type %proc.exepath %proc.cmdline %proc.cwd %proc.pname %user.uid"
  priority: WARNING
- rule: connected
  desc: the ends of a socket
  condition: evt.type = connect and proc.name = actions
  output: "%evt.type %evt.res %evt.arg.addr %fd.typechar %fd.l4proto"
  priority: WARNING
- rule: removed
  desc: a call with a text, through a ring too
  condition: evt.type in (unlinkat, mkdirat) and proc.name = actions
  output: "%evt.type %evt.res %evt.is_io_uring %evt.arg.path %evt.arg.name"
  priority: WARNING
- rule: sent
  desc: a call with several messages
  condition: evt.type = sendmmsg and proc.name = actions
  output: "%evt.type %evt.rawres %fd.num"
  priority: WARNING
`;

const script = `
falco-pipe doctor
echo secret > /root/file; ln -s file /root/link; mkdir /root/gone
falco-pipe run /root/pipeline.yaml --no-watch > /root/out 2> /root/log &
agent=$!
for tries in $(seq 600); do grep -q '"ready:' /root/log && break; kill -0 $agent || break; sleep 0.2; done
cat /root/link > /dev/null
printf '%s\\n' 'connect inet 9' "sys 263 -100 'gone 0x200" "uring plain 37 -100 'made 0700 0 0" 'sys 307 999 0 1 0' > /root/acts
actions < /root/acts
for tries in $(seq 300); do grep -q sendmmsg /root/out && break; kill -0 $agent || break; sleep 0.2; done
kill -INT $agent
wait $agent
echo "exit $?"
cat /root/log /root/out
`;

describe.skipIf(why)('the agent on other kernels', () => {
  let machine: Machine;
  beforeAll(() => {
    const actions = join(scratch(), 'actions');
    execFileSync('gcc', [
      '-O1',
      '-static',
      '-o',
      actions,
      join(import.meta.dirname, '../native/actions.c'),
      '-pthread',
    ]);
    machine = new Machine({ '/script': script, '/root/pipeline.yaml': pipeline, '/root/rules.yaml': rules }, [actions]);
  });

  it.each(kernels)(
    '%s',
    async (kernel) => {
      const said = await machine.run(join(folder, kernel), LONG);
      const alerts = said.split('\n').flatMap((line) => (line.startsWith('{"hostname"') ? [JSON.parse(line)] : []));
      const outputs = alerts.map(({ output }) => output.slice(output.indexOf('Warning ') + 'Warning '.length));
      expect(outputs, said).toEqual([
        expect.stringMatching(
          /^openat SUCCESS \/root\/file \/bin\/busybox cat \/root\/link sh file \/dev\/console \d+$/,
        ),
        'execve /opt/actions actions /root/ sh 0',
        'connect ECONNREFUSED 127.0.0.1:9 4 <NA>',
        'unlinkat SUCCESS false <NA> /root/gone',
        'mkdirat SUCCESS true /root/made <NA>',
        'sendmmsg -9 999',
      ]);
      expect(said).toMatch(/^exit 0$/m);
    },
    LONG,
  );
});
