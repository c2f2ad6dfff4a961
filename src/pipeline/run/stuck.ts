/** Looking for what holds events for too long: without this an operator that forgets an ack stops its source silently. */

import type { Live } from './graph.ts';
import type { Reports } from './reports.ts';

/** Something that may hold events. */
interface Holder {
  readonly id: string;
  /** Since when, in ms of a clock that nobody sets (`performance.now`), it holds what it has held longest; undefined when it holds nothing. */
  readonly since: number | undefined;
  /** Whether a source waits for that. */
  readonly holdsUp: boolean;
  /** How long it may, in ms. */
  readonly limit: number;
  /** Whether it has taken nothing since it failed: what it tries next is the same trouble. */
  readonly failing?: boolean;
}

/**
 * The sinks, each with twice the time that a write of its own may take, and the operators, with that of the slowest. A sink
 * that fails on what no source waits for is no holder: that it fails is said of it.
 */
function holdersIn({ plan, operators, sinks }: Live): Holder[] {
  const limits = new Map(plan.sinks.map(({ id, delivery }) => [id, delivery.timeout * 2]));
  const longest = Math.max(...limits.values());
  return [
    ...[...operators].map(([id, { oldest }]) => ({
      id,
      since: oldest?.since,
      holdsUp: oldest?.live === false,
      limit: longest,
    })),
    ...[...sinks].map(([id, { delivery }]) => ({
      id,
      since: delivery.holdsUp ? delivery.since : undefined,
      holdsUp: true,
      limit: limits.get(id) ?? longest,
      failing: delivery.problem !== undefined,
    })),
  ];
}

/** Looked at this often, in ms. */
const EVERY = 10_000;

class StuckWatch {
  readonly #timer: NodeJS.Timeout;
  // Said once for each time that it happens.
  readonly #said = new Set<string>();

  /** @param stuck told of each holder that holds something for longer than it may, and for how long in ms */
  constructor(holders: () => readonly Holder[], stuck: (holder: Holder, ms: number) => void) {
    this.#timer = setInterval(() => {
      for (const holder of holders()) {
        const { id, since, limit, failing } = holder;
        const held = since === undefined ? 0 : performance.now() - since;
        if (held <= limit && !failing) this.#said.delete(id);
        else if (held > limit && !this.#said.has(id)) {
          this.#said.add(id);
          stuck(holder, held);
        }
      }
    }, EVERY);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

/** Says in `reports` which component of what runs holds events for too long, until the returned function is called. */
export function watchHeld(live: () => Live, reports: Reports): () => void {
  const stuck = ({ id, holdsUp }: Holder, ms: number) => {
    const so = holdsUp ? ': their source cannot go past them' : '';
    const message = `${id} has held events for ${Math.round(ms / 1000)} s${so}`;
    reports.add({ component: id, type: 'health', fields: { reason: 'ack_held', message } });
  };
  const watch = new StuckWatch(() => holdersIn(live()), stuck);
  return () => watch.close();
}
