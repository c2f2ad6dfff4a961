/** Under load: of which actions the alerts of another detector have come, and of which they have not. */

import type { ForeignAlert } from './receiver.ts';

export class Arrivals {
  /** Ids of actions whose alert has not come, by their rule. */
  readonly #waiting = new Map<string, Set<string>>();
  came = 0;
  #noticed: (() => void) | undefined;

  /** An action has begun: its alert may come before it has ended. */
  begun(rule: string, id: string): void {
    const ids = this.#waiting.get(rule);
    if (ids) ids.add(id);
    else this.#waiting.set(rule, new Set([id]));
  }

  /** It was not performed after all: its alert does not count, whether it comes or has come. */
  undone(rule: string, id: string): void {
    const ids = this.#waiting.get(rule);
    if (ids && !ids.delete(id)) this.came--;
  }

  /** An alert that does not say of which action it is counts for the first of its rule. */
  add({ rule, ids: own }: ForeignAlert): void {
    const ids = this.#waiting.get(rule);
    const id = own.length > 0 ? own.find((each) => ids?.has(each)) : ids?.values().next().value;
    if (id === undefined || !ids?.delete(id)) return;
    this.came++;
    this.#noticed?.();
  }

  /** How many have not come, by rule. */
  get missing(): ReadonlyMap<string, number> {
    return new Map([...this.#waiting].flatMap(([rule, { size }]) => (size > 0 ? [[rule, size]] : [])));
  }

  /** Resolves when all have come, or none has for so many ms. */
  async all(patience: number): Promise<void> {
    while (this.missing.size > 0) {
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const timer = setTimeout(resolve, patience, true);
      this.#noticed = () => resolve(false);
      const isLate = await promise;
      clearTimeout(timer);
      if (isLate) return;
    }
  }
}
