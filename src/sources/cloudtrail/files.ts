/** Mode file: log files that are here already, each read once. */

import { createReadStream, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Batch } from '../../core/batch.ts';
import type { SourceContext } from '../../core/component.ts';
import { exitCode, messageOf, SourceError } from '../../core/errors.ts';
import { Broken } from '../shared/cloud-worker/unpack.ts';
import type { Config } from './config.ts';
import { giveLogFile } from './log-file.ts';
import { KeptParcel } from './parcel.ts';
import { Recent } from './recent.ts';

const PIECE = 256 * 1024;
const NAMES = /\.(?:json|jsonl|ndjson)(?:\.gz)?$/i;

export class Files {
  readonly #config: Config;
  readonly #ctx: SourceContext;
  readonly #next: (batch: Batch) => void;
  readonly #stop = new AbortController();
  readonly #recent = new Recent();
  /** Files of this run: one may be named twice. */
  readonly #begun = new Set<string>();
  readonly #settling = new Set<Promise<void>>();

  constructor(config: Config, ctx: SourceContext, next: (batch: Batch) => void) {
    this.#config = config;
    this.#ctx = ctx;
    this.#next = next;
  }

  async run(): Promise<void> {
    try {
      let before = Promise.resolve();
      for (const given of this.#config.files ?? []) {
        for (const file of filesIn(this.#ctx.resolve(given), given)) {
          // One is unpacked while the one before is given on.
          const giving = this.#give(file, before);
          giving.catch(() => {});
          await before;
          before = giving;
        }
      }
      await before;
      await Promise.all(this.#settling);
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
    }
  }

  stop(): void {
    this.#stop.abort(new Error('the source stops'));
  }

  /** Gives what a file has, after what is given `before`. It is known once all of that has settled. */
  async #give(file: string, before: Promise<void>): Promise<void> {
    const { signal } = this.#stop;
    signal.throwIfAborted();
    const { size, mtimeMs } = statSync(file);
    // One that has been written again is another one.
    const id = `${file} ${size} ${mtimeMs}`;
    if (this.#begun.has(id)) return;
    this.#begun.add(id);
    if ((await this.#ctx.unseen([id])).length === 0) return;
    const parcel = new KeptParcel({ next: this.#next, ctx: this.#ctx, signal, after: before });
    try {
      const chunks = createReadStream(file, { highWaterMark: PIECE, signal });
      await giveLogFile(chunks, file, parcel, { config: this.#config, ctx: this.#ctx, recent: this.#recent });
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      this.#ctx.reject(file, { reason: 'bad_object', message: `${file}: ${messageOf(error)}` });
    }
    const settling = parcel.settled().then(() => {
      this.#settling.delete(settling);
      this.#ctx.advance(null, [id]);
    });
    this.#settling.add(settling);
  }
}

/** A file, or those below a folder in the order of their names. */
function filesIn(path: string, shown: string): readonly string[] {
  try {
    if (!statSync(path).isDirectory()) return [path];
    const all = readdirSync(path, { recursive: true, withFileTypes: true });
    const files = all.filter((entry) => entry.isFile() && NAMES.test(entry.name));
    return files.map(({ parentPath, name }) => join(parentPath, name)).sort();
  } catch (cause) {
    throw new SourceError(`cannot read ${shown}: ${messageOf(cause)}`, { exit: exitCode.unavailable, cause });
  }
}
