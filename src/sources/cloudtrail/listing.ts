/** Mode s3: log files are found by listing the bucket. What was read is known by its key. */

import type { ListObjectsV2CommandOutput, S3Client } from '@aws-sdk/client-s3';
import type { SourceContext } from '../../core/component.ts';
import { exitCode, messageOf, SourceError } from '../../core/errors.ts';
import { backoff } from '../../core/failure/retry.ts';
import type { Batch } from '../../core/flow/batch.ts';
import { Credit } from '../../core/flow/credit.ts';
import { Broken } from '../shared/cloud-worker/unpack.ts';
import { Aws, isDenied, isUnknown, lostFor } from './aws.ts';
import { Bucket, type Folder } from './bucket.ts';
import type { Config } from './config.ts';
import { Denied } from './denied.ts';
import { parseInterval } from './interval.ts';
import { type Failure, type Found, Kept, type Marks } from './kept.ts';
import { keyAt, parseKey } from './key.ts';
import { giveLogFile } from './log-file.ts';
import { unreadAnswer } from './no-answer.ts';
import { nameOf, Objects } from './objects.ts';
import { KeptParcel } from './parcel.ts';
import { Recent } from './recent.ts';

/** A log file may come so much later than its name says, in ms. */
const LATE = 2 * 3_600_000;
/** A log file that cannot be fetched is tried so often when it is found, with these waits in ms; then once at the next look. */
const TRIES = 5;
const AGAIN = { initial: 1000, max: 30_000 };

interface Position {
  /** Everything whose name is of before then was looked for: ms since the epoch. */
  readonly since: number;
  /** What was found and could not be fetched. */
  readonly kept?: Marks;
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
  /** What could not be fetched yet: it is not seen, and whatever comes after it is read. */
  readonly #kept: Kept;
  /** What could not be listed: the others are read. */
  readonly #denied = new Denied();
  /** Whether log files could be listed in this look, or that an account has none yet. */
  #isLetIn = false;
  #refusal: unknown;

  /** @param most so many log files that could not be fetched are known by their names */
  constructor(config: Config, ctx: SourceContext, next: (batch: Batch) => void, most?: number) {
    this.#config = config;
    this.#ctx = ctx;
    this.#next = next;
    this.#room = new Credit(config.concurrency);
    this.#position = (ctx.position() as Position | null | undefined) ?? { since: ctx.now() - config.lookback };
    this.#kept = new Kept(this.#position.kept, most);
  }

  async run(): Promise<void> {
    const off = this.#ctx.onStop(async () => this.#client?.destroy());
    try {
      await this.#open();
      const span = this.#config.interval && parseInterval(this.#config.interval, this.#ctx.now());
      if (span) {
        await this.#look(span.from, span.until);
        this.#demandAll();
        return;
      }
      for (;;) {
        const began = this.#ctx.now();
        // A clock that was ahead must not hide what comes now.
        const since = Math.min(this.#position.since, began);
        this.#ctx.metrics.counter('behind').value = (began - since) / 1000;
        const due = this.#kept.due(began);
        const folders = await this.#look(since - LATE);
        await this.#readAll(this.#again(due, folders), 1);
        this.#advance(began);
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

  /** Reads the log files of a time that were not read before. The folders that there are. Rejects when all are denied. */
  async #look(from: number, until = Number.POSITIVE_INFINITY): Promise<readonly Folder[]> {
    const folders = await this.#folders(from);
    this.#tell();
    if (folders.length === 0 && this.#denied.problem === undefined) {
      this.#ctx.log.warn(`there are no log files in s3://${this.#bucket.name}`);
    }
    await this.#readAll(this.#fresh(folders, from, until), TRIES);
    if (!this.#isLetIn && this.#denied.problem !== undefined) throw this.#refusal;
    return folders;
  }

  /** The folders that can be found. What is below a prefix that cannot be listed is looked for later, from `from` on. */
  async #folders(from: number): Promise<readonly Folder[]> {
    const listed: string[] = [];
    const folders = await this.#bucket.folders('CloudTrail', this.#config, async (prefix, list) => {
      if (!this.#isDue(prefix, from)) return [];
      try {
        const below = await list();
        this.#denied.allow(prefix);
        listed.push(prefix);
        return below;
      } catch (error) {
        this.#refuse(prefix, from, error);
        return [];
      }
    });
    const filled = new Set(folders.map(({ prefix, region }) => prefix.slice(0, -`${region}/`.length)));
    this.#isLetIn = listed.some((prefix) => prefix.endsWith('/CloudTrail/') && !filled.has(prefix));
    for (const { prefix } of folders) this.#kept.inherit(prefix);
    for (const prefix of listed) this.#kept.unmark(prefix);
    return folders;
  }

  /** Whether a prefix is to be listed. Otherwise what it has from `from` on is looked for later. */
  #isDue(prefix: string, from: number): boolean {
    const isDue = this.#denied.isDue(prefix, this.#ctx.now());
    if (!isDue) this.#kept.mark(prefix, from);
    return isDue;
  }

  /** A prefix could not be listed. Throws what is no matter of it alone. */
  #refuse(prefix: string, from: number, error: unknown): void {
    if (!(error instanceof SourceError && isDenied(error.cause))) throw error;
    this.#refusal = error;
    this.#kept.inherit(prefix);
    this.#kept.mark(prefix, from);
    const message = `${nameOf({ bucket: this.#bucket.name, key: prefix })}: ${messageOf(error)}`;
    if (this.#denied.refuse(prefix, message, this.#ctx.now())) {
      this.#ctx.report('error', { reason: 'access_denied', message: `${message}; it is tried again` });
    }
    this.#tell();
  }

  async *#fresh(folders: readonly Folder[], from: number, until: number): AsyncGenerator<Found> {
    for (const folder of folders) yield* this.#found(folder, from, until);
  }

  /**
   * What could not be fetched and is due, then what of it is not known by its name. For no longer than until the next look is
   * due: what is new must not wait for what is old.
   */
  async *#again(due: readonly Found[], folders: readonly Folder[]): AsyncGenerator<Found> {
    const end = this.#ctx.now() + this.#config.every;
    for (const file of due) {
      if (this.#ctx.now() > end) return;
      yield file;
    }
    for (const folder of folders) {
      const { prefix } = folder;
      const from = this.#ctx.now() > end ? undefined : this.#kept.claim(prefix);
      if (from === undefined) continue;
      for await (const file of this.#found(folder, from)) {
        // It may also have been marked again: there is no room, and what follows will fare no better.
        if (this.#ctx.now() > end || this.#kept.isMarked(prefix)) {
          this.#kept.mark(prefix, file.time);
          break;
        }
        yield file;
      }
    }
  }

  /** The log files of a time that were not read and are not kept, in the order of their names. */
  async *#found(folder: Folder, from: number, until = Number.POSITIVE_INFINITY): AsyncGenerator<Found> {
    const { prefix } = folder;
    if (!this.#isDue(prefix, from)) return;
    try {
      for await (const page of this.#bucket.pages({ Prefix: prefix, StartAfter: keyAt(prefix, folder, from) })) {
        this.#isLetIn = true;
        if (this.#denied.allow(prefix)) this.#tell();
        const files = this.#filesOf(page, prefix);
        const wanted = files.filter(({ name, time }) => time <= until && !this.#kept.has(name));
        const unseen = new Set(await this.#ctx.unseen(wanted.map(({ name }) => name)));
        yield* wanted.filter(({ name }) => unseen.has(name));
        if (files.some(({ time }) => time > until)) return;
      }
    } catch (error) {
      this.#refuse(prefix, from, error);
    }
  }

  #filesOf({ Contents: contents = [] }: ListObjectsV2CommandOutput, folder: string): Found[] {
    const { name: bucket } = this.#bucket;
    return contents.flatMap(({ Key: key = '' }) => {
      const file = parseKey(key);
      return file ? [{ name: nameOf({ bucket, key }), key, folder, time: file.time }] : [];
    });
  }

  /** Reads log files, as many at once as there is room for, each so often as `tries` says. Rejects when the source stops. */
  async #readAll(files: AsyncIterable<Found>, tries: number): Promise<void> {
    const reading = new Set<Promise<void>>();
    for await (const file of files) {
      await this.#room.take(1, this.#stop.signal);
      const one = this.#read(file, tries)
        // It rejects only when the source stops: that is found here.
        .catch(() => {})
        .finally(() => {
          this.#room.release(1);
          reading.delete(one);
        });
      reading.add(one);
    }
    await Promise.all(reading);
    this.#stop.signal.throwIfAborted();
  }

  /** Reads a log file until everything of it is delivered, or keeps it for later. Rejects when the source stops. */
  async #read(file: Found, tries: number): Promise<void> {
    const { name } = file;
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#give(file);
        this.#done(file);
        return;
      } catch (error) {
        if (this.#stop.signal.aborted) throw error;
        const message = `${name}: ${unreadAnswer(error) ?? `${(error as Error).name}: ${messageOf(error)}`}`;
        const lost = lostFor(error);
        if (lost !== undefined) {
          this.#ctx.reject(name, { reason: lost, message });
          this.#done(file);
          return;
        }
        const denied = isDenied(error);
        if (!denied) this.#ctx.report('error', { reason: 'fetch_failed', message });
        // Who we are is judged by the next listing: that it is refused too ends the source.
        if (denied || attempt >= tries || isUnknown(error)) {
          this.#keep(file, { message, denied });
          return;
        }
        await this.#ctx.sleep(backoff(AGAIN, attempt));
      }
    }
  }

  /** Gives what a log file has. What of it is none, or that it is gone, is a dead letter. */
  async #give({ name, key }: Found): Promise<void> {
    const { signal } = this.#stop;
    const chunks = await this.#objects.open({ bucket: this.#bucket.name, key }, signal);
    if (!chunks) return;
    const parcel = new KeptParcel({ next: this.#next, ctx: this.#ctx, signal });
    try {
      await giveLogFile(chunks, name, parcel, { config: this.#config, ctx: this.#ctx, recent: this.#recent });
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      this.#ctx.reject(name, { reason: 'bad_object', message: `${name}: ${messageOf(error)}` });
    } finally {
      await parcel.settled();
    }
  }

  #done(file: Found): void {
    this.#ctx.advance(this.#position, [file.name]);
    this.#kept.done(file);
    this.#tell();
  }

  #keep(file: Found, failure: Failure): void {
    const isNew = this.#kept.keep(file, failure, this.#ctx.now());
    // What failed otherwise was said each time.
    if (isNew && failure.denied) {
      this.#ctx.report('error', { reason: 'access_denied', message: `${failure.message}; it is tried again` });
    }
    this.#tell();
  }

  get #problem(): string | undefined {
    const all = [this.#denied.problem, this.#kept.problem].filter((each) => each !== undefined);
    return all.length > 0 ? all.join('; ') : undefined;
  }

  /** Says what is denied, and what is kept. */
  #tell(): void {
    this.#ctx.metrics.counter('unfetched').value = this.#kept.size;
    this.#ctx.trouble(this.#problem && `${this.#problem}; they are tried again`);
  }

  /** Of a time that is past all is read, or it is an error. */
  #demandAll(): void {
    const problem = this.#problem;
    if (problem === undefined) return;
    if (this.#kept.size === 0 || this.#kept.areDenied) throw new SourceError(problem, { exit: exitCode.noPermission });
    throw new Error(`${problem}; they are tried again`);
  }

  /** Everything was looked for until `since`, ms since the epoch. */
  #advance(since: number): void {
    const kept = this.#kept.marks();
    this.#position = Object.keys(kept).length > 0 ? { since, kept } : { since };
    this.#ctx.advance(this.#position);
  }
}
