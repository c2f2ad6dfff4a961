/** Verdicts that are kept by path and process give no other answers, whatever happens to processes and files. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { KernelEvent } from '../../../src/events/kernel/event.ts';
import { kernelForm } from '../../../src/events/kernel/form.ts';
import { bindRules, compileCondition, type Rule, type Ruleset } from '../../../src/rules/index.ts';
import { Bench, record, ring } from '../../events-kernel/slab-writer.ts';
import { type Step, World } from '../process-world.ts';
import { namesFound, syscall } from '../support.ts';

const conditions = [
  'evt.type in (open, openat, creat) and fd.name = /etc/passwd',
  'evt.type in (open, openat) and fd.name startswith /etc and proc.name = cat',
  'evt.type = openat and fd.realpath = /etc/shadow and not proc.pname in (sshd, sh)',
  'evt.type in (open, openat) and evt.is_open_write = true and fd.directory in (/etc, /tmp)',
  'evt.type in (open, openat) and fd.nameraw contains ".." or fd.filename = x and proc.aname[2] = sh',
  'evt.type = openat and proc.aname in (vim, sshd) and fd.typechar = f',
  'evt.type = openat and (fd.name = /tmp/x or user.uid = 1) and fd.num >= 0',
  'evt.type = openat and proc.exepath = /bin/sh and user.loginuid != 0',
  'evt.type in (openat, ptrace) and thread.cap_effective contains CAP_CHOWN',
  'evt.type in (openat, ptrace) and group.gid = 2 and proc.tty != 0',
  'evt.type in (open, openat, creat) and evt.res != SUCCESS and proc.cmdline contains cat',
  'evt.type = openat and evt.arg.flags contains O_CREAT and proc.ppid = 1',
  'evt.type = openat and proc.cwd = /d1/ and fd.name endswith x',
  'evt.type = openat and not (fd.name startswith /etc or proc.name = vim) and proc.pid != 10',
  'evt.type = openat and (fd.name = /etc/passwd and proc.name = cat or fd.name = /tmp/x and proc.pname = sh)',
  'evt.type in (execve, clone, procexit, chdir) and proc.name in (sh, cat) and proc.pname in (sshd, sh)',
  'evt.type = ptrace and (proc.acmdline contains "vim -x" or proc.acmdline contains "sh -x") and evt.failed = true',
  'evt.type = openat and fd.type = directory or evt.is_open_exec = true',
  'evt.type = openat and proc.exepath = val(fd.name)',
  'fd.name exists and proc.loginshellid exists',
];
const rules = conditions.map(
  (text, index) => ({ name: `${index}`, enabled: true, condition: compileCondition(text, syscall) }) as Rule,
);

function judged(ruleset: Ruleset<KernelEvent>, event: KernelEvent): string {
  return `${event.type} ${namesFound(ruleset, event).join(' ')}`;
}

const step: fc.Arbitrary<Step> = fc.record({
  op: fc.constantFrom(
    'fork',
    'exec',
    'exit',
    'chdir',
    'rename',
    'setuid',
    'setgid',
    'login',
    'capset',
    'open',
    'open',
    'open',
    'open',
    'call',
    'call',
    'call',
    'cut',
  ),
  pick: fc.nat(50),
  how: fc.nat(1000),
});

test('kept verdicts follow exec, rename, setuid, new parents and exit', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 120 }), (steps) => {
      const world = new World();
      const bench = new Bench().load(...world.running());
      const closures = bindRules(rules, kernelForm, { matching: 'all', engine: 'closures' });
      const cached = bindRules(rules, kernelForm, { matching: 'all', engine: 'cached' });
      // A second set that keeps verdicts in the same places, of rules in another order.
      const other = bindRules(rules.toReversed(), kernelForm, { matching: 'all', engine: 'cached' });
      for (const each of steps) {
        if (each.op !== 'cut') {
          world.step(each);
          continue;
        }
        judgeAll(bench, world, closures, cached, other, seen);
      }
      judgeAll(bench, world, closures, cached, other, seen);
    }),
  );
  // The comparison means something: every rule matched now and then.
  const matched = new Set([...seen].flatMap((each) => each.split(' ').slice(1)));
  expect(conditions.filter((_, index) => !matched.has(`${index}`))).toEqual([]);
});

function judgeAll(
  bench: Bench,
  world: World,
  closures: Ruleset<KernelEvent>,
  cached: Ruleset<KernelEvent>,
  other: Ruleset<KernelEvent>,
  seen: Set<string>,
): void {
  if (world.records.length === 0) return;
  const slab = bench.raw(ring(world.records.splice(0).map(record)));
  for (let index = 0; index < slab.length; index++) {
    const event = slab.at(index) as KernelEvent;
    const expected = judged(closures, event);
    seen.add(expected);
    expect(judged(cached, event)).toBe(expected);
    // Once more, from what was kept; then by others.
    expect(judged(cached, event)).toBe(expected);
    const [type, ...names] = judged(other, event).split(' ');
    expect([type, ...names.reverse()].join(' ')).toBe(expected);
  }
  slab.release();
}
