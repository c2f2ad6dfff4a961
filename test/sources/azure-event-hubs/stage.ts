/** Hubs on loopback, and the source reading from them: all of it is stopped when a test ends. */

import { afterEach } from 'vitest';
import { EventHub, type HubOptions } from '../../azure/event-hubs.ts';
import { activity, Opened, type OpenedOptions } from '../../azure/opened.ts';

/** What else a test has started, to be stopped: the last one first. */
export const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

export async function hubOf(options: HubOptions = {}): Promise<EventHub> {
  const hub = await EventHub.start(options);
  closing.push(() => hub.halt());
  return hub;
}

export function opened(hub: EventHub, options: OpenedOptions = {}): Opened {
  const source = new Opened(hub, options);
  closing.push(() => source.stop());
  return source;
}

export const range = (count: number, from = 0) => Array.from({ length: count }, (_, index) => String(from + index));
export const sorted = (ids: readonly string[]) => [...ids].sort((a, b) => Number(a) - Number(b));

/** Puts records with the ids `from`, … into the hub, three in a body, over all partitions. */
export function fill(hub: EventHub, count: number, from = 0): void {
  const ids = range(count, from);
  for (let at = 0; at < count; at += 3) {
    hub.publish((at / 3) % hub.partitions.length, { records: ids.slice(at, at + 3).map((id) => activity(id)) });
  }
}
