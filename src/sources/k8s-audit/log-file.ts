/** The audit log of kube-apiserver: an event a line, in a file that is rotated. */

import { Observable } from 'rxjs';
import type { SourceContext } from '../../core/component.ts';
import { exitCode, messageOf, SourceError } from '../../core/errors.ts';
import type { Batch } from '../../core/flow/batch.ts';
import { Redelivery } from '../../core/flow/redelivery.ts';
import { cloudBatch } from '../../events/cloud/batch.ts';
import type { CloudEvent } from '../../events/cloud/event.ts';
import { parseJson } from '../../events/exact-json.ts';
import { originOf } from '../shared/cluster-key.ts';
import { Once } from '../shared/once.ts';
import { auditEvents } from './documents.ts';
import { type Line, LineCutter } from './line-cutter.ts';
import { LogPosition, NOTHING_YET, OpenLog } from './open-log.ts';
import { identityOf, type LogPart, partsOf } from './rotation.ts';

/** The file is looked at this often when nothing more is in it, in ms. */
const POLL = 250;
/** Bytes that are read at a time. */
const CHUNK = 256 * 1024;
/** Events in one batch, at most. */
const BATCH = 256;

export interface LogConfig {
  readonly file: string;
  readonly start: 'end' | 'beginning';
  readonly max_event: number;
  readonly cluster?: string | undefined;
}

/** Follows the log until unsubscribed. */
export function logFile(config: LogConfig, ctx: SourceContext): Observable<Batch> {
  return new Observable<Batch>((subscriber) => {
    const follower = new Follower(config, ctx, (batch) => subscriber.next(batch));
    follower.run().catch((error) => subscriber.error(error));
    return () => follower.stop();
  });
}

class Follower {
  readonly #config: LogConfig;
  readonly #ctx: SourceContext;
  readonly #path: string;
  readonly #cutter: LineCutter;
  readonly #once: Once<CloudEvent>;
  readonly #delivery: Redelivery;
  readonly #stop = new AbortController();

  constructor(config: LogConfig, ctx: SourceContext, next: (batch: Batch) => void) {
    this.#config = config;
    this.#ctx = ctx;
    this.#path = ctx.resolve(config.file);
    this.#cutter = new LineCutter(config.max_event);
    const once = new Once<CloudEvent>(ctx);
    this.#once = once;
    this.#delivery = new Redelivery(next, {
      sleep: (ms) => ctx.sleep(ms),
      advance(position, seen = []) {
        ctx.advance(position, seen);
        once.settled(seen);
      },
    });
  }

  stop(): void {
    this.#stop.abort();
  }

  /** Returns when it was stopped; rejects with a SourceError when the file must not be read. */
  async run(): Promise<void> {
    let log: OpenLog | undefined;
    try {
      log = await this.#begin();
      const chunk = Buffer.allocUnsafe(CHUNK);
      let ending = false;
      while (!this.#stopped) {
        const length = await log.read(chunk);
        if (length > 0) {
          await this.#take(this.#cutter.push(chunk.subarray(0, length)), log);
          continue;
        }
        const next = await this.#next(log);
        // It was moved away just now: who writes it may not have noticed yet.
        if (next !== undefined && ending) {
          await this.#finish(log);
          log = next;
          ending = false;
          continue;
        }
        await next?.close();
        ending = next !== undefined;
        const before = await log.at(log.offset);
        await this.#ctx.sleep(POLL);
        if (await log.holds(before)) continue;
        const copy = await this.#copyOf(before);
        if (copy) {
          await log.close();
          log = copy;
        } else this.#cut(log);
      }
    } catch (error) {
      if (this.#stopped) return;
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EACCES' || code === 'EPERM') {
        throw new SourceError(`cannot read ${this.#config.file}: ${messageOf(error)}`, {
          exit: exitCode.noPermission,
          cause: error,
        });
      }
      throw error;
    } finally {
      await log?.close();
    }
  }

  get #stopped(): boolean {
    return this.#stop.signal.aborted || this.#ctx.signal.aborted;
  }

  async #begin(): Promise<OpenLog> {
    const position = LogPosition.safeParse(this.#ctx.position()).data;
    if (position === undefined) return this.#first();
    const left = await this.#part((parts) => parts.find(({ identity }) => identity === position.identity));
    if (left) {
      left.offset = position.offset;
      if (await left.holds(position)) return left;
      await left.close();
    }
    const copy = await this.#copyOf(position);
    if (copy) return copy;
    const log = await this.#current();
    if (position.identity !== '') {
      const { offset } = position;
      this.#gap('log_gone', `what followed byte ${offset} is gone: the file was cut, or removed after it was rotated`);
    }
    return log;
  }

  async #first(): Promise<OpenLog> {
    const atEnd = this.#config.start === 'end';
    const log = (atEnd ? undefined : await this.#part(([oldest]) => oldest)) ?? (await this.#current());
    if (atEnd) await log.skip();
    this.#delivery.mark(await log.at(log.offset));
    return log;
  }

  async #current(): Promise<OpenLog> {
    try {
      return await OpenLog.open(this.#path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT' && this.#ctx.position() === undefined) {
        this.#ctx.advance(NOTHING_YET);
      }
      throw error;
    }
  }

  // What follows a file that was moved away: a part that was moved away too, or what is written now.
  async #next({ part }: OpenLog): Promise<OpenLog | undefined> {
    const current = await identityOf(this.#path);
    if (current === undefined || current === part.identity) return undefined;
    return this.#part((parts) => {
      const here = parts.findIndex(({ identity }) => identity === part.identity);
      return here < 0 ? parts.at(-1) : parts[here + 1];
    });
  }

  // It may be rotated while we look: then we look again.
  async #part(choose: (parts: readonly LogPart[]) => LogPart | undefined): Promise<OpenLog | undefined> {
    for (;;) {
      const part = choose(await partsOf(this.#path));
      const log = part && (await OpenLog.part(part));
      if (log || !part) return log;
    }
  }

  // A file that was cut may have been copied first: there it goes on.
  async #copyOf(position: LogPosition): Promise<OpenLog | undefined> {
    for (const part of await partsOf(this.#path)) {
      const log = await OpenLog.part(part);
      if (await log?.isCopyOf(position)) {
        (log as OpenLog).offset = position.offset;
        return log;
      }
      await log?.close();
    }
    return undefined;
  }

  #cut(log: OpenLog): void {
    this.#gap('truncated', 'the file was cut: what was written to it shortly before may be lost');
    this.#cutter.reset();
    log.rewind();
  }

  async #finish(log: OpenLog): Promise<void> {
    const last = this.#cutter.end();
    if (last) await this.#take([last], log);
    await log.close();
  }

  #gap(reason: string, message: string): void {
    this.#ctx.report('gap', { reason, message: `${this.#config.file}: ${message}` });
  }

  async #take(cut: Iterable<Line>, log: OpenLog): Promise<void> {
    const lines = [...cut];
    if (lines.length === 0) return;
    const end = log.offset - this.#cutter.pending;
    let offset = end - lines.reduce((sum, { bytes }) => sum + bytes, 0);
    let events: CloudEvent[] = [];
    for (const line of lines) {
      events.push(...this.#events(line, offset));
      offset += line.bytes;
      if (events.length < BATCH && offset < end) continue;
      await this.#emit(events, await log.at(offset));
      events = [];
    }
  }

  #events({ text, bytes }: Line, offset: number): readonly CloudEvent[] {
    if (text === undefined) {
      const message = `${this.#config.file}: a line of ${bytes} bytes at byte ${offset} is longer than max_event`;
      this.#ctx.report('drop', { reason: 'line_too_long', count: 1, message });
      return [];
    }
    if (text.trim() === '') return [];
    let body: unknown;
    try {
      body = parseJson(text);
    } catch (error) {
      this.#reject(text, 'bad_line', `the line at byte ${offset} is not JSON: ${messageOf(error)}`);
      return [];
    }
    const received = BigInt(this.#ctx.now()) * 1_000_000n;
    const { events, rejected } = auditEvents(body, received, originOf(this.#config.cluster));
    for (const each of rejected) {
      this.#reject(each.text, 'bad_event', `the line at byte ${offset} is no audit event: ${each.problem}`);
    }
    return events;
  }

  #reject(text: string, reason: string, message: string): void {
    this.#ctx.reject(text, { reason, message: `${this.#config.file}: ${message}` });
  }

  async #emit(events: readonly CloudEvent[], position: LogPosition): Promise<void> {
    const { fresh, ids } = await this.#once.admit(events);
    if (fresh.length === 0) {
      this.#delivery.mark(position);
      return;
    }
    await this.#ctx.credit(fresh.length);
    if (this.#stopped) return;
    this.#delivery.emit(cloudBatch('k8s_audit', fresh), position, ids);
  }
}
