/** Following what runtimes tell of containers' lives, for as long as somebody wants to know. */

import { now, sleep } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import { backoff } from '../core/failure/retry.ts';
import { CallError, STATUS } from './grpc.ts';
import { Presence } from './presence.ts';
import type { Lifecycle, Runtime } from './runtime.ts';
import type { Runtimes } from './sockets.ts';

/** A runtime that starts later is found after at most this long, in ms. */
const LOOK_AGAIN = 5000;
const RECONNECT = { initial: 500, max: 30_000 };
/** A runtime that has not said what it has after so many ms is asked anew. */
const PATIENCE = 10_000;
/** A connection that has lasted so many ms is made again at once when it is lost. */
const SETTLED = 10_000;
/** What a runtime does not offer is looked for again after so many ms: it may be restarted with it, or upgraded. */
const OFFER = 60_000;
/** A call that is not refused so many ms after a later one has failed was taken. */
const REFUSED = 1000;
/** Waits before a runtime that tells, but has not said what it has, is asked for that again. */
const RELIST = { initial: 2000, max: 300_000 };
/** Events that may wait for the follower. */
const WAITING = 10_000;

/** A span in which containers may have come and gone unseen. */
export interface Gap {
  /** ms since the epoch. */
  readonly from: number;
  readonly to: number;
  readonly why: string;
  /** How many of its events were found afterwards, by what the runtime then has. */
  readonly found: number;
}

export interface Follower {
  readonly signal: AbortSignal;
  /**
   * Told of each event in the runtime's order; the next one waits for it. What happened unseen and is found afterwards has
   * the time at which it was found.
   */
  event(event: Lifecycle, runtime: Runtime): Promise<void> | void;
  /** Told why a runtime's events are not seen, each time that it is tried, and without a reason when they are again. */
  trouble?(runtime: Runtime, why?: string): void;
  /** Told that a runtime does not offer its events, and never did: they are neither seen nor missed. It may come to do so. */
  unoffered?(runtime: Runtime): void;
  /** Told of each span that was not seen, once: when it is over, and before what is found of it. */
  gap?(runtime: Runtime, gap: Gap): void;
}

/**
 * Follows every runtime that there is, and those that come, until the signal is aborted. Rejects with what the follower
 * throws, or when it cannot be known which there are; the others are followed on until the signal is aborted.
 */
export async function followAll(runtimes: Pick<Runtimes, 'all'>, follower: Follower): Promise<void> {
  const { signal } = follower;
  const followed = new Set<Runtime>();
  const { promise: failed, reject } = Promise.withResolvers<never>();
  failed.catch(() => {});
  for (let looked: number | undefined; !signal.aborted; ) {
    const looking = now();
    for (const runtime of await runtimes.all()) {
      if (followed.has(runtime)) continue;
      followed.add(runtime);
      new Following(runtime, follower, looked, reject).run().catch(reject);
    }
    looked = looking;
    await Promise.race([sleep(LOOK_AGAIN, signal).catch(() => {}), failed]);
  }
}

interface Span {
  /** ms since the epoch. */
  readonly since: number;
  readonly why: string;
}

class Following {
  readonly #runtime: Runtime;
  readonly #follower: Follower;
  readonly #failed: (error: unknown) => void;
  readonly #presence = new Presence();
  /** Since when, in ms since the epoch, it is not seen what happens. */
  #lost: Span | undefined;
  /** Until when, as far as is known, there was nothing to see, which is no loss. */
  #absent: Span | undefined;
  /** Whether it was ever heard. */
  #seen = false;
  /** Since when it is heard on this connection, in ms since the epoch. */
  #connected: number | undefined;
  /** Events that came before the runtime has said what it has. */
  #early: Lifecycle[] | undefined;
  #waiting = 0;
  #last: Promise<void> = Promise.resolve();

  /**
   * @param looked when there was nothing to follow yet, in ms since the epoch, if that was ever seen
   * @param failed told what `event` has thrown
   */
  constructor(runtime: Runtime, follower: Follower, looked: number | undefined, failed: (error: unknown) => void) {
    this.#runtime = runtime;
    this.#follower = follower;
    this.#failed = failed;
    if (looked !== undefined) this.#absent = { since: looked, why: 'it was not there yet' };
  }

  async run(): Promise<void> {
    const { signal } = this.#follower;
    signal.addEventListener('abort', () => this.#over(now()), { once: true });
    for (let attempt = 1; !signal.aborted; attempt++) {
      const began = now();
      this.#connected = undefined;
      const error = await this.#listen();
      if (signal.aborted) break;
      const offered = !isUnimplemented(error);
      // containerd without Kubernetes has no such service, which is no loss; an old one with it has no such events.
      if (!offered && !this.#seen && /unknown service/.test(messageOf(error))) this.#unoffered(began);
      else this.#fail(began, messageOf(error));
      if (!offered || (this.#connected !== undefined && now() - this.#connected >= SETTLED)) attempt = 1;
      await sleep(offered ? backoff(RECONNECT, attempt) : OFFER, signal).catch(() => {});
    }
  }

  #unoffered(at: number): void {
    this.#lost = undefined;
    this.#absent = { since: at, why: 'it did not offer its events yet' };
    this.#follower.unoffered?.(this.#runtime);
  }

  #fail(began: number, why: string): void {
    this.#lost ??= this.#absent ?? { since: this.#connected === undefined ? began : now(), why };
    this.#absent = undefined;
    this.#follower.trouble?.(this.#runtime, why);
  }

  // Resolves with what has ended the connection.
  async #listen(): Promise<unknown> {
    const connection = new AbortController();
    const signal = AbortSignal.any([this.#follower.signal, connection.signal]);
    const end = (why: unknown) => connection.abort(why);
    const late = () => this.#connected === undefined && end(new Error(`no answer within ${PATIENCE / 1000} s`));
    sleep(PATIENCE, signal).then(late, () => {});
    const asked = (answered: boolean) => void this.#look(answered, signal).catch(end);
    try {
      // Read as they come: what lies unread is gone with the connection.
      for await (const event of this.#runtime.lifecycle(signal, asked)) this.#read(event);
    } catch (error) {
      end(error);
    }
    end(new Error('the connection ended'));
    this.#catchUp();
    return connection.signal.reason;
  }

  // Asks what there is until that is known. Events are told meanwhile: an answer that fails is in nobody's way.
  async #look(answered: boolean, signal: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      this.#early = [];
      const [present, error] = await this.#runtime.list(signal).then(
        (list) => [list, undefined] as const,
        (failed: unknown) => [undefined, failed] as const,
      );
      if (signal.aborted) return;
      if (present) {
        const at = now();
        this.#heard(at, this.#presence.list(present, BigInt(at) * 1_000_000n));
        return;
      }
      if (!answered && !isAnswer(error)) throw error;
      if (!answered) await sleep(REFUSED, signal);
      this.#heard(now(), [], `what there was then is not known: ${messageOf(error)}`);
      await sleep(backoff(RELIST, attempt), signal);
    }
  }

  #heard(at: number, found: readonly Lifecycle[], unknown?: string): void {
    if (this.#connected === undefined) {
      this.#connected = at;
      this.#seen = true;
      this.#lost ??= this.#absent;
      this.#absent = undefined;
      if (unknown !== undefined) {
        const { since = at, why } = this.#lost ?? {};
        this.#lost = { since, why: why === undefined ? unknown : `${why}; ${unknown}` };
      }
      this.#over(at, found.length);
      this.#follower.trouble?.(this.#runtime);
    }
    for (const event of found) this.#tell(event);
    this.#catchUp();
  }

  #read(event: Lifecycle): void {
    if (this.#waiting + (this.#early?.length ?? 0) >= WAITING) {
      throw new Error('its events come faster than they can be looked at');
    }
    if (this.#early) this.#early.push(event);
    else this.#take(event);
  }

  #catchUp(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const event of early) this.#take(event);
  }

  #take(event: Lifecycle): void {
    if (this.#presence.take(event)) this.#tell(event);
  }

  #tell(event: Lifecycle): void {
    this.#waiting++;
    const told = async () => {
      await this.#follower.event(event, this.#runtime);
      this.#waiting--;
    };
    this.#last = this.#last.then(told).catch(this.#failed);
  }

  #over(to: number, found = 0): void {
    const lost = this.#lost;
    this.#lost = undefined;
    if (!lost) return;
    // Clocks are set back too.
    this.#follower.gap?.(this.#runtime, { from: lost.since, to: Math.max(lost.since, to), why: lost.why, found });
  }
}

const isUnimplemented = (error: unknown) => error instanceof CallError && error.status === STATUS.unimplemented;

/** Whether it is the runtime that has said no: it is there, and reads what it is asked. */
const isAnswer = (error: unknown) =>
  error instanceof CallError && error.status !== undefined && error.status !== STATUS.unimplemented;
