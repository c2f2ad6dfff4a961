/** The cloud worker: decompresses what cloud sources fetch and takes it apart, away from the thread that drains the kernel. */

import { Readable, type TransformOptions } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parentPort } from 'node:worker_threads';
import { createGunzip, type Gunzip, type ZlibOptions } from 'node:zlib';
import { messageOf } from '../../../core/errors.ts';
import { sniffGzip } from '../../../core/files/gzip.ts';
import type { FromWorker, ToWorker, UnpackOptions } from './messages.ts';
import { Packer } from './pack.ts';
import { Rooms } from './rooms.ts';
import { Splitter } from './splitter.ts';

const PIECE = 256 * 1024;
/** Pieces that are decompressed ahead, and packs that are with the main thread at once: what is quicker need not stop at once. */
const AHEAD = 4;

const port = parentPort;
/** The memory of the packs of all jobs. */
const rooms = new Rooms();
const say = (message: FromWorker, move: ArrayBuffer[] = []) => port?.postMessage(message, move);

class Job {
  readonly #id: number;
  readonly #options: UnpackOptions;
  readonly #packer: Packer;
  readonly #closed = new AbortController();
  #arrived: ((chunk: Uint8Array | null) => void) | undefined;
  #room = AHEAD;
  #roomy: (() => void) | undefined;

  constructor(id: number, options: UnpackOptions) {
    this.#id = id;
    this.#options = options;
    this.#packer = new Packer(options.heads.length, options.maxRecord, rooms);
  }

  async run(): Promise<void> {
    try {
      await this.#unpack();
      say({ id: this.#id, done: true });
    } catch (error) {
      if (!this.#closed.signal.aborted) say({ id: this.#id, broken: messageOf(error) });
    } finally {
      rooms.giveBack(this.#packer.bytes);
    }
  }

  chunk(chunk: Uint8Array | null): void {
    this.#arrived?.(chunk);
  }

  next(): void {
    this.#room++;
    this.#roomy?.();
  }

  close(): void {
    this.#closed.abort();
    this.#arrived?.(null);
    this.#roomy?.();
  }

  async #unpack(): Promise<void> {
    const { isGzip, pieces } = await sniffGzip(this.#pieces());
    const all = Readable.from(pieces, { objectMode: false, highWaterMark: PIECE });
    const split = (source: AsyncIterable<Uint8Array>) => this.#split(source);
    const { signal } = this.#closed;
    if (isGzip) await pipeline(all, gunzip(), split, { signal });
    else await pipeline(all, split, { signal });
  }

  async #split(source: AsyncIterable<Uint8Array>): Promise<void> {
    const splitter = new Splitter(this.#options, this.#packer);
    let size = 0;
    try {
      for await (const piece of source) {
        size += piece.length;
        if (size > this.#options.maxBytes)
          throw new Error(`it has more than ${this.#options.maxBytes} bytes when it is decompressed`);
        splitter.write(piece);
        letGo(piece);
        await this.#give();
      }
      splitter.end();
    } finally {
      // What was whole before it broke.
      await this.#give();
    }
  }

  async #give(): Promise<void> {
    const pack = this.#packer.take();
    if (pack === undefined) return;
    while (this.#room === 0 && !this.#closed.signal.aborted) {
      await new Promise<void>((roomy) => {
        this.#roomy = roomy;
      });
    }
    this.#closed.signal.throwIfAborted();
    this.#room--;
    const { bytes, rows } = pack;
    say({ id: this.#id, pack }, [bytes.buffer as ArrayBuffer, rows.buffer as ArrayBuffer]);
  }

  async *#pieces(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const arrived = new Promise<Uint8Array | null>((resolve) => {
        this.#arrived = resolve;
      });
      say({ id: this.#id, want: true });
      const chunk = await arrived;
      if (chunk === null) return;
      if (chunk.length > 0) yield chunk;
    }
  }
}

function gunzip(): Gunzip {
  // Options of streams are passed on, which the types do not say.
  const options: ZlibOptions & TransformOptions = { chunkSize: PIECE, readableHighWaterMark: AHEAD * PIECE };
  return createGunzip(options);
}

/** Frees the memory of a piece that was decompressed: the collector, which sees how small its object is, would come late. */
function letGo({ buffer, byteOffset, byteLength }: Uint8Array): void {
  // The decompressor fills one to its end, and then takes another.
  if (buffer.byteLength === PIECE && byteOffset + byteLength === PIECE) (buffer as ArrayBuffer).transfer(0);
}

const jobs = new Map<number, Job>();

port?.on('message', (message: ToWorker) => {
  if ('room' in message) {
    rooms.giveBack(new Uint8Array(message.room));
    return;
  }
  if ('open' in message) {
    const job = new Job(message.id, message.open);
    jobs.set(message.id, job);
    void job.run().finally(() => jobs.delete(message.id));
    return;
  }
  const job = jobs.get(message.id);
  if ('chunk' in message) job?.chunk(message.chunk);
  else if ('next' in message) job?.next();
  else job?.close();
});
