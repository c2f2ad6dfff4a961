/** A container runtime, reached by its socket. */

import type { RuntimeKind } from '../events/containers/cgroup.ts';
import type { Container } from '../events/containers/container.ts';
import type { LifecycleType } from '../events/containers/lifecycle.ts';

export interface Lifecycle {
  readonly type: LifecycleType;
  readonly id: string;
  /** ns since the epoch. */
  readonly time: bigint;
  readonly exitCode?: number;
  /** What the event itself tells of the container: for one that is gone before it can be asked for. */
  readonly glimpse?: Container;
}

/** A container that a runtime has: it was created and not started, or it runs, also paused, or it has ended. */
export interface Present {
  readonly id: string;
  readonly state: 'created' | 'running' | 'ended';
}

export interface Runtime {
  readonly name: RuntimeKind;
  readonly socket: string;
  /** Whose containers they are, where a socket is offered for several: `Kubernetes`. */
  readonly whose?: string;
  /** Whether a container that its cgroup path says to be of that runtime may be here. */
  mayHave(kind: RuntimeKind | undefined): boolean;
  /** What it knows of a container; undefined when it has none of that id. Rejects when it cannot be asked. */
  inspect(id: string, signal: AbortSignal): Promise<Container | undefined>;
  /** All that it has. Rejects when it cannot be asked. */
  list(signal: AbortSignal): Promise<readonly Present[]>;
  /**
   * What happens from now on, until the signal is aborted. Throws when the connection ends. `asked` is called before the
   * first event, when the runtime has been asked: with whether it has answered that it tells, or else so that an answer of
   * `list` to a later question shows it.
   */
  lifecycle(signal: AbortSignal, asked: (answered: boolean) => void): AsyncIterable<Lifecycle>;
  close(): void;
}
