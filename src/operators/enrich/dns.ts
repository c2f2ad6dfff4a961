/** Names of addresses, asked of the DNS beside the stream: an event waits for its name, no longer than it may. */

import { Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import { Observable, type OperatorFunction } from 'rxjs';
import { now, sleep } from '../../core/clock.ts';
import type { Batch } from '../../core/flow/batch.ts';
import type { Counters } from '../../core/metrics.ts';
import { type EventRecord, recordForm } from '../../events/record.ts';
import { boundKey, type EdgeKey } from '../shared/key.ts';

export interface DnsOptions {
  readonly key: EdgeKey;
  /** What to call the name. */
  readonly fields: readonly string[];
  /** Milliseconds. */
  readonly timeout: number;
  readonly keep: number;
  /** Addresses. */
  readonly cache: number;
  readonly servers: readonly string[];
  readonly metrics: Counters;
  /** Told of an event whose key cannot be read. */
  readonly failed: (event: EventRecord, error: unknown) => void;
}

const WAITING = 10_000; // events that may wait for names; more go on without
const ASKED = 256; // questions under way

/** Batches leave in the order in which they came. */
export function namesOf(options: DnsOptions): OperatorFunction<Batch, Batch> {
  return (input) =>
    new Observable((output) => {
      const names = new Names(options);
      const skipped = options.metrics.counter('skipped');
      let waiting = 0;
      let before: Promise<unknown> = Promise.resolve();
      const take = (batch: Batch) => {
        const keyOf = boundKey(options.key, recordForm, batch.source);
        const events = Array.from({ length: batch.events.length }, (_, index) => batch.events.at(index) as EventRecord);
        const keys = events.map((event) => {
          try {
            return keyOf(event);
          } catch (error) {
            options.failed(event, error);
            return ''; // it goes on without a name
          }
        });
        waiting += events.length;
        const known = waiting > WAITING ? undefined : names.find(keys);
        if (!known) skipped.value += events.length;
        before = Promise.all([known, before]).then(() => {
          waiting -= events.length;
          output.next({ ...batch, events: events.map((event, index) => named(event, names.get(keys[index] ?? ''))) });
        });
      };
      const named = (event: EventRecord, name: string | undefined) => {
        if (name === undefined) return event;
        const added = Object.fromEntries(options.fields.map((field) => [field, name]));
        return event.with({ ...event.fields, ...added });
      };
      const subscription = input.subscribe({
        next: take,
        error: (error) => output.error(error),
        complete: () => void before.then(() => output.complete()),
      });
      return () => {
        subscription.unsubscribe();
        names.close();
      };
    });
}

class Names {
  readonly #options: DnsOptions;
  readonly #resolver: Resolver;
  // In the order in which they were last asked for.
  readonly #known = new Map<string, { name: string | undefined; until: number }>();
  readonly #asking = new Map<string, Promise<void>>();

  constructor(options: DnsOptions) {
    this.#options = options;
    this.#resolver = new Resolver({ timeout: options.timeout, tries: 1 });
    if (options.servers.length > 0) this.#resolver.setServers(options.servers);
  }

  /** Resolves when all names are known, or time is over. */
  async find(addresses: readonly string[]): Promise<void> {
    const questions = [...new Set(addresses)].flatMap((address) => this.#ask(address) ?? []);
    if (questions.length > 0) await Promise.race([Promise.all(questions), sleep(this.#options.timeout)]);
  }

  get(address: string): string | undefined {
    return this.#known.get(address)?.name;
  }

  close(): void {
    this.#resolver.cancel();
  }

  #ask(address: string): Promise<void> | undefined {
    const known = this.#known.get(address);
    if (isIP(address) === 0 || (known && now() < known.until)) return undefined;
    const asking = this.#asking.get(address);
    if (asking) return asking;
    if (this.#asking.size >= ASKED) {
      this.#options.metrics.add('skipped', 'busy', 1);
      return undefined;
    }
    const answer = this.#resolver.reverse(address).then(
      ([name]) => this.#keep(address, name),
      () => this.#keep(address, undefined),
    );
    const question = answer.finally(() => this.#asking.delete(address));
    this.#asking.set(address, question);
    return question;
  }

  #keep(address: string, name: string | undefined): void {
    const { keep, cache } = this.#options;
    this.#known.delete(address);
    this.#known.set(address, { name, until: now() + (name === undefined ? keep / 10 : keep) });
    if (this.#known.size > cache) this.#known.delete(this.#known.keys().next().value as string);
    this.#options.metrics.add(name === undefined ? 'unknown' : 'found', '', 1);
  }
}
