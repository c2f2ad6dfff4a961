/** The events of one batch that have fates of their own. */

import { type Ack, ackOf, type Fate, splitAck } from '../../core/ack.ts';

/**
 * An ack for each part of a batch; `parts` have the places of its events, each place once. When all have settled the batch
 * does, with what became of each event.
 */
export function acksOf(ack: Ack, events: number, parts: readonly (readonly number[])[]): Ack[] {
  const fates = new Map<number, Fate>();
  const whole = ackOf((status, reason) => ack.settle(status, reason, fates), ack.live);
  return splitAck(whole, events, parts, () => {}).map((own, part) =>
    ackOf((status, reason) => {
      const fate = reason === undefined ? { status } : { status, reason };
      for (const place of parts[part] ?? []) if (status !== 'delivered') fates.set(place, fate);
      own.settle(status, reason);
    }, ack.live),
  );
}
