/** Necessary conditions: they hold whenever the condition does, and they are worth having. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CALLS } from '../../../native/calls.ts';
import { catalogues } from '../../../src/events/catalogue.ts';
import type { Catalogue } from '../../../src/events/field.ts';
import type { KernelEvent } from '../../../src/events/kernel/event.ts';
import { kernelForm } from '../../../src/events/kernel/form.ts';
import { compileCondition, loadRules, necessary, necessaryByType } from '../../../src/rules/index.ts';
import { sharedText } from '../../events/shared.ts';
import { type Opened, passes } from '../../native/filter-model.ts';
import { condition, opened } from '../generated-opens.ts';
import { bench, recordOf } from '../judged-opens.ts';

const INTERNET = new Set(['tcp', 'other_ip']);
const catalogue = catalogues.get('syscall') as Catalogue;

/** Judges an open by a condition, as the pipeline would. */
function judge(text: string, open: Opened): boolean {
  const slab = bench.slab(recordOf(open));
  const matches = compileCondition(text, catalogue).bind(kernelForm)(slab.at(0) as KernelEvent);
  slab.release();
  return matches;
}

describe('necessary conditions', () => {
  it('hold whenever the condition does', () => {
    let rejected = 0;
    let matched = 0;
    fc.assert(
      fc.property(condition, opened, (text, open) => {
        const needed = necessary(compileCondition(text, catalogue).typed, 'openat');
        const matches = judge(text, open);
        if (matches) matched++;
        if (passes(needed, open)) return true;
        rejected++;
        return !matches;
      }),
      { numRuns: 4000 },
    );
    expect(matched).toBeGreaterThan(400);
    expect(rejected).toBeGreaterThan(400);
  });

  const needs = (text: string, type = 'openat') => necessary(compileCondition(text, catalogue).typed, type);

  it('say nothing of what they do not know, and nothing passes what cannot be', () => {
    expect(needs('proc.name startswith bash')).toEqual([{}]);
    expect(needs('proc.name in (bash, "\ufffd")')).toEqual([{}]);
    // Decoding makes U+FFFD of bytes that are not UTF-8.
    expect(needs('fd.name startswith "/tmp/\ufffd/x"')).toEqual([
      { paths: [{ of: 'text', kind: 'prefix', value: '/tmp/' }] },
    ]);
    expect(needs('fd.filename = "x\ufffd"')).toEqual([{}]);
    expect(needs('fd.name endswith "/x\ufffd"')).toEqual([{}]);
    expect(needs('proc.name = a-name-of-more-than-15-bytes')).toEqual([]);
    expect(needs('evt.type = open')).toEqual([]);
    expect(needs('fd.num >= 0 and evt.failed = true')).toEqual([]);
    expect(needs('evt.is_open_write = true', 'unlink')).toEqual([]);
    expect(needs('not fd.name startswith /etc')).toEqual([{}]);
  });

  it('tell how a call ended, how a file is opened, and where it may be', () => {
    expect(needs('fd.num >= 0 and evt.is_open_write = true and fd.name startswith /etc/')).toEqual([
      { results: new Set(['ok']), writes: true, paths: [{ of: 'text', kind: 'prefix', value: '/etc/' }] },
    ]);
    expect(needs('fd.name endswith /credentials or basename(fd.realpath) = id_rsa')).toEqual([
      {
        paths: [
          { of: 'text', kind: 'name', value: 'credentials' },
          { of: 'real', kind: 'name', value: 'id_rsa' },
        ],
      },
    ]);
    expect(needs('fd.typechar in (4, 6) and (evt.rawres >= 0 or evt.res = EINPROGRESS)', 'connect')).toEqual([
      { sockets: INTERNET, results: new Set(['ok']) },
      { sockets: INTERNET, results: new Set(['in_progress']) },
    ]);
  });

  it('tell what the thread is called, whatever the call', () => {
    expect(needs('proc.name in (sh, bash) and fd.num >= 0')).toEqual([
      { comms: ['sh', 'bash'], results: new Set(['ok']) },
    ]);
    expect(needs('proc.name in (sh, bash) and proc.name in (bash, sshd)', 'connect')).toEqual([{ comms: ['bash'] }]);
    expect(needs('proc.name = sh and proc.name = bash')).toEqual([]);
    // One that asks for less than the other does not take its name along.
    expect(needs('proc.name = sh or proc.name = tar or fd.name startswith /etc')).toEqual([
      { comms: ['sh', 'tar'] },
      { paths: [{ of: 'text', kind: 'prefix', value: '/etc' }] },
    ]);
    expect(needs('proc.name = sh and fd.num >= 0 or fd.num >= 0')).toEqual([{ results: new Set(['ok']) }]);
  });

  it('say nothing of lists that are too long to look for', () => {
    const list = (length: number, prefix: string) => Array.from({ length }, (_, n) => `${prefix}${n}`).join(', ');
    expect(needs(`proc.name in (${list(20_000, 'a')}) and proc.name in (${list(20_000, 'b')})`)).toEqual([{}]);
    expect(needs(`fd.name in (${list(200_000, '/a')}) and fd.num >= 0`)).toEqual([{ results: new Set(['ok']) }]);
    const half = (prefix: string) => `proc.name in (${list(600, prefix)})`;
    expect(needs(`(${half('a')} or ${half('b')}) and fd.num >= 0`)).toEqual([{ results: new Set(['ok']) }]);
  });

  it('know every call on sockets', () => {
    const calls = Object.entries(CALLS).flatMap(([name, { kind }]) => (kind === 'socket' ? [name] : []));
    for (const call of calls) expect(needs('fd.typechar = 4', call)).toEqual([{ sockets: INTERNET }]);
  });

  it('take of two places the narrower one', () => {
    const [clause] = needs('fd.name startswith / and fd.name contains /.ssh/ and fd.name startswith /home/');
    expect(clause?.paths).toEqual([{ of: 'text', kind: 'prefix', value: '/home/' }]);
  });

  const official = sharedText('data/rules/falco_rules.yaml');
  it.skipIf(official === undefined)("bound the reads of Falco's stable rules", () => {
    const { rules } = loadRules([{ name: 'falco_rules.yaml', content: official ?? '' }], { catalogues });
    const conditions = rules.filter(({ enabled }) => enabled).map((rule) => rule.condition);
    const byType = necessaryByType(conditions, ['openat', 'connect', 'execve']);
    const open = { ret: 3, flags: 0, raw: '/usr/lib/libc.so.6', base: '/', real: '/usr/lib/libc.so.6' };
    expect(passes(byType.get('openat') ?? [{}], open)).toBe(false);
    expect(passes(byType.get('openat') ?? [{}], { ...open, raw: '/etc/shadow' })).toBe(true);
    expect(passes(byType.get('openat') ?? [{}], { ...open, raw: '/x/../etc/y' })).toBe(true);
    expect(byType.get('connect')?.every(({ sockets }) => sockets?.has('unix') === false)).toBe(true);
    expect(byType.has('execve')).toBe(false);
  });
});
