/** The table of containers: one entry each, found by the cgroup path of a process. */

import { containerOfCgroup } from './cgroup.ts';
import { ContainerEntry, host } from './container.ts';

/** Containers that are kept; one that gave way is asked for again when it is seen again. */
const LIMIT = 4096;

export class ContainerTable {
  readonly #limit: number;
  readonly #added: (entry: ContainerEntry) => void;
  // In the order in which they were last added: the first gives way.
  readonly #byId = new Map<string, ContainerEntry>();
  readonly #byPath = new Map<string, ContainerEntry>();

  /** `added` is told of each container that was not in the table; it must return at once. */
  constructor(added: (entry: ContainerEntry) => void = () => {}, limit = LIMIT) {
    this.#added = added;
    this.#limit = limit;
  }

  get size(): number {
    return this.#byId.size;
  }

  /** The container of a process in that cgroup; `host` outside of containers. */
  at(path: string): ContainerEntry {
    const known = this.#byPath.get(path);
    if (known !== undefined) return known;
    const found = containerOfCgroup(path);
    const entry = found === undefined ? host : (this.get(found.id) ?? this.#add(found));
    // Paths are no more than a short cut; sessions and builds make new ones without end.
    if (this.#byPath.size >= 4 * this.#limit) this.#byPath.clear();
    this.#byPath.set(path, entry);
    return entry;
  }

  get(id: string): ContainerEntry | undefined {
    return this.#byId.get(id);
  }

  entries(): Iterable<ContainerEntry> {
    return this.#byId.values();
  }

  /** Takes one in that a runtime has told of. */
  put(entry: ContainerEntry): ContainerEntry {
    this.#byId.set(entry.fullId, entry);
    if (this.#byId.size > this.#limit) this.#forget(this.#byId.values().next().value as ContainerEntry);
    return entry;
  }

  /** Processes that are still in it keep what is known. */
  #forget(oldest: ContainerEntry): void {
    this.#byId.delete(oldest.fullId);
    for (const [path, entry] of this.#byPath) if (entry === oldest) this.#byPath.delete(path);
  }

  #add({ id, runtime, podUid }: NonNullable<ReturnType<typeof containerOfCgroup>>): ContainerEntry {
    const entry = new ContainerEntry(id, runtime, podUid);
    this.#added(this.put(entry));
    return entry;
  }
}
