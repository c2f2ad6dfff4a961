/**
 * Looking containers up, beside the stream of events: their runtimes are asked when they are made, as the runtimes tell,
 * or when a process of theirs is first seen.
 */

import { sleep } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import { type Container, ContainerEntry } from '../events/containers/container.ts';
import { ContainerTable } from '../events/containers/table.ts';
import { followAll } from './follow.ts';
import type { Lifecycle, Runtime } from './runtime.ts';
import type { Runtimes } from './sockets.ts';

/** Waits in ms before a container is asked for again: its first process may start before its runtime knows it itself. */
const AGAIN = [20, 50, 100, 200, 500, 1000, 3000];
/** A container that has not started yet is asked for once more, in ms: then it has addresses and a start. */
const STARTED = 1000;

/** ms after which runtimes are followed again when that has failed. */
const FOLLOW_AGAIN = 5000;

export interface LookupOptions {
  readonly runtimes: Pick<Runtimes, 'all' | 'of' | 'close'>;
  /** ms for which events that depend on it wait. */
  readonly wait: number;
  /** Told once when a runtime cannot be asked, until it can. */
  readonly unreachable: (socket: string, why: string) => void;
  /** Told each time that runtimes' events could not be followed any more, for a few seconds. */
  readonly unfollowed: (why: string) => void;
  /** Told how each search ended. */
  readonly ended?: (outcome: 'found' | 'unknown') => void;
}

export class ContainerLookup {
  readonly table = new ContainerTable((entry) => this.#added(entry));
  readonly #options: LookupOptions;
  readonly #stop = new AbortController();
  readonly #unreachable = new Set<string>();
  /** What events told of containers that no runtime has answered for. */
  readonly #glimpses = new WeakMap<ContainerEntry, Container>();
  #following: AbortController | undefined;

  constructor(options: LookupOptions) {
    this.#options = options;
  }

  /** Whether anybody reads what runtimes have to tell; until then none is asked. */
  set wanted(wanted: boolean) {
    if (wanted === (this.#following !== undefined)) return;
    this.#following?.abort(new Error('nobody wants to know of containers'));
    this.#following = wanted ? new AbortController() : undefined;
    if (!this.#following) return;
    for (const entry of this.table.entries()) this.#added(entry);
    const signal = AbortSignal.any([this.#following.signal, this.#stop.signal]);
    void this.#follow(signal);
  }

  close(): void {
    this.#stop.abort(new Error('the source stops'));
    for (const entry of this.table.entries()) entry.answered(undefined);
    void this.#options.runtimes.close();
  }

  // Without their events containers are asked for when they are seen, which may be too late for the shortest.
  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const failed = new AbortController();
      const following = AbortSignal.any([signal, failed.signal]);
      try {
        await followAll(this.#options.runtimes, { signal: following, event: (...told) => this.#told(...told) });
      } catch (error) {
        failed.abort(error);
        if (signal.aborted) return;
        this.#options.unfollowed(messageOf(error));
        await sleep(FOLLOW_AGAIN, signal).catch(() => {});
      }
    }
  }

  /** A container is asked for before its first process runs: one that lives for a moment is gone when it is seen. */
  #told({ type, id, glimpse }: Lifecycle, { name }: Runtime): void {
    if (type !== 'create' && type !== 'start') return;
    const entry = this.table.get(id) ?? this.table.put(new ContainerEntry(id, name));
    if (glimpse) this.#glimpses.set(entry, glimpse);
    this.#added(entry);
  }

  #added(entry: ContainerEntry): void {
    if (!this.#following || entry.pending || entry.container !== undefined || this.#stop.signal.aborted) return;
    entry.asked(this.#options.wait);
    this.#find(entry).catch(() => entry.answered(undefined));
  }

  async #find(entry: ContainerEntry): Promise<void> {
    const { signal } = this.#stop;
    for (const wait of [0, ...AGAIN]) {
      if (wait > 0) await sleep(wait, signal);
      // One that is gone already is known by what was told of it.
      const found = (await this.#ask(entry)) ?? this.#glimpses.get(entry);
      if (found === undefined) continue;
      entry.answered(found === 'nobody' ? undefined : found);
      this.#options.ended?.(found === 'nobody' ? 'unknown' : 'found');
      if (found === 'nobody' || found.startedAt !== undefined) return;
      await sleep(STARTED, signal);
      const later = await this.#ask(entry);
      if (later !== undefined && later !== 'nobody') entry.answered(later);
      return;
    }
    entry.answered(undefined);
    this.#options.ended?.('unknown');
  }

  /** `nobody`: there is no runtime to ask. Undefined: none of them knows it, yet. */
  async #ask({ fullId, runtime }: ContainerEntry): Promise<Container | 'nobody' | undefined> {
    const runtimes = await this.#options.runtimes.of(runtime);
    if (runtimes.length === 0) return 'nobody';
    for (const each of runtimes) {
      try {
        const found = await each.inspect(fullId, this.#stop.signal);
        this.#unreachable.delete(each.socket);
        // What runs it is what its cgroup says: Podman may answer at Docker's socket.
        if (found) return runtime === undefined ? found : { ...found, runtime };
      } catch (error) {
        this.#stop.signal.throwIfAborted();
        if (!this.#unreachable.has(each.socket)) this.#options.unreachable(each.socket, messageOf(error));
        this.#unreachable.add(each.socket);
      }
    }
    return undefined;
  }
}
