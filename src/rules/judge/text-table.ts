/**
 * A table by text that does not hash the text it is asked for unless it has to: paths mostly are new texts, and most have
 * another length than what is looked for.
 */

/** Texts of one length that are compared one by one; more are found by their hash. */
const FEW = 4;

export class TextTable<T> {
  readonly #byLength: (readonly (readonly [text: string, value: T])[] | ReadonlyMap<string, T> | undefined)[] = [];

  constructor(entries: Iterable<readonly [text: string, value: T]>) {
    for (const [length, own] of Map.groupBy(entries, ([text]) => text.length)) {
      this.#byLength[length] = own.length > FEW ? new Map(own) : own;
    }
  }

  get(text: string): T | undefined {
    const own = text.length < this.#byLength.length ? this.#byLength[text.length] : undefined;
    if (own === undefined) return undefined;
    if (own instanceof Map) return own.get(text);
    const few = own as readonly (readonly [string, T])[];
    for (let index = 0; index < few.length; index++) {
      const entry = few[index] as readonly [string, T];
      if (entry[0] === text) return entry[1];
    }
    return undefined;
  }
}
