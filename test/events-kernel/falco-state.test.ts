import { describe, expect, it } from 'vitest';
import { catalogues } from '../../src/events/catalogue.ts';
import type { Value } from '../../src/events/field.ts';
import type { KernelEvent } from '../../src/events/kernel/event.ts';
import { kernelFills } from '../../src/events/kernel/form.ts';
import { sharedJson } from '../events/shared.ts';
import { type StateCases, Translator } from './falco-state.ts';
import { Bench } from './slab-writer.ts';

const data = (sharedJson('data/falco/state_cases.json') ?? { initial: {}, cases: [] }) as StateCases;

/** Cases whose events our kernel programs send, as far as they send them. */
const CASES = [
  'process/clone_exec_exit',
  'process/exec_failed',
  'process/exec_flags',
  'process/exec_times',
  'process/ancestors',
  'process/reparent',
  'process/container_pidns',
  'process/caps',
  'process/long_args',
  'file/open_variants',
  'net/tcp_client',
  'net/connect_in_progress',
  'net/ipv6_mapped',
  'net/unix',
];

/** Where we differ, and why. */
const DIFFERENT: Readonly<Record<string, string>> = {
  'evt.args': 'what the kernel programs do not read is left out, not shown as zero',
  'evt.arg.cgroups': 'one controller',
  'thread.cgroups': 'one controller',
  'evt.num': 'other events of the case are not sent',
  'evt.reltime': 'same',
  'evt.reltime.s': 'same',
  'evt.reltime.ns': 'same',
  'evt.dir': 'always <, as everywhere else',
  'evt.time.iso8601': 'text here, a number in JSON',
  'proc.apid': 'all ancestors, not the process itself',
  'proc.aenv': 'of ancestors, not of the process itself',
  'proc.acmdline': 'quirk: no blank where there are no arguments',
  'proc.aargs': 'quirk: a blank for each ancestor without arguments',
  'proc.exeline': 'no blank at the end',
  'proc.ppid.duration': 'quirk: a count of descriptors when the parent was there before',
  'proc.ppid.ts': 'known here',
  'evt.arg.exe_ino_ctime': 'local time',
  'evt.arg.exe_ino_mtime': 'local time',
  'evt.arg.vpgid': 'the leader of the group, not the process that has that id on the host',
  'evt.arg.loginuid': 'container/pidns',
  'fd.containername': 'no container plugin there',
  'fd.containerdirectory': 'same',
  'fd.ino': 'known here also for sockets',
};

/** What the kernel is asked at the event itself: nothing of it is in these cases. The live tests compare it with /proc. */
const OF_THE_MOMENT =
  /^(?:proc\.(?:std\w+\.\w+|fd\w+|vm\w+|n(?:threads|childs))|thread\.(?:vm|pf)\w+|evt\.arg\.(?:fdlimit|pgft_\w+|vm_\w+))$/;

/** Differences of one case. */
const DIFFERENT_IN: Readonly<Record<string, readonly string[]>> = {
  // Falco sees no container plugin there, and looks the group up by its number in the namespace.
  'process/container_pidns': [
    'evt.arg.flags',
    'evt.arg.vpid',
    'evt.arg.vtid',
    'proc.vpgid.name',
    'proc.vpgid.exe',
    'proc.vpgid.exepath',
    'proc.pidns_init_start_ts',
    'proc.exe_ino.ctime_duration_pidns_start',
  ],
  // What the new program would have been is not read.
  'process/exec_failed': [
    'args',
    'cap_effective',
    'cap_inheritable',
    'cap_permitted',
    'env',
    'exe',
    'exe_ino',
    'flags',
    'pgid',
    'trusted_exepath',
    'tty',
  ].map((name) => `evt.arg.${name}`),
  'process/exec_flags': ['evt.arg.trusted_exepath'],
  // A fork without exec: Falco keeps the span of the parent.
  'process/ancestors': ['proc.exe_ino.ctime_duration_proc_start'],
  // IPv4 in IPv6: Falco prints <unknown>; and takes the server for the local end when it lists no IPv6 interface.
  'net/ipv6_mapped': [
    'fd.name',
    'fd.l4proto',
    'evt.arg.fd',
    'fd.lip',
    'fd.lport',
    'fd.rip',
    'fd.rport',
    'fd.lproto',
    'fd.rproto',
  ],
  'file/open_variants': [
    // Failed: absent, as meant; dirfd is shown by its number; the path exactly as it was passed.
    'fs.path.name',
    'fs.path.nameraw',
    'evt.arg.dirfd',
    'fd.nameraw',
    'evt.abspath',
    'evt.arg.name',
    // creat is an open with O_CREAT|O_WRONLY|O_TRUNC.
    'evt.is_open_write',
    'evt.is_open_create',
    // The layer of a file is not sent.
    'evt.arg.flags',
    'fd.is_upper_layer',
  ],
};

const printed = (field: string, value: Value | undefined): unknown => {
  if (Array.isArray(value)) return value.join(' ');
  if (typeof value === 'bigint') return Number(value);
  if (field === 'fd.dev' && typeof value === 'number') return value.toString(16).toUpperCase();
  return value;
};

describe.skipIf(data.cases.length === 0)("Falco's state engine", () => {
  const catalogue = catalogues.get('syscall');
  const fills = (text: string) => {
    const ref = catalogue?.find(text);
    return ref !== undefined && kernelFills(ref);
  };
  const passwd = data.initial.users
    ?.map(([uid, gid, name, home, shell]) => `${name}:x:${uid}:${gid}::${home}:${shell}`)
    .join('\n');
  const group = data.initial.groups?.map(([gid, name]) => `${name}:x:${gid}:`).join('\n');

  it.each(CASES)('%s', (id) => {
    const { events } = data.cases.find((one) => one.id === id) ?? { events: [] };
    const translator = new Translator();
    const bench = new Bench({ passwd: passwd ?? '', group: group ?? '' }).load(...translator.running(data.initial));
    let compared = 0;
    for (const [index, event] of events.entries()) {
      const fields = translator.record(event);
      if (fields === undefined || typeof event.expect === 'string') continue;
      const slab = bench.slab(fields);
      const got = slab.at(0) as KernelEvent;
      const differs = (text: string) =>
        OF_THE_MOMENT.test(text) ||
        DIFFERENT[text] !== undefined ||
        DIFFERENT_IN[id]?.some((one) => text === one || text.startsWith(`${one}.`));
      const texts = Object.keys(event.expect).filter((text) => fills(text) && !differs(text));
      const want = Object.fromEntries(texts.map((text) => [text, (event.expect as Record<string, unknown>)[text]]));
      const have = Object.fromEntries(texts.map((text) => [text, printed(text, got.get(text))]));
      expect(have, `${id}, event ${index}`).toEqual(want);
      compared += texts.length;
      slab.release();
    }
    expect(compared).toBeGreaterThan(50);
    expect(bench.processes.counts.missed).toBe(0);
  });
});
