/** What is necessary of calls on sockets: it holds whenever the condition does, and it is worth having. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { catalogues } from '../../../src/events/catalogue.ts';
import type { Catalogue } from '../../../src/events/field.ts';
import type { KernelEvent } from '../../../src/events/kernel/event.ts';
import { kernelForm } from '../../../src/events/kernel/form.ts';
import { compileCondition, loadRules, necessary, necessaryByType } from '../../../src/rules/index.ts';
import { sharedText } from '../../events/shared.ts';
import { callPasses } from '../../native/filter-model.ts';
import { callCondition, called, callOn, DESCRIPTORS, recordOfCall, seen } from '../generated-calls.ts';
import { bench } from '../judged-opens.ts';

const catalogue = catalogues.get('syscall') as Catalogue;
const long = process.env.FALCO_PIPE_LONG === '1';

describe('necessary conditions of calls on sockets', () => {
  it('hold whenever the condition does', () => {
    let rejected = 0;
    let matched = 0;
    fc.assert(
      fc.property(callCondition, called, (text, call) => {
        const compiled = compileCondition(text, catalogue);
        const slab = bench.slab(recordOfCall(call));
        const event = slab.at(0) as KernelEvent;
        expect(event.type).toBe(call.type);
        const matches = compiled.bind(kernelForm)(event);
        slab.release();
        if (matches) matched++;
        if (callPasses(necessary(compiled.typed, call.type), seen(call))) return true;
        rejected++;
        return !matches;
      }),
      { numRuns: long ? 200_000 : 6000 },
    );
    expect(matched).toBeGreaterThan(600);
    expect(rejected).toBeGreaterThan(600);
  });

  const needs = (text: string, type = 'connect') => necessary(compileCondition(text, catalogue).typed, type);
  const internet = new Set(['tcp', 'other_ip']);
  const others = new Set(['unix', 'other']);
  const connected = { sockets: internet, results: new Set(['ok', 'in_progress']) };

  it('keep what is no socket, whatever word is said of it', () => {
    const letters = 'f d 4 6 u n p o e l s t i r b P m'.split(' ');
    const words = `file directory ipv4 ipv6 unix netlink pipe event eventpoll signalfd timerfd inotify userfaultfd
      io_uring pidfd bpf memfd`.split(/\s+/);
    let matched = 0;
    for (const descriptor of DESCRIPTORS) {
      const slab = bench.slab(callOn(descriptor));
      for (const text of [...letters.map((each) => `fd.typechar=${each}`), ...words.map((each) => `fd.type=${each}`)]) {
        if (!compileCondition(text, catalogue).bind(kernelForm)(slab.at(0) as KernelEvent)) continue;
        matched++;
        const kept = needs(text, 'dup').some(({ sockets }) => sockets?.has('other') ?? true);
        expect(kept, `${text} of ${descriptor.real}`).toBe(true);
      }
      slab.release();
    }
    // One of which nothing is known has a letter, and no word.
    expect(matched).toBe(2 * DESCRIPTORS.length - 1);
  });

  it('tell unix sockets by the names of their paths', () => {
    const paths = [{ of: 'text', kind: 'name', value: 'docker.sock' }];
    expect(needs('fd.type = unix and fd.name endswith /docker.sock')).toEqual([{ sockets: new Set(['unix']), paths }]);
    expect(needs('fd.typechar = u and fd.name endswith /docker.sock')).toEqual([{ sockets: others, paths }]);
    expect(needs('fd.name endswith /docker.sock')).toEqual([{ sockets: others, paths }]);
    const real = [{ of: 'real', kind: 'name', value: 'docker.sock' }];
    expect(needs('fd.realpath endswith /docker.sock')).toEqual([{ sockets: new Set(['unix']), paths: real }]);
    expect(needs('fd.realpath endswith /docker.sock', 'write')).toEqual([{ sockets: others }]);
    expect(needs('fd.realpath startswith /run', 'openat')).toEqual([
      { paths: [{ of: 'real', kind: 'prefix', value: '/run' }] },
    ]);
    expect(needs('fd.name contains docker')).toEqual([{ sockets: others }]);
    expect(needs('fd.name startswith 127.0')).toEqual([{}]);
    expect(needs('fd.name = /run/x or fd.name contains docker')).toEqual([{ sockets: others }]);
    // Of what is written to, it may be a file.
    expect(needs('fd.name endswith /docker.sock', 'write')).toEqual([{ sockets: others }]);
    expect(needs('fd.type in (ipv4, ipv6)', 'dup')).toEqual([{ sockets: internet }]);
    expect(needs('fd.type in (ipv4, ipv6)', 'openat')).toEqual([]);
    expect(needs('evt.arg.domain contains AF_PACKET', 'socket')).toEqual([{ sockets: new Set(['other']) }]);
  });

  it('tell the ends of internet sockets, of a connect which is the server', () => {
    const port = (end: string, ...values: string[]) => [{ end, of: 'port', values }];
    const address = (end: string, ...values: string[]) => [{ end, of: 'address', values }];
    expect(needs('fd.sport in (22, 80)')).toEqual([{ ...connected, ends: port('remote', '22', '80') }]);
    expect(needs('fd.sport in (22, 80)', 'sendto')).toEqual([{ sockets: internet, ends: port('server', '22', '80') }]);
    expect(needs('fd.sport >= 30000 and fd.sport <= 32767', 'sendto')).toEqual([
      { sockets: internet, ends: port('server', '30000-32767') },
    ]);
    expect(needs('fd.sport > 443 and fd.sport < 22')).toEqual([]);
    expect(needs('fd.l4proto = udp and fd.sip = 10.0.0.1')).toEqual([
      { ...connected, sockets: new Set(['other_ip']), ends: address('remote', '10.0.0.1') },
    ]);
    expect(needs('fd.snet in (10.0.0.0/8, "fd00::/8") or fd.sip = "::1"')).toEqual([
      { ...connected, ends: address('remote', '10.0.0.0/8', 'fd00::/8', '::1') },
    ]);
    // An address says more than a port.
    expect(needs('fd.sport = 80 and fd.sport != 22 and fd.net = 127.0.0.0/8')).toEqual([
      { ...connected, ends: port('remote', '80') },
    ]);
    expect(needs('fd.sip.name = db.example')).toEqual([connected]);
  });

  it('tell what the other end is not, as far as it is known when there is none', () => {
    const outside = (...values: string[]) => [{ end: 'remote', of: 'address', values, outside: true }];
    const failed = { sockets: internet, results: new Set(['failed']) };
    const own = '127.0.0.0/8';
    expect(needs(`fd.snet != ${own} and fd.sip != "::1"`)).toEqual([{ ...connected, ends: outside(own, '::1') }]);
    expect(needs(`fd.net != ${own}`)).toEqual([failed, { ...connected, ends: outside(own) }]);
    expect(needs(`not fd.snet in (${own})`)).toEqual([
      { sockets: others },
      failed,
      { ...connected, ends: outside(own) },
    ]);
    expect(needs(`not fd.snet in (${own})`, 'sendto')).toEqual([{}]);
    expect(needs('not fd.cip = 10.0.0.5')).toEqual([{}]);
    const tcp = new Set(['tcp']);
    const without = { sockets: tcp, ends: [] };
    const rest = { sockets: new Set(['other_ip', 'unix', 'other']) };
    expect(needs('fd.l4proto != tcp', 'sendto')).toEqual([rest, without]);
    expect(needs('fd.l4proto != tcp and fd.l4proto = tcp and fd.sport = 80', 'sendto')).toEqual([without]);
    expect(needs('not fd.l4proto in (tcp, udp)')).toEqual([
      rest,
      { ...failed, sockets: tcp },
      { ...without, results: connected.results },
    ]);
    expect(needs('fd.l4proto != udp', 'sendto')).toEqual([{}]);
    // Of IPv4 in IPv6 nothing is said.
    expect(needs('fd.snet != "::/1"')).toEqual([connected]);
  });

  const official = ['falco_rules', 'falco-incubating_rules'].map((name) => sharedText(`data/rules/${name}.yaml`));
  it.skipIf(official.includes(undefined))("bound the sockets of Falco's rules", () => {
    const files = official.map((content, n) => ({ name: `${n}.yaml`, content: content ?? '' }));
    const { rules } = loadRules(files, { catalogues });
    const conditions = rules.filter(({ enabled }) => enabled).map((rule) => rule.condition);
    const needed = (type: string) => necessaryByType(conditions, [type]).get(type);
    expect(needed('socket')).toEqual([{ sockets: new Set(['other']) }]);
    expect(needed('dup2')).toEqual([{ sockets: internet, results: new Set(['ok']) }]);
    expect(needed('connect')?.every(({ sockets }) => sockets?.isSubsetOf(internet))).toBe(true);
  });
});
