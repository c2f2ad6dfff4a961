/** Following what runtimes tell of containers' lives, for as long as somebody wants to know. */

import { sleep } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import { backoff } from '../core/retry.ts';
import { CallError, STATUS } from './grpc.ts';
import type { Lifecycle, Runtime } from './runtime.ts';
import type { Runtimes } from './sockets.ts';

/** A runtime that starts later is found after at most this long, in ms. */
const LOOK_AGAIN = 5000;
const RECONNECT = { initial: 500, max: 30_000 };

export interface Follower {
  readonly signal: AbortSignal;
  /** Told of each event in the runtime's order; the next one waits for it. */
  event(event: Lifecycle, runtime: Runtime): Promise<void> | void;
  /** Told when a runtime's events are not seen, once until they are. */
  missed(runtime: Runtime, why: string): void;
}

/** Follows every runtime that there is, and those that come, until the signal is aborted. */
export async function followAll(runtimes: Pick<Runtimes, 'all'>, follower: Follower): Promise<void> {
  const followed = new Set<Runtime>();
  while (!follower.signal.aborted) {
    for (const runtime of await runtimes.all()) {
      if (followed.has(runtime)) continue;
      followed.add(runtime);
      void follow(runtime, follower);
    }
    await sleep(LOOK_AGAIN, follower.signal).catch(() => {});
  }
}

async function follow(runtime: Runtime, follower: Follower): Promise<void> {
  const { signal } = follower;
  for (let attempt = 1; !signal.aborted; attempt++) {
    try {
      for await (const event of runtime.lifecycle(signal)) {
        attempt = 0;
        await follower.event(event, runtime);
      }
    } catch (error) {
      if (signal.aborted) return;
      const offered = !(error instanceof CallError && error.status === STATUS.unimplemented);
      // containerd without Kubernetes has no such service, which is no loss; an old one with it has no such events.
      const nothing = !offered && /unknown service/.test(messageOf(error));
      if (attempt <= 1 && !nothing) follower.missed(runtime, messageOf(error));
      if (!offered) return;
    }
    await sleep(backoff(RECONNECT, Math.max(1, attempt)), signal).catch(() => {});
  }
}
