/** What the agent is made to see in a machine, and what it has to say of it. */

import { expect } from 'vitest';
import { CALLS } from '../../native/calls.ts';
import type { Architecture } from './emulate.ts';

const pipeline = `
sources: { kernel: { type: ebpf, max_args: 32KiB, max_env: 32KiB } }
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
- rule: long
  desc: a record that is put together in the ring
  condition: evt.type = execve and proc.name = true
  output: "%evt.type %proc.args.total %proc.args.cut %proc.args[1] %proc.env.cut %proc.env[LAST]"
  priority: WARNING
- rule: connected
  desc: the ends of a socket
  condition: evt.type = connect and proc.name in (actions, actions32)
  output: "%evt.type %evt.res %evt.arg.addr %fd.typechar %fd.l4proto"
  priority: WARNING
- rule: asked
  desc: a port of the server's end, which the kernel looks at
  condition: evt.type = sendto and fd.sport = 53
  output: "%evt.type %evt.res %fd.sip %fd.sport %fd.l4proto"
  priority: WARNING
- rule: removed
  desc: a call with a text, through a ring too
  condition: evt.type in (unlinkat, mkdirat) and proc.name in (actions, actions32)
  output: "%evt.type %evt.res %evt.is_io_uring %evt.arg.path %evt.arg.name"
  priority: WARNING
- rule: moved
  desc: a position in a file
  condition: evt.type = pread and proc.name in (actions, actions32)
  output: "%evt.type %evt.res %fd.name %evt.arg.size %evt.arg.pos"
  priority: WARNING
- rule: sent
  desc: a call with several messages
  condition: evt.type = sendmmsg and proc.name = actions
  output: "%evt.type %evt.rawres %fd.num"
  priority: WARNING
`;

/** From a socket of its own. */
const sendOn = (architecture: Architecture, port: number) => `sys ${numberOf('socket', architecture)} 2 2 0
sys ${numberOf('sendto', architecture)} $ 'x 1 0 in:${port}@127.0.0.9 16`;

/** Actions of test/native/actions. The last of them is the last thing that the agent has to see. */
const actionsOn = (architecture: Architecture) => `connect inet 9
${sendOn(architecture, 54)}
${sendOn(architecture, 53)}
sys ${numberOf('unlinkat', architecture)} -100 'gone 0x200
uring plain 37 -100 'made 0700 0 0
sys ${numberOf('sendmmsg', architecture)} 999 0 1 0
`;

const scriptWith = (before: string) => `
falco-pipe doctor
echo secret > /root/file; ln -s file /root/link; mkdir /root/gone
falco-pipe run /root/pipeline.yaml --no-watch > /root/out 2> /root/log &
agent=$!
for tries in $(seq 600); do grep -q '"ready:' /root/log && break; kill -0 $agent || break; sleep 0.2; done
cat /root/link > /dev/null
long=$(head -c 20000 /dev/zero | tr '\\0' a)
LONG=$long LAST=here /bin/true $long tail
${before}
actions < /root/actions
for tries in $(seq 300); do grep -q sendmmsg /root/out && break; kill -0 $agent || break; sleep 0.2; done
kill -INT $agent
wait $agent
echo "exit $?"
cat /root/log /root/out
`;

/** The number of a call in a 64-bit ABI. */
export function numberOf(call: string, architecture: Architecture): number {
  const number = CALLS[call]?.numbers[architecture === 'x64' ? 0 : 2]?.[0];
  if (number === undefined) throw new RangeError(`there is no ${call} on ${architecture}`);
  return number;
}

/** Files of the machine. `before`: what is done in it before anything else that is seen. */
export const filesOf = (architecture: Architecture, before = '') => ({
  '/script': scriptWith(before),
  '/root/pipeline.yaml': pipeline,
  '/root/rules.yaml': rules,
  '/root/actions': actionsOn(architecture),
});

/** What the agent had to say of what was done `before`, and of all else. */
export function expectAlerts(said: string, before: readonly unknown[] = []): void {
  const alerts = said.split('\n').flatMap((line) => (/^\{"hostname".*\}$/.test(line) ? [JSON.parse(line)] : []));
  const outputs = alerts.map(({ output }) => output.slice(output.indexOf('Warning ') + 'Warning '.length));
  expect(outputs, said).toEqual([
    expect.stringMatching(/^openat SUCCESS \/root\/file \/bin\/busybox cat \/root\/link sh file \/dev\/console \d+$/),
    'execve 20016 false tail false here',
    ...before,
    'execve /opt/actions actions /root/ sh 0',
    'connect ECONNREFUSED 127.0.0.1:9 4 <NA>',
    'sendto SUCCESS 127.0.0.9 53 udp',
    'unlinkat SUCCESS false <NA> /root/gone',
    'mkdirat SUCCESS true /root/made <NA>',
    'sendmmsg -9 999',
  ]);
  expect(said).toMatch(/^exit 0$/m);
}
