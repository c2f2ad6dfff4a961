/** Mode s3: log files are found by listing the bucket. What was read is known by its key. */

import type { S3Client } from '@aws-sdk/client-s3';
import type { Batch } from '../../core/batch.ts';
import type { SourceContext } from '../../core/component.ts';
import { Credit } from '../../core/credit.ts';
import { exitCode, messageOf, SourceError } from '../../core/errors.ts';
import { backoff } from '../../core/retry.ts';
import { Broken } from '../shared/cloud-worker/unpack.ts';
import { Aws, isRefused, isUnknown } from './aws.ts';
import { Bucket, type Folder } from './bucket.ts';
import type { Config } from './config.ts';
import { parseInterval } from './interval.ts';
import { keyAt, parseKey } from './key.ts';
import { giveLogFile } from './log-file.ts';
import { nameOf, Objects } from './objects.ts';
import { KeptParcel } from './parcel.ts';
import { Recent } from './recent.ts';

/** A log file may come so much later than its name says, in ms. */
const LATE = 2 * 3_600_000;
/** A log file that cannot be fetched is tried so often, with these waits in ms; then again at the next look. */
const TRIES = 5;
const AGAIN = { initial: 1000, max: 30_000 };

/** A log file that we may not have, and why. */
interface Refused {
  readonly name: string;
  readonly message: string;
}

/** What became of the log files of one look. */
interface Look {
  /** Those that were read to their end, or as far as they can be. */
  read: number;
  /** Those that could not be fetched now: the next look asks for them again. */
  failed: number;
  readonly refused: Refused[];
}

/** Everything whose name is of before then was looked for: ms since the epoch. */
interface Position {
  readonly since: number;
}

export class Listing {
  readonly #config: Config;
  readonly #ctx: SourceContext;
  readonly #next: (batch: Batch) => void;
  readonly #stop = new AbortController();
  readonly #recent = new Recent();
  readonly #room: Credit;
  #client: S3Client | undefined;
  #bucket!: Bucket;
  #objects!: Objects;
  #position: Position;
  /** No log file could be fetched when we looked last, for they were refused. */
  #isRefused = false;

  constructor(config: Config, ctx: SourceContext, next: (batch: Batch) => void) {
    this.#config = config;
    this.#ctx = ctx;
    this.#next = next;
    this.#room = new Credit(config.concurrency);
    this.#position = (ctx.position() as Position | null | undefined) ?? { since: ctx.now() - config.lookback };
  }

  async run(): Promise<void> {
    const off = this.#ctx.onStop(async () => this.#client?.destroy());
    try {
      await this.#open();
      const span = this.#config.interval && parseInterval(this.#config.interval, this.#ctx.now());
      if (span) {
        const whole = await this.#look(span.from, span.until, true);
        if (!whole) throw new Error('some log files could not be fetched; they are tried again');
        return;
      }
      for (;;) {
        const began = this.#ctx.now();
        // A clock that was ahead must not hide what comes now.
        const since = Math.min(this.#position.since, began);
        this.#ctx.metrics.counter('behind').value = (began - since) / 1000;
        if (await this.#look(since - LATE, Number.POSITIVE_INFINITY)) this.#advance({ since: began });
        await this.#ctx.sleep(this.#config.every);
      }
    } catch (error) {
      // One that was made while it was stopped, too.
      this.#client?.destroy();
      if (this.#stop.signal.aborted) return;
      off();
      this.stop();
      throw error;
    }
  }

  stop(): void {
    this.#stop.abort(new Error('the source stops'));
  }

  async #open(): Promise<void> {
    const sdk = await import('./sdk/s3.ts');
    const client = await new Aws(this.#config, this.#ctx).s3();
    this.#client = client;
    this.#bucket = new Bucket(this.#config.bucket ?? '', client, sdk, this.#stop.signal);
    this.#objects = new Objects(client, sdk.GetObjectCommand, this.#ctx);
  }

  /** Reads the log files of a time that were not read before. Whether none is left that is to be asked for again. */
  async #look(from: number, until: number, once = false): Promise<boolean> {
    const { bucket = '' } = this.#config;
    const look: Look = { read: 0, failed: 0, refused: [] };
    const reading = new Set<Promise<void>>();
    const folders = await this.#bucket.folders('CloudTrail', this.#config);
    if (!this.#isRefused) this.#ctx.trouble();
    if (folders.length === 0) this.#ctx.log.warn(`there are no log files in s3://${bucket}`);
    for (const folder of folders) {
      for await (const keys of this.#keys(folder, from, until)) {
        const names = new Map(keys.map((key) => [nameOf({ bucket, key }), key]));
        for (const name of await this.#ctx.unseen([...names.keys()])) {
          await this.#room.take(1, this.#stop.signal);
          const one = this.#read(bucket, names.get(name) as string, look)
            // It rejects only when the source stops: that is found here.
            .catch(() => {})
            .finally(() => {
              this.#room.release(1);
              reading.delete(one);
            });
          reading.add(one);
        }
      }
    }
    await Promise.all(reading);
    this.#stop.signal.throwIfAborted();
    return this.#judge(look, once) && look.failed === 0;
  }

  /**
   * Where others could be read, a refused log file costs itself alone. Where none could, it is our access that is wrong, and
   * they are kept until that is mended. Whether nothing is kept.
   */
  #judge({ read, refused }: Look, once: boolean): boolean {
    const [first] = refused;
    this.#isRefused = read === 0 && (first !== undefined || this.#isRefused);
    if (!this.#isRefused) this.#ctx.trouble();
    if (!first) return true;
    if (read === 0) {
      const message = `no log file can be fetched, ${refused.length} are refused: ${first.message}`;
      if (once) throw new SourceError(message, { exit: exitCode.noPermission });
      this.#ctx.trouble(message);
      return false;
    }
    for (const { name, message } of refused) {
      this.#ctx.reject(name, { reason: 'access_denied', message });
      this.#ctx.advance(this.#position, [name]);
    }
    return true;
  }

  /** The keys of log files of a time, a page at once. */
  async *#keys(folder: Folder, from: number, until: number): AsyncGenerator<string[]> {
    const start = { Prefix: folder.prefix, StartAfter: keyAt(folder.prefix, folder, from) };
    for await (const page of this.#bucket.pages(start)) {
      const found = (page.Contents ?? []).flatMap(({ Key: key }) => {
        const file = key === undefined ? undefined : parseKey(key);
        return key !== undefined && file !== undefined ? [{ key, time: file.time }] : [];
      });
      yield found.filter(({ time }) => time <= until).map(({ key }) => key);
      if (found.some(({ time }) => time > until)) return;
    }
  }

  /** Reads a log file until everything of it is delivered. Rejects when the source stops. */
  async #read(bucket: string, key: string, look: Look): Promise<void> {
    const name = nameOf({ bucket, key });
    for (let attempt = 1; ; attempt++) {
      try {
        if (await this.#give(bucket, key, name)) look.read++;
        this.#ctx.advance(this.#position, [name]);
        return;
      } catch (error) {
        if (this.#stop.signal.aborted) throw error;
        const message = `${name}: ${messageOf(error)}`;
        if (isRefused(error)) return void look.refused.push({ name, message });
        this.#ctx.report('error', { reason: 'fetch_failed', message });
        // Who we are is judged by the next listing: that it is refused too ends the source.
        if (attempt === TRIES || isUnknown(error)) return void look.failed++;
        await this.#ctx.sleep(backoff(AGAIN, attempt));
      }
    }
  }

  /** Whether there is something to give. */
  async #give(bucket: string, key: string, name: string): Promise<boolean> {
    const { signal } = this.#stop;
    const chunks = await this.#objects.open({ bucket, key }, signal);
    if (!chunks) {
      const message = `${name} was listed, and is not there: what it had was not seen`;
      this.#ctx.reject(name, { reason: 'missing_object', message });
      return false;
    }
    const parcel = new KeptParcel({ next: this.#next, ctx: this.#ctx, signal });
    try {
      await giveLogFile(chunks, name, parcel, { config: this.#config, ctx: this.#ctx, recent: this.#recent });
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      this.#ctx.reject(name, { reason: 'bad_object', message: `${name}: ${messageOf(error)}` });
    } finally {
      await parcel.settled();
    }
    return true;
  }

  #advance(position: Position): void {
    this.#position = position;
    this.#ctx.advance(position);
  }
}
