/**
 * Kernel records in a file, as they came out of the ring, for measuring and for reports of bugs: one line of JSON that
 * says how to read them, then frames: u32 what, u32 length in bytes, the records with the ring's framing. Little-endian.
 */

import { createHash } from 'node:crypto';
import { exitCode, messageOf, UserError } from '../../core/errors.ts';
import { KernelContext, type Names } from './context.ts';
import * as layout from './layout.ts';
import { ProcessImages } from './process-images.ts';
import { KernelSlab } from './slab.ts';
import { bytesOf, SlabPool } from './slab-memory.ts';

const FORMAT = 'falco-pipe-raw';
const VERSION = 1;
const SCAN = 0;
const SLAB = 1;
const FRAME_HEADER = 8;

/** Two programs that agree on this agree on where each field of a record is. */
const layoutHash = createHash('sha256').update(JSON.stringify(layout)).digest('hex').slice(0, 16);

export interface RawHeader {
  /** Wall clock minus CLOCK_BOOTTIME in ns. */
  readonly bootOffset: bigint;
  /** Number of the mount namespace that was the host's. */
  readonly hostMountNamespace?: number | undefined;
}

/** Writes a recording: the scan of what ran before, then what each drain gave. */
export class RawWriter {
  readonly #write: (bytes: Uint8Array) => void;

  /** `write` must be done with the bytes when it returns, or copy them: the next drain overwrites them. */
  constructor(write: (bytes: Uint8Array) => void, { bootOffset, hostMountNamespace }: RawHeader) {
    this.#write = write;
    const header = {
      format: FORMAT,
      version: VERSION,
      arch: process.arch,
      layout: layoutHash,
      bootOffset: String(bootOffset),
      hostMountNamespace,
    };
    write(Buffer.from(`${JSON.stringify(header)}\n`));
  }

  scan(records: Uint8Array): void {
    this.#frame(SCAN, records);
  }

  slab(records: Uint8Array): void {
    this.#frame(SLAB, records);
  }

  #frame(what: number, records: Uint8Array): void {
    const header = Buffer.alloc(FRAME_HEADER);
    header.writeUInt32LE(what, 0);
    header.writeUInt32LE(records.length, 4);
    this.#write(header);
    this.#write(records);
  }
}

export interface RawRecording extends RawHeader {
  readonly scans: readonly Uint8Array[];
  readonly slabs: readonly Uint8Array[];
}

/**
 * Reads a recording whole. `name` is for errors.
 * @throws {UserError} when it is none, is from another version or machine, or is cut off.
 */
export function readRaw(file: Uint8Array, name: string): RawRecording {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  const end = bytes.indexOf(10);
  const header = parseHeader(bytes.toString('utf8', 0, Math.max(0, end)), name);
  const frames: [scans: Uint8Array[], slabs: Uint8Array[]] = [[], []];
  for (let at = end + 1; at < bytes.length; ) {
    const what = at + FRAME_HEADER <= bytes.length ? bytes.readUInt32LE(at) : undefined;
    const length = what === undefined ? 0 : bytes.readUInt32LE(at + 4);
    const start = at + FRAME_HEADER;
    if (what === undefined || start + length > bytes.length)
      throw damaged(name, `it is cut off at byte ${bytes.length}`);
    if (what !== SCAN && what !== SLAB) throw damaged(name, `what is at byte ${at} is no frame`);
    frames[what].push(bytes.subarray(start, start + length));
    at = start + length;
  }
  return { ...header, scans: frames[SCAN], slabs: frames[SLAB] };
}

function parseHeader(line: string, name: string): RawHeader {
  let header: Record<string, unknown>;
  try {
    header = JSON.parse(line) as Record<string, unknown>;
  } catch (error) {
    throw damaged(name, `its first line is no JSON (${messageOf(error)})`);
  }
  if (header.format !== FORMAT) throw damaged(name, 'its first line does not say so');
  const { version, arch, layout: hash, bootOffset, hostMountNamespace } = header;
  if (version !== VERSION || hash !== layoutHash) {
    throw refused(name, 'was recorded by another version of falco-pipe; record it again');
  }
  if (arch !== process.arch) throw refused(name, `was recorded on ${String(arch)}; read it on such a machine`);
  if (typeof bootOffset !== 'string' || !/^-?\d{1,20}$/.test(bootOffset)) throw damaged(name, 'it has no bootOffset');
  return {
    bootOffset: BigInt(bootOffset),
    ...(typeof hostMountNamespace === 'number' ? { hostMountNamespace } : {}),
  };
}

const refused = (name: string, why: string) => new UserError(`${name} ${why}`, { exit: exitCode.failure });
const damaged = (name: string, why: string) => refused(name, `is no recording of kernel records: ${why}`);

const EVENTS: ReadonlySet<number> = new Set(Object.values(layout.KIND).filter((kind) => kind !== layout.KIND.scan));

/** Plays a recording once: each slab must be released before the next is asked for. */
export class RawReplay {
  readonly processes = new ProcessImages();
  readonly #recording: RawRecording;
  readonly #kinds: ReadonlySet<number>;
  readonly #context: KernelContext;
  readonly #pool: SlabPool;

  /** `kinds`: the records that become events; default: all but those of scans. */
  constructor(recording: RawRecording, names: Names, kinds: ReadonlySet<number> = EVENTS) {
    this.#recording = recording;
    this.#kinds = kinds;
    this.#context = new KernelContext({ ...recording, names });
    this.#pool = new SlabPool(recording.slabs.reduce((most, { length }) => Math.max(most, length + (-length & 7)), 8));
  }

  *slabs(): Generator<KernelSlab> {
    for (const scan of this.#recording.scans)
      this.processes.load(bytesOf(Uint8Array.from(scan)), this.#context.place - 1);
    for (const slab of this.#recording.slabs) {
      const memory = this.#pool.take();
      memory.buffer.set(slab);
      const filled = { memory, processes: this.processes, context: this.#context };
      yield KernelSlab.fill(filled, slab.length, this.#kinds, this.#pool);
    }
  }
}
