/** Counters: plain numbers on the hot path (a field costs 5 ns, a labelled client metric 199; spec/style.md §1.3). */

export interface Counter {
  value: number;
}

/** The counters of one component, by name and, where a name has them, by label value (a reason, an event type). */
export class Counters {
  readonly #gauges = new Set<string>();
  readonly #byName = new Map<string, Map<string, Counter>>();

  /** The counter of that name and label, made at first use. */
  counter(name: string, label = ''): Counter {
    let byLabel = this.#byName.get(name);
    if (!byLabel) this.#byName.set(name, (byLabel = new Map()));
    let counter = byLabel.get(label);
    if (!counter) byLabel.set(label, (counter = { value: 0 }));
    return counter;
  }

  /** The same for what goes up and down: that it is 0 is told. */
  gauge(name: string, label = ''): Counter {
    this.#gauges.add(name);
    return this.counter(name, label);
  }

  add(name: string, label: string, count: number): void {
    this.counter(name, label).value += count;
  }

  /** The sum over all labels of a name. */
  total(name: string): number {
    let sum = 0;
    for (const { value } of this.#byName.get(name)?.values() ?? []) sum += value;
    return sum;
  }

  /** Label → value of a name, without zeros but for gauges. */
  byLabel(name: string): Record<string, number> {
    const entries = [...(this.#byName.get(name) ?? [])].filter(
      ([, { value }]) => value !== 0 || this.#gauges.has(name),
    );
    return Object.fromEntries(entries.map(([label, { value }]) => [label, value]));
  }

  names(): string[] {
    return [...this.#byName.keys()];
  }
}
