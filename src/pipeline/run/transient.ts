/** What a run remembers without a state file. */

import type { Store } from '../../store/store.ts';

/** What outlives a run: as the store has it in its file, or for as long as the run lasts. */
export type Memory = Pick<
  Store,
  'get' | 'set' | 'seen' | 'setSeen' | 'snapshot' | 'setSnapshot' | 'committed' | 'problem'
>;

/** Ids of all sources together that are remembered. */
const SEEN = 100_000;

export class Transient implements Memory {
  readonly problem = undefined;
  readonly #positions: Map<string, unknown>;
  readonly #seen = new Set<string>();
  readonly #snapshots = new Map<string, unknown>();

  constructor(positions = new Map<string, unknown>()) {
    this.#positions = positions;
  }

  get(key: string): unknown {
    return this.#positions.get(key);
  }

  set(key: string, position: unknown): void {
    this.#positions.set(key, position);
  }

  async seen(source: string, ids: readonly string[]): Promise<readonly string[]> {
    return ids.filter((id) => this.#seen.has(JSON.stringify([source, id])));
  }

  setSeen(source: string, ids: readonly string[]): void {
    for (const id of ids) this.#seen.add(JSON.stringify([source, id]));
    for (const oldest of this.#seen) {
      if (this.#seen.size <= SEEN) return;
      this.#seen.delete(oldest);
    }
  }

  snapshot(operator: string, identity: string): unknown {
    return this.#snapshots.get(JSON.stringify([operator, identity]));
  }

  setSnapshot(operator: string, identity: string, state: unknown): void {
    this.#snapshots.set(JSON.stringify([operator, identity]), state);
  }

  async committed(): Promise<void> {}
}
