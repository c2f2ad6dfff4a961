/** A container: what its runtime says of it, and how far that is known. */

import type { RuntimeKind } from './cgroup.ts';

export interface Mount {
  readonly source: string;
  readonly destination: string;
  readonly mode: string;
  readonly writable: boolean;
  readonly propagation: string;
}

export interface Pod {
  readonly name: string | undefined;
  readonly namespace: string | undefined;
  readonly uid: string | undefined;
  readonly sandboxId: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly ip: string | undefined;
  /** What the network plugin answered. */
  readonly cni: string | undefined;
}

/** The names of an image, each as far as it is known. */
export interface Image {
  /** As whoever started the container wrote it. */
  readonly given: string | undefined;
  readonly id: string | undefined;
  readonly repository: string | undefined;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

/** What is asked of a container now and then, as the words of a command. */
export interface Probes {
  readonly healthcheck?: readonly string[];
  readonly liveness?: readonly string[];
  readonly readiness?: readonly string[];
}

/** What a runtime says of one container. */
export interface Container {
  readonly id: string;
  readonly runtime: RuntimeKind;
  readonly name: string;
  readonly image: Image;
  readonly labels: Readonly<Record<string, string>>;
  readonly mounts: readonly Mount[];
  readonly privileged: boolean | undefined;
  readonly hostPid: boolean | undefined;
  readonly hostNetwork: boolean | undefined;
  readonly hostIpc: boolean | undefined;
  readonly ip: string | undefined;
  /** ns since the epoch; undefined until it has started. */
  readonly startedAt: bigint | undefined;
  readonly probes: Probes;
  readonly pod: Pod | undefined;
}

/**
 * One container in the table. All processes in it share the entry, so that what its runtime answers late is known to all
 * at once.
 */
export class ContainerEntry {
  /** The whole id. */
  readonly fullId: string;
  /** The first twelve characters; `host` for what is in no container. */
  readonly id: string;
  /** As far as the cgroup path tells. */
  readonly runtime: RuntimeKind | undefined;
  readonly podUid: string | undefined;
  #container: Container | undefined;
  #pending = false;
  #waiting = false;
  #ready: Promise<void> = Promise.resolve();
  #resolve: () => void = () => {};
  #deadline: NodeJS.Timeout | undefined;

  constructor(fullId: string, runtime?: RuntimeKind, podUid?: string) {
    this.fullId = fullId;
    this.id = /^[0-9a-f]{64}$/.test(fullId) ? fullId.slice(0, 12) : fullId;
    this.runtime = runtime;
    this.podUid = podUid;
  }

  get isHost(): boolean {
    return this === host;
  }

  /** What its runtime said; undefined until it has, and where nothing could be asked. */
  get container(): Container | undefined {
    return this.#container;
  }

  /** Its runtime was asked and has not answered yet. */
  get pending(): boolean {
    return this.#pending;
  }

  /** Pending, and for so short a time that what depends on the answer should wait for `ready`. */
  get waiting(): boolean {
    return this.#waiting;
  }

  /** Resolves when it is not `waiting` any more. */
  get ready(): Promise<void> {
    return this.#ready;
  }

  /** Its runtime is being asked; for `wait` ms it is worth waiting for. */
  asked(wait: number): void {
    this.#pending = true;
    if (this.#waiting || wait <= 0) return;
    this.#waiting = true;
    this.#ready = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#deadline = setTimeout(() => this.#stopWaiting(), wait);
    this.#deadline.unref();
  }

  /** The answer: undefined when no runtime knows it. What was known before stays known. */
  answered(container: Container | undefined): void {
    this.#container = container ?? this.#container;
    this.#pending = false;
    this.#stopWaiting();
  }

  #stopWaiting(): void {
    this.#waiting = false;
    clearTimeout(this.#deadline);
    this.#resolve();
  }
}

/** What is in no container. */
export const host: ContainerEntry = new ContainerEntry('host');
