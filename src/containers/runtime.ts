/** A container runtime, reached by its socket. */

import type { RuntimeKind } from '../events/containers/cgroup.ts';
import type { Container } from '../events/containers/container.ts';

/** What happens to containers; the words are the event types of the event source `container`. */
export type LifecycleType = 'create' | 'start' | 'die' | 'remove';

export interface Lifecycle {
  readonly type: LifecycleType;
  readonly id: string;
  /** ns since the epoch. */
  readonly time: bigint;
  readonly exitCode?: number;
  /** Where the event itself tells what the container is. */
  readonly container?: Container;
}

export interface Runtime {
  /** What it runs, as far as it is known before it is asked: for messages. */
  readonly name: string;
  readonly socket: string;
  /** Whether a container that its cgroup path says to be of that runtime may be here. */
  mayHave(kind: RuntimeKind | undefined): boolean;
  /** What it knows of a container; undefined when it has none of that id. Rejects when it cannot be asked. */
  inspect(id: string, signal: AbortSignal): Promise<Container | undefined>;
  /** What happens from now on, until the signal is aborted. Throws when the connection ends. */
  lifecycle(signal: AbortSignal): AsyncIterable<Lifecycle>;
  close(): void;
}
