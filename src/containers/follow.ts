/** Following what runtimes tell of containers' lives, for as long as somebody wants to know. */

import { now, sleep } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import { backoff } from '../core/retry.ts';
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
/** Events that may wait for the follower. */
const WAITING = 10_000;

/** A span in which containers may have come and gone unseen. */
export interface Gap {
  /** ms since the epoch. */
  readonly from: number;
  /** Undefined: nothing will be seen. */
  readonly to: number | undefined;
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
  /** Told of each span that was not seen, once: when it is over, and before what is found of it. */
  gap?(runtime: Runtime, gap: Gap): void;
}

/** Follows every runtime that there is, and those that come, until the signal is aborted. Rejects with what `event` throws. */
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
      void new Following(runtime, follower, looked, reject).run();
    }
    looked = looking;
    await Promise.race([sleep(LOOK_AGAIN, signal).catch(() => {}), failed]);
  }
}

class Following {
  readonly #runtime: Runtime;
  readonly #follower: Follower;
  readonly #failed: (error: unknown) => void;
  readonly #presence = new Presence();
  /** Since when, in ms since the epoch, it is not seen what happens. */
  #lost: { readonly since: number; readonly why: string } | undefined;
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
    if (looked !== undefined) this.#lost = { since: looked, why: 'it was not there yet' };
  }

  async run(): Promise<void> {
    const { signal } = this.#follower;
    signal.addEventListener('abort', () => this.#over(now()), { once: true });
    for (let attempt = 1; !signal.aborted; attempt++) {
      const began = now();
      this.#connected = undefined;
      const error = await this.#listen();
      if (signal.aborted) break;
      if (error instanceof CallError && error.status === STATUS.unimplemented) {
        this.#never(began, messageOf(error));
        return;
      }
      this.#lost ??= { since: this.#connected === undefined ? began : now(), why: messageOf(error) };
      this.#follower.trouble?.(this.#runtime, messageOf(error));
      if (this.#connected !== undefined && now() - this.#connected >= SETTLED) attempt = 1;
      await sleep(backoff(RECONNECT, attempt), signal).catch(() => {});
    }
  }

  // Resolves with what has ended the connection.
  async #listen(): Promise<unknown> {
    const connection = new AbortController();
    const signal = AbortSignal.any([this.#follower.signal, connection.signal]);
    const end = (why: unknown) => connection.abort(why);
    const late = () => this.#connected === undefined && end(new Error(`no answer within ${PATIENCE / 1000} s`));
    sleep(PATIENCE, signal).then(late, () => {});
    const asked = () => {
      this.#early = [];
      this.#look(signal).catch(end);
    };
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

  async #look(signal: AbortSignal): Promise<void> {
    const present = await this.#runtime.list(signal);
    if (signal.aborted) return;
    this.#connected = now();
    const found = this.#presence.list(present, BigInt(this.#connected) * 1_000_000n);
    this.#over(this.#connected, found.length);
    this.#follower.trouble?.(this.#runtime);
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

  #over(to: number | undefined, found = 0): void {
    const lost = this.#lost;
    this.#lost = undefined;
    if (!lost) return;
    // Clocks are set back too.
    const end = to === undefined ? undefined : Math.max(lost.since, to);
    this.#follower.gap?.(this.#runtime, { from: lost.since, to: end, why: lost.why, found });
  }

  // containerd without Kubernetes has no such service, which is no loss; an old one with it has no such events.
  #never(began: number, why: string): void {
    if (/unknown service/.test(why)) {
      if (this.#lost) this.#follower.trouble?.(this.#runtime);
      this.#lost = undefined;
      return;
    }
    this.#lost = { since: this.#lost?.since ?? began, why };
    this.#follower.trouble?.(this.#runtime, why);
    this.#over(undefined);
  }
}
