/** Mode file: log files that are here already, each read once. */

import { statSync } from 'node:fs';
import type { SourceContext } from '../../core/component.ts';
import { exitCode, messageOf, SourceError } from '../../core/errors.ts';
import { fileStream } from '../../core/files/file-stream.ts';
import type { Batch } from '../../core/flow/batch.ts';
import { Broken } from '../shared/cloud-worker/unpack.ts';
import type { Config } from './config.ts';
import { filesIn } from './files-in.ts';
import { giveLogFile } from './log-file.ts';
import { KeptParcel } from './parcel.ts';
import { Recent } from './recent.ts';

const PIECE = 256 * 1024;

export class Files {
  readonly #config: Config;
  readonly #ctx: SourceContext;
  readonly #next: (batch: Batch) => void;
  readonly #stop = new AbortController();
  readonly #recent = new Recent();
  /** Files of this run: one may be named twice. */
  readonly #begun = new Set<string>();
  readonly #settling = new Set<Promise<void>>();
  /** Why files cannot be read: the others are. */
  readonly #unreadable: string[] = [];

  constructor(config: Config, ctx: SourceContext, next: (batch: Batch) => void) {
    this.#config = config;
    this.#ctx = ctx;
    this.#next = next;
  }

  /** Gives all that can be read; rejects with a SourceError when that was not everything. */
  async run(): Promise<void> {
    try {
      const files = (this.#config.files ?? []).flatMap((given) => this.#find(given));
      let before = Promise.resolve();
      for (const file of files) {
        // One is unpacked while the one before is given on.
        const giving = this.#give(file, before);
        giving.catch(() => {});
        await before;
        before = giving;
      }
      await before;
      await Promise.all(this.#settling);
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.stop();
      throw error;
    }
    const [first] = this.#unreadable;
    if (first === undefined) return;
    const message = `files that cannot be read: ${this.#unreadable.length}, such as ${first}`;
    throw new SourceError(message, { exit: exitCode.unavailable });
  }

  stop(): void {
    this.#stop.abort(new Error('the source stops'));
  }

  /** The files that an entry stands for. */
  #find(given: string): readonly string[] {
    try {
      return filesIn(this.#ctx.resolve(given));
    } catch (error) {
      this.#leaveOut(given, error);
      return [];
    }
  }

  /** Gives what a file has, after what is given `before`. It is known once all of that has settled. */
  async #give(file: string, before: Promise<void>): Promise<void> {
    const { signal } = this.#stop;
    signal.throwIfAborted();
    const id = this.#identify(file);
    if (id === undefined || this.#begun.has(id)) return;
    this.#begun.add(id);
    if ((await this.#ctx.unseen([id])).length === 0) return;
    const parcel = new KeptParcel({ next: this.#next, ctx: this.#ctx, signal });
    const options = { config: this.#config, ctx: this.#ctx, recent: this.#recent, after: before };
    let isDone = true;
    try {
      await giveLogFile(fileStream(file, { highWaterMark: PIECE, signal }), file, parcel, options);
    } catch (error) {
      if (error instanceof Broken) {
        this.#ctx.reject(file, { reason: 'bad_object', message: `${file}: ${messageOf(error)}` });
      } else {
        this.#leaveOut(file, error);
        isDone = false;
      }
    }
    const settling = parcel.settled().then(() => {
      this.#settling.delete(settling);
      if (isDone) this.#ctx.advance(null, [id]);
    });
    this.#settling.add(settling);
  }

  /** What a file is known by: one that has been written again is another one. */
  #identify(file: string): string | undefined {
    try {
      const { size, mtimeMs } = statSync(file);
      return `${file} ${size} ${mtimeMs}`;
    } catch (error) {
      this.#leaveOut(file, error);
      return undefined;
    }
  }

  /** Says that a file, or the rest of it, cannot be read. Throws what is no matter of it alone. */
  #leaveOut(file: string, error: unknown): void {
    const isOfSystem = error instanceof Error && 'errno' in error;
    if (!isOfSystem || this.#stop.signal.aborted) throw error;
    const message = `${file}: ${messageOf(error)}`;
    this.#unreadable.push(message);
    this.#ctx.report('error', { reason: 'unreadable_file', message });
  }
}
