/** The main thread's side of the cloud worker. */

import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { isBuilt, packageRoot } from '../../../core/package.ts';
import type { FromWorker, ToWorker, UnpackOptions } from './messages.ts';
import type { Pack } from './pack.ts';

/** What was fetched cannot be read any further: a truncated gzip, no JSON, more bytes than may be. */
export class Broken extends Error {
  override readonly name = 'Broken';
}

/** A pack on the main thread. */
export interface LentPack extends Pack {
  /** Gives its memory back: its bytes are there no longer. Otherwise they stay as long as somebody has them. */
  release(): void;
}

/** One stream, as far as the main thread knows it. */
interface Stream {
  readonly want: () => void;
  readonly took: (message: Pack | 'done' | Error) => void;
}

/** What the worker makes is of no use for long: in MB. */
const YOUNG = 2;

let worker: CloudWorker | undefined;

/**
 * Decompresses what comes, where it is compressed, and takes it apart into records. At most four packs are made ahead.
 * A chunk that is alone in its memory gives it away: whoever made it has it no longer.
 * Rejects with Broken once all records before the damage were given, and with whatever `chunks` rejects with.
 */
export async function* unpack(chunks: AsyncIterable<Uint8Array>, options: UnpackOptions): AsyncGenerator<LentPack> {
  worker ??= new CloudWorker((gone) => {
    // It may be heard twice, and there may be another by then.
    if (worker === gone) worker = undefined;
  });
  yield* worker.unpack(chunks, options);
}

/** One thread for all cloud sources of the process. It does not keep the process alive while it has nothing to do. */
class CloudWorker {
  readonly #worker: Worker;
  readonly #streams = new Map<number, Stream>();
  #last = 0;

  constructor(gone: (which: CloudWorker) => void) {
    const file = isBuilt ? 'dist/cloud-worker.js' : 'src/sources/shared/cloud-worker/worker.ts';
    this.#worker = new Worker(join(packageRoot, file), { resourceLimits: { maxYoungGenerationSizeMb: YOUNG } });
    this.#worker.unref();
    this.#worker.on('message', (message: FromWorker) => this.#heard(message));
    const end = (error: Error) => {
      gone(this);
      for (const { took } of this.#streams.values()) took(error);
    };
    this.#worker.on('error', end);
    this.#worker.on('exit', () => end(new Error('the cloud worker has ended')));
  }

  async *unpack(chunks: AsyncIterable<Uint8Array>, options: UnpackOptions): AsyncGenerator<LentPack> {
    const id = ++this.#last;
    const iterator = chunks[Symbol.asyncIterator]();
    const packs: (Pack | 'done' | Error)[] = [];
    let came = Promise.withResolvers<void>();
    const took = (item: Pack | 'done' | Error) => {
      packs.push(item);
      came.resolve();
    };
    const want = () => {
      iterator.next().then(({ value, done }) => this.#send(id, done ? null : value), took);
    };
    if (this.#streams.size === 0) this.#worker.ref();
    this.#streams.set(id, { want, took });
    this.#post({ id, open: options });
    try {
      for (;;) {
        const item = packs.shift();
        if (item === undefined) {
          await came.promise;
          came = Promise.withResolvers<void>();
        } else if (item === 'done') return;
        else if (item instanceof Error) throw item;
        else {
          yield { ...item, release: () => this.#takeBack(item) };
          this.#post({ id, next: true });
        }
      }
    } finally {
      this.#streams.delete(id);
      this.#post({ id, close: true });
      if (this.#streams.size === 0) this.#worker.unref();
      await iterator.return?.();
    }
  }

  #heard(message: FromWorker): void {
    const stream = this.#streams.get(message.id);
    if ('want' in message) stream?.want();
    else if ('pack' in message) stream?.took(message.pack);
    else if ('done' in message) stream?.took('done');
    else stream?.took(new Broken(message.broken));
  }

  #takeBack({ bytes }: Pack): void {
    const room = bytes.buffer as ArrayBuffer;
    if (!room.detached) this.#post({ room }, [room]);
  }

  // What is alone in its memory goes with it; of what is part of a larger buffer, which others use, a copy goes.
  #send(id: number, chunk: Uint8Array | null): void {
    const isAlone = chunk === null || chunk.byteLength === chunk.buffer.byteLength;
    const own = isAlone ? chunk : Uint8Array.prototype.slice.call(chunk);
    this.#post({ id, chunk: own }, own === null ? [] : [own.buffer as ArrayBuffer]);
  }

  #post(message: ToWorker, move: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, move);
  }
}
