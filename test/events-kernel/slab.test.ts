import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { catalogues } from '../../src/events/catalogue.ts';
import type { KernelEvent } from '../../src/events/kernel/event.ts';
import { kernelForm } from '../../src/events/kernel/form.ts';
import { bytesOf } from '../../src/events/kernel/slab-memory.ts';
import { pathAt, textAt } from '../../src/events/kernel/text.ts';
import { open as openOf, shell } from './shell.ts';
import { Bench, type Fields, record, ring, type State } from './slab-writer.ts';

const open = (raw: string, more: object = {}): Fields => openOf(raw, { ...shell, time: 1000, ...more });

const TMPFS = 0x01021994;
const PIPEFS = 0x50495045;
const SOCKFS = 0x534f434b;
const state: State = {
  fdlimit: 1024,
  fd_open: 4,
  vm_size: 900,
  vm_rss: 300,
  vm_swap: 0,
  pgft_maj: 1,
  pgft_min: 70,
  threads: 3,
  descriptors: [
    { magic: TMPFS, ino: 7, name: '/tmp/in' },
    { magic: PIPEFS, ino: 8 },
    {
      magic: SOCKFS,
      family: 2,
      sock_type: 1,
      role: 1,
      local_port: 40000,
      remote_port: 443,
      local_addr: [10, 0, 0, 5],
      remote_addr: [10, 0, 0, 9],
    },
  ],
};

describe('slab', () => {
  it('moves one cursor over its events', () => {
    const slab = new Bench().load(shell).slab(open('/a'), open('b'));
    expect(slab.length).toBe(2);
    const first = slab.at(0);
    expect(first?.get('fd.name')).toBe('/a');
    expect(slab.at(1)).toBe(first);
    expect(first?.get('fd.name')).toBe('/home/alice/b');
    expect(slab.at(2)).toBeUndefined();
    expect(slab.at(-1)).toBeUndefined();
  });

  it('throws when it is read after its release, whatever is read', () => {
    const bench = new Bench().load(shell);
    const slab = bench.slab(open('/a'));
    const event = slab.at(0) as KernelEvent;
    slab.release();
    bench.slab(open('/other'));
    expect(() => slab.at(0)).toThrow(/after its batch was released/);
    for (const field of [
      'fd.name',
      'proc.exe',
      'proc.name',
      'evt.type',
      'evt.time',
      'fd.ip',
      'user.uid',
      'proc.aname',
      'evt.deltatime',
    ]) {
      expect(() => event.get(field), field).toThrow(/after its batch was released/);
    }
    expect(() => slab.keep(event, ['fd.name'])).toThrow(/released/);
    slab.release();
  });

  it('uses the memory of a released slab again', () => {
    const bench = new Bench().load(shell);
    const slab = bench.slab(open('/a'));
    const { memory } = slab;
    slab.release();
    expect(bench.slab(open('/b')).memory).toBe(memory);
  });

  it('keeps an event with just the fields asked for', () => {
    const slab = new Bench().load(shell).slab(open('/a'));
    const kept = slab.keep(slab.at(0) as KernelEvent, ['fd.name', 'proc.name', 'container.image', 'no.such']);
    slab.release();
    expect(kept).toEqual({
      source: 'syscall',
      type: 'openat',
      time: 1_700_000_000_000_001_000n,
      fields: { 'fd.name': '/a', 'proc.name': 'bash' },
    });
  });

  it('passes over records that were discarded, of unknown kinds and damaged, and counts the latter', () => {
    const good = record(open('/good'));
    const unknown = record(open('/x'));
    unknown.writeUInt16LE(99, 0);
    const long = record(open('/x'));
    long.writeUInt16LE(4000, 152);
    const bytes = ring([good, unknown, long, good, good]);
    bytes.writeUInt32LE((good.length | 0x4000_0000) >>> 0, bytes.length - good.length - 8);
    const slab = new Bench().load(shell).raw(bytes);
    expect([slab.length, slab.damaged]).toEqual([2, 2]);
  });

  it('counts events through all slabs, and tells the time between them', () => {
    const bench = new Bench().load(shell);
    bench.slab(open('/a', { time: 1000 }), open('/b', { time: 3000 })).release();
    const event = bench.slab(open('/c', { time: 7000 })).at(0);
    expect(event?.get('evt.num')).toBe(3);
    expect(event?.get('evt.deltatime')).toBe(4000);
    expect(event?.get('evt.reltime')).toBe(6000);
  });
});

describe('the state of a process', () => {
  const eventOf = (more: object) => new Bench().load(shell).slab(open('/a', more)).at(0) as KernelEvent;

  it('is read behind the texts of a record', () => {
    const event = eventOf({ state, real: '/a' });
    const want = {
      'proc.stdin.type': 'file',
      'proc.stdin.name': '/tmp/in',
      'proc.stdout.type': 'pipe',
      'proc.stdout.name': 'pipe:[8]',
      'proc.stderr.type': 'ipv4',
      'proc.stderr.name': '10.0.0.5:40000->10.0.0.9:443',
      'proc.fdlimit': 1024,
      'proc.fdopencount': 4,
      'proc.fdusage': 0.390625,
      'proc.nthreads': 3,
      'proc.nchilds': 2,
      'proc.vmsize': 900,
      'thread.vmrss.b': 307_200,
      'thread.pfmajor': 1,
      'thread.pfminor': 70,
      'fd.realpath': '/a',
    };
    expect(Object.fromEntries(Object.keys(want).map((field) => [field, event.get(field)]))).toEqual(want);
  });

  it('is absent as far as it was not asked for, cannot be had, or is not whole', () => {
    const fields = ['proc.stdin.type', 'proc.stdin.name', 'proc.fdopencount', 'proc.fdlimit', 'proc.vmrss'];
    const read = (more: object) => fields.map((field) => eventOf(more).get(field));
    const nothing = fields.map(() => undefined);
    expect(read({})).toEqual(nothing);
    expect(read({ flags: ['state'] })).toEqual(nothing);
    expect(read({ state: { fdlimit: 9, fd_open: -1 } })).toEqual([undefined, undefined, undefined, 9, undefined]);
    const closed = { magic: 0 };
    const partial = { magic: TMPFS, name: '/half', name_partial: 1 };
    const of = (first: object) => read({ state: { ...state, descriptors: [first, closed, closed] } }).slice(0, 2);
    expect(of(closed)).toEqual([undefined, undefined]);
    expect(of(partial)).toEqual(['file', undefined]);
  });
});

describe('texts', () => {
  it('are what a decoder makes of the same bytes, however often they come and whatever they displace', () => {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    const bytes = fc.uint8Array({ maxLength: 200 });
    const similar = fc
      .tuple(fc.constantFrom(1, 60, 127, 128, 129), fc.integer({ min: 0, max: 5 }))
      .map(([length, last]) => {
        const text = new Uint8Array(length).fill(97);
        text[length - 1] = 97 + last;
        return text;
      });
    fc.assert(
      fc.property(
        fc.array(fc.oneof(bytes, similar), { maxLength: 60 }),
        fc.integer({ min: 0, max: 7 }),
        (texts, shift) => {
          for (const text of texts) {
            const memory = new Uint8Array(shift + text.length);
            memory.set(text, shift);
            expect(textAt(bytesOf(memory), shift, text.length)).toBe(decoder.decode(text));
          }
        },
      ),
    );
  });

  it('are paths, normalised, though another text had their place before', () => {
    for (let number = 0; number < 20_000; number++) {
      const bytes = bytesOf(Uint8Array.from(Buffer.from(`/a/./${number}`)));
      if (number % 2 === 0) expect(textAt(bytes, 0, bytes.buffer.length)).toBe(`/a/./${number}`);
      expect(pathAt(bytes, 0, bytes.buffer.length)).toBe(`/a/${number}`);
    }
  });

  it('come back as the same text after thousands of others', () => {
    const at = (text: string) => textAt(bytesOf(Uint8Array.from(Buffer.from(text))), 0, Buffer.byteLength(text));
    for (let round = 0; round < 3; round++) {
      for (let number = 0; number < 5000; number++)
        expect(at(`/usr/lib/file-${number}`)).toBe(`/usr/lib/file-${number}`);
    }
  });
});

describe('damaged slabs', () => {
  const texts = [...(catalogues.get('syscall')?.fields ?? [])].flatMap(({ name, arg }) =>
    arg === undefined ? [name] : [name, `${name}[0]`, `${name}[2]`, `${name}.flags`, `${name}[PATH]`],
  );
  const refs = texts.flatMap((text) => catalogues.get('syscall')?.find(text) ?? []);
  const readers = refs.flatMap((ref) => kernelForm.reader(ref) ?? []);

  const readAll = (bytes: Uint8Array) => {
    const slab = new Bench().load(shell).raw(bytes);
    for (let index = 0; index < slab.length; index++) {
      const event = slab.at(index) as KernelEvent;
      for (const read of readers) read(event);
    }
    slab.release();
  };

  const whole = ring(
    (
      [
        { ...shell, kind: 'scan', time: 1 },
        {
          kind: 'fork',
          tgid: 200,
          tid: 200,
          ppid: 100,
          start: 60,
          exec_id: 3,
          parent_tgid: 100,
          parent_start: 50,
          parent_exec_id: 3,
          vpid: 200,
          vtid: 200,
        },
        {
          kind: 'exec',
          tgid: 200,
          tid: 200,
          ppid: 100,
          start: 60,
          exec_id: 4,
          comm: 'cat',
          args: ['cat', 'x'],
          env: ['A=1'],
          env_total: 4,
          exe_path: '/bin/cat',
          cwd: '/',
          filename: '/bin/cat',
          cgroup_path: '/',
        },
        { ...open('../x'), tgid: 200, tid: 200, start: 60, exec_id: 4, real: '/x', state },
        {
          kind: 'socket',
          nr: 42,
          tgid: 200,
          tid: 200,
          start: 60,
          exec_id: 4,
          family: 10,
          ret: -115,
          addr_family: 10,
          unix_path: '\0abc',
        },
        {
          kind: 'socket',
          nr: 42,
          tgid: 200,
          tid: 200,
          start: 60,
          exec_id: 4,
          family: 1,
          ret: 0,
          addr_family: 1,
          unix_path: '/run/x',
        },
        { kind: 'chdir', tgid: 200, tid: 200, start: 60, exec_id: 4, nr: 80, cwd: '/tmp' },
        { kind: 'call', tgid: 200, tid: 200, start: 60, exec_id: 4, nr: 59, ret: -2, raw: 'nope', base: '/tmp' },
        { kind: 'exit', tgid: 200, tid: 200, start: 60, exec_id: 4, exit_code: 9, reaper: 1, state },
      ] as Fields[]
    ).map(record),
  );

  it('never make a reader throw, hang or read outside, when bytes are changed', () => {
    const changes = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 12 });
    fc.assert(
      fc.property(changes, fc.nat(whole.length), (list, length) => {
        const bytes = Uint8Array.from(whole).subarray(0, length - (length % 8));
        for (const [at, value] of list) if (at < bytes.length) bytes[at] = value;
        readAll(bytes);
      }),
      { numRuns: 300 },
    );
  });

  it('never make a reader throw, when all is random', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 4096 }), readAll), { numRuns: 200 });
  });
});
