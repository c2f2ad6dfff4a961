/** Writes records as the kernel programs do, from plain objects, in the framing of the ring. */

import { Accounts } from '../../src/events/accounts.ts';
import { KernelContext } from '../../src/events/kernel/context.ts';
import {
  CALL,
  CALL_TEXTS,
  CGROUP,
  CGROUP_TEXTS,
  CHDIR,
  CHDIR_TEXTS,
  DESCRIPTOR,
  EXEC,
  EXEC_TEXTS,
  EXIT,
  FLAGS,
  FORK,
  HEADER,
  KIND,
  type Kind,
  OPEN,
  OPEN_TEXTS,
  SOCKET,
  SOCKET_TEXTS,
  STATE,
} from '../../src/events/kernel/layout.ts';
import { ProcessImages, type ProcessImagesOptions } from '../../src/events/kernel/process-images.ts';
import { RING_HEADER, type Shape } from '../../src/events/kernel/records.ts';
import { KernelSlab } from '../../src/events/kernel/slab.ts';
import { bytesOf, SlabPool } from '../../src/events/kernel/slab-memory.ts';
import type { Bytes } from '../../src/events/kernel/text.ts';

export interface Fields {
  readonly kind: Kind;
  readonly flags?: readonly (keyof typeof FLAGS)[];
  readonly [name: string]: unknown;
}

const SIXTY_FOUR = new Set([
  'time',
  'start',
  'cap_effective',
  'cgroup',
  'clone_flags',
  'parent_start',
  'cap_permitted',
  'cap_inheritable',
  'pidns_start',
  'exe_ino',
  'exe_ctime',
  'exe_mtime',
  'ret',
  'ino',
  'fdlimit',
  'pgft_maj',
  'pgft_min',
  'sock',
  'peer',
]);
const SIXTEEN = new Set([
  'family',
  'sock_type',
  'protocol',
  'state',
  'local_port',
  'remote_port',
  'addr_family',
  'addr_port',
  'created',
  'layer',
  'file_mode',
  'name_length',
]);
const EIGHT = new Set(['role', 'changed', 'connected', 'name_partial']);
const ADDRESSES = new Set(['local_addr', 'remote_addr', 'addr']);

interface KindLayout {
  readonly fixed: Readonly<Record<string, number>>;
  readonly texts?: Shape & Readonly<Record<string, number>>;
  readonly end: number;
}

const layouts: Record<Kind, KindLayout> = {
  fork: { fixed: FORK, end: FORK.vm_swap + 4 },
  exec: { fixed: EXEC, texts: EXEC_TEXTS, end: 0 },
  scan: { fixed: EXEC, texts: EXEC_TEXTS, end: 0 },
  exit: { fixed: EXIT, end: EXIT.reaper + 4 },
  open: { fixed: OPEN, texts: OPEN_TEXTS, end: 0 },
  socket: { fixed: SOCKET, texts: SOCKET_TEXTS, end: 0 },
  cgroup: { fixed: CGROUP, texts: CGROUP_TEXTS, end: 0 },
  chdir: { fixed: CHDIR, texts: CHDIR_TEXTS, end: 0 },
  call: { fixed: CALL, texts: CALL_TEXTS, end: 0 },
};

/** One record without the ring's header. */
export function record(fields: Fields): Buffer {
  const layout = layouts[fields.kind];
  const { texts } = layout;
  const contents = texts ? textList(texts, fields) : [];
  const size = contents.reduce((sum, text) => sum + text.length, texts?.first ?? layout.end);
  const bytes = Buffer.alloc((size + 7) & ~7);
  put(bytes, HEADER, fields);
  put(bytes, layout.fixed, fields);
  bytes.writeUInt16LE(KIND[fields.kind], HEADER.kind);
  bytes.writeUInt16LE(
    (fields.flags ?? []).reduce((bits, flag) => bits | FLAGS[flag], 0),
    HEADER.flags,
  );
  bytes.writeUInt32LE(bytes.length, HEADER.size);
  bytes.write(String(fields.comm ?? ''), HEADER.comm, 15, 'utf8');
  let at = texts?.first ?? 0;
  contents.forEach((text, index) => {
    bytes.writeUInt16LE(text.length, (texts as Shape).lengths + 2 * index);
    at += text.copy(bytes, at);
  });
  return fields.state === undefined ? bytes : withState(bytes, fields.state as State);
}

/** What stands behind the texts: numbers, and up to three descriptors with their names. */
export interface State {
  readonly [name: string]: unknown;
  readonly descriptors?: readonly Readonly<Record<string, unknown>>[];
}

function withState(bytes: Buffer, state: State): Buffer {
  const { descriptors = [] } = state;
  const own = Buffer.alloc(STATE.size);
  put(own, STATE, { ...state, described: descriptors.length } as unknown as Fields);
  const names = descriptors.map(({ name = '' }) => Buffer.from(String(name)));
  const blocks = descriptors.map((fields, index) => {
    const block = Buffer.alloc(DESCRIPTOR.size);
    put(block, DESCRIPTOR, { ...fields, name_length: names[index]?.length } as unknown as Fields);
    return block;
  });
  const body = Buffer.concat([bytes, own, ...blocks, ...names]);
  const whole = Buffer.alloc(((body.length + 7) & ~7) + 8);
  body.copy(whole);
  whole.writeUInt32LE(bytes.length, whole.length - 8);
  whole.writeUInt32LE(whole.length, HEADER.size);
  whole.writeUInt16LE(whole.readUInt16LE(HEADER.flags) | FLAGS.state, HEADER.flags);
  return whole;
}

function textList(shape: Shape & Readonly<Record<string, number>>, fields: Fields): Buffer[] {
  const list: Buffer[] = Array.from({ length: shape.count }, () => Buffer.alloc(0));
  for (const [name, index] of Object.entries(shape)) {
    if (['count', 'lengths', 'first'].includes(name)) continue;
    const value = fields[name] ?? '';
    list[index] = Array.isArray(value)
      ? Buffer.from(value.map((text) => `${text}\0`).join(''))
      : Buffer.from(value as string);
  }
  return list;
}

function put(bytes: Buffer, offsets: Readonly<Record<string, number>>, fields: Fields): void {
  for (const [name, at] of Object.entries(offsets)) {
    const value = fields[name];
    if (value === undefined || ['kind', 'flags', 'size', 'comm'].includes(name)) continue;
    if (name === 'args') writeArguments(bytes, at, value as readonly unknown[]);
    else if (EIGHT.has(name)) bytes.writeUInt8(value as number, at);
    else if (ADDRESSES.has(name)) Buffer.from(value as number[]).copy(bytes, at);
    else if (SIXTY_FOUR.has(name)) bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value as number)), at);
    else if (SIXTEEN.has(name)) bytes.writeUInt16LE(value as number, at);
    else bytes.writeUInt32LE((value as number) >>> 0, at);
  }
}

/** Registers; of a process that stands in the same fields they are texts, and meant for its image. */
function writeArguments(bytes: Buffer, at: number, args: readonly unknown[]): void {
  args.forEach((arg, index) => {
    if (typeof arg === 'string') return;
    bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(arg as number)), at + 8 * index);
  });
}

/** Records one after the other, each behind the ring's header. */
export function ring(records: readonly Buffer[]): Buffer {
  return Buffer.concat(
    records.map((bytes) => {
      const framed = Buffer.alloc(RING_HEADER + ((bytes.length + 7) & ~7));
      framed.writeUInt32LE(bytes.length, 0);
      bytes.copy(framed, RING_HEADER);
      return framed;
    }),
  );
}

/** Scan records of processes, as a rescan returns them. */
export function scanOf(...fields: readonly Fields[]): Bytes {
  return bytesOf(Uint8Array.from(ring(fields.map(record))));
}

/** A source without a kernel: turns records into slabs. */
export class Bench {
  readonly processes: ProcessImages;
  readonly context: KernelContext;
  readonly pool = new SlabPool(1 << 20);

  constructor(options: ProcessImagesOptions & { passwd?: string; group?: string; hostMountNamespace?: number } = {}) {
    const file = (text: string) => ({ version: () => text, read: () => text });
    this.processes = new ProcessImages(options);
    this.context = new KernelContext({
      names: new Accounts({ passwd: file(options.passwd ?? ''), group: file(options.group ?? '') }),
      bootOffset: 1_700_000_000_000_000_000n,
      hostname: 'node1',
      hostMountNamespace: options.hostMountNamespace,
    });
  }

  /** What is already running. */
  load(...fields: readonly Omit<Fields, 'kind'>[]): this {
    this.processes.load(scanOf(...fields.map((one) => ({ ...one, kind: 'scan' as const }))), 0);
    return this;
  }

  /** A batch of these records; every kind is an event. */
  slab(...fields: readonly Fields[]): KernelSlab {
    return this.raw(ring(fields.map(record)));
  }

  raw(bytes: Uint8Array): KernelSlab {
    const memory = this.pool.take();
    memory.buffer.set(bytes);
    const filled = { memory, processes: this.processes, context: this.context };
    return KernelSlab.fill(filled, bytes.length, new Set(Object.values(KIND)), this.pool);
  }
}
