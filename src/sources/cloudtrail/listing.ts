/** Mode s3: log files are found by listing the bucket. What was read is known by its key. */

import type { S3Client } from '@aws-sdk/client-s3';
import type { Batch } from '../../core/batch.ts';
import type { SourceContext } from '../../core/component.ts';
import { Credit } from '../../core/credit.ts';
import { messageOf } from '../../core/errors.ts';
import { backoff } from '../../core/retry.ts';
import { Broken } from '../shared/cloud-worker/unpack.ts';
import { Aws, explained, isDenied, isUnknown } from './aws.ts';
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
        const whole = await this.#look(span.from, span.until);
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

  /** Reads the log files of a time that were not read before. Whether all of them could be. Rejects when one is refused. */
  async #look(from: number, until: number): Promise<boolean> {
    const { bucket = '' } = this.#config;
    const reading = new Set<Promise<void>>();
    const failures: unknown[] = [];
    let whole = true;
    const folders = await this.#bucket.folders('CloudTrail', this.#config);
    if (folders.length === 0) this.#ctx.log.warn(`there are no log files in s3://${bucket}`);
    for (const folder of folders) {
      for await (const keys of this.#keys(folder, from, until)) {
        const names = new Map(keys.map((key) => [nameOf({ bucket, key }), key]));
        for (const name of await this.#ctx.unseen([...names.keys()])) {
          await this.#room.take(1, this.#stop.signal);
          if (failures.length > 0) throw failures[0];
          const one = this.#read(bucket, names.get(name) as string)
            .then(
              (read) => {
                whole &&= read;
              },
              (error) => void failures.push(error),
            )
            .finally(() => {
              this.#room.release(1);
              reading.delete(one);
            });
          reading.add(one);
        }
      }
    }
    await Promise.all(reading);
    if (failures.length > 0) throw failures[0];
    return whole;
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

  /** Reads a log file until everything of it is delivered. False: it could not be fetched. */
  async #read(bucket: string, key: string): Promise<boolean> {
    const name = nameOf({ bucket, key });
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#give(bucket, key, name);
        this.#ctx.advance(this.#position, [name]);
        return true;
      } catch (error) {
        if (this.#stop.signal.aborted) throw error;
        if (isUnknown(error) || isDenied(error)) throw explained(error, `${name} cannot be fetched`);
        const message = `${name}: ${messageOf(error)}`;
        this.#ctx.report('error', { reason: 'fetch_failed', message });
        if (attempt === TRIES) return false;
        await this.#ctx.sleep(backoff(AGAIN, attempt));
      }
    }
  }

  async #give(bucket: string, key: string, name: string): Promise<void> {
    const { signal } = this.#stop;
    const chunks = await this.#objects.open({ bucket, key }, signal);
    const parcel = new KeptParcel({ next: this.#next, ctx: this.#ctx, signal });
    try {
      if (chunks) {
        await giveLogFile(chunks, name, parcel, { config: this.#config, ctx: this.#ctx, recent: this.#recent });
      } else {
        const message = `${name} was listed, and is not there: what it had was not seen`;
        this.#ctx.report('drop', { reason: 'missing_object', count: 1, message });
      }
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      this.#ctx.report('drop', { reason: 'bad_object', count: 1, message: `${name}: ${messageOf(error)}` });
    } finally {
      await parcel.settled();
    }
  }

  #advance(position: Position): void {
    this.#position = position;
    this.#ctx.advance(position);
  }
}
