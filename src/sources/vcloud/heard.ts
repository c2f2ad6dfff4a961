/** What the event bus has told of and the trail has yet to show: there it has names, addresses and words. */

import type { SourceContext } from '../../core/component.ts';
import { decodeDocument } from '../../events/cloud/decode.ts';
import { isObject } from '../../events/cloud/document.ts';
import type { CloudEvent } from '../../events/cloud/event.ts';
import { readJson } from '../../events/exact-json.ts';

/** ms that the trail has to show it. */
const PATIENCE = 30_000;
/** Events that are waited for, at most; the eldest is given as it is when there are more. */
const MOST = 10_000;
/** Types of messages that are events; tasks and API calls come as such too. */
const EVENTS: ReadonlySet<unknown> = new Set(['EVENT', 'EXTERNAL_EVENT', undefined]);

export class Heard {
  readonly #ctx: Pick<SourceContext, 'now' | 'reject' | 'metrics'>;
  readonly #waiting = new Map<string, { readonly event: CloudEvent; readonly since: number }>();
  #ready: CloudEvent[] = [];

  constructor(ctx: Pick<SourceContext, 'now' | 'reject' | 'metrics'>) {
    this.#ctx = ctx;
  }

  /** Whether the trail is waited for. */
  get waiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** Takes a message; false when it is no event. */
  add(topic: string, payload: string): boolean {
    const now = this.#ctx.now();
    const message = readJson(payload);
    if (isObject(message) && !EVENTS.has(message.type)) {
      this.#ctx.metrics.add('other_messages', '', 1);
      return false;
    }
    const isBroken = isObject(message) && typeof message.payload === 'string' && !isObject(readJson(message.payload));
    const decoded = isBroken
      ? { problem: 'Its payload is no JSON object.' }
      : decodeDocument('vcd_audit', message, BigInt(now) * 1_000_000n, {
          'vcd.topic': topic,
          'vcd.transport': 'mqtt',
        });
    if ('problem' in decoded) {
      const why = `a message of the event bus is no event: ${decoded.problem}`;
      this.#ctx.reject(payload, { reason: 'bad_message', message: why });
      return false;
    }
    const { event } = decoded;
    if (event.id === undefined) this.#ready.push(event);
    else if (!this.#waiting.has(event.id)) this.#waiting.set(event.id, { event, since: now });
    if (this.#waiting.size > MOST) {
      const [[id, eldest]] = this.#waiting as unknown as [[string, { event: CloudEvent }]];
      this.#waiting.delete(id);
      this.#ready.push(eldest.event);
    }
    return true;
  }

  /** It is in the trail: it need not be waited for. */
  inTrail(id: string | undefined): void {
    if (id !== undefined) this.#waiting.delete(id);
  }

  /** What has waited long enough; it is not waited for any more. */
  overdue(now: number): readonly CloudEvent[] {
    const events = this.#ready;
    this.#ready = [];
    for (const [id, { event, since }] of this.#waiting) {
      // A clock that was set back must not make it wait for ever.
      if (now - since < PATIENCE && since <= now) continue;
      this.#waiting.delete(id);
      events.push(event);
    }
    if (events.length > 0) this.#ctx.metrics.add('bus_only', '', events.length);
    return events;
  }
}
