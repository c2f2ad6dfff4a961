/** What tests of deliveries share. */

import { z } from 'zod';
import type { Sink } from '../../src/core/component.ts';
import { Delivery } from '../../src/core/delivery/delivery.ts';
import { type DeliveryConfig, deliveryKeys } from '../../src/core/delivery/delivery-config.ts';
import type { Keep } from '../../src/core/delivery/keep.ts';
import { Counters } from '../../src/core/metrics.ts';
import { eventsOf, recordedAck, recordedLog } from './shared.ts';

const configOf = (given: object): DeliveryConfig => z.object(deliveryKeys).parse(given);

/** A delivery to a sink that takes everything unless `sink` says otherwise, and what can be seen of it. */
export function deliveryOf(sink: Partial<Sink>, given: object = {}, keep?: Keep) {
  const { log, lines } = recordedLog();
  const metrics = new Counters();
  const lost: [string, number][] = [];
  const whole: Sink = { write: async () => {}, close: async () => {}, ...sink };
  const delivery = new Delivery(
    whole,
    configOf(given),
    log,
    metrics,
    (reason, count) => lost.push([reason, count]),
    keep,
  );
  const offer = (count: number, from = 0, live = false) => {
    const ack = recordedAck(live);
    delivery.queue.offer({ events: eventsOf(count, from), bytes: count * 100, ack });
    return ack;
  };
  return { delivery, offer, lost, lines, metrics };
}
