/** Of many alternatives, as exceptions of a rule are, those that an event may hold: found by the value of one term. */

/** Of fewer each is looked at. */
const MANY = 32;
/** A term that has fewer values in them tells too little. */
const LEAST_VALUES = 8;

/** What has to hold for an alternative: a term has one of these values. */
export interface Asked<Term> {
  readonly term: Term;
  /** Equal for terms that are read alike. */
  readonly key: string;
  readonly values: readonly unknown[];
}

/** Alternatives by what a term has to be for them, and those of which it says nothing. */
export interface AlternativeIndex<Item, Term> {
  readonly term: Term;
  readonly byValue: ReadonlyMap<unknown, readonly Item[]>;
  readonly others: readonly Item[];
}

/** By the term of which they name most values; undefined where they are few, or no term tells them apart. */
export function indexAlternatives<Item, Term>(
  items: readonly Item[],
  askedOf: (item: Item) => readonly Asked<Term>[],
): AlternativeIndex<Item, Term> | undefined {
  if (items.length < MANY) return undefined;
  const asked = items.map((item) => [item, askedOf(item)] as const);
  const best = telling(asked.flatMap(([, all]) => all));
  if (best === undefined) return undefined;
  const byValue = new Map<unknown, Item[]>();
  const others: Item[] = [];
  for (const [item, all] of asked) {
    const own = all.find(({ key }) => key === best.key);
    if (own === undefined) others.push(item);
    for (const value of new Set(own?.values)) {
      const known = byValue.get(value);
      if (known === undefined) byValue.set(value, [item]);
      else known.push(item);
    }
  }
  return { term: best.term, byValue, others };
}

function telling<Term>(asked: readonly Asked<Term>[]): Asked<Term> | undefined {
  const byKey = new Map<string, { readonly first: Asked<Term>; readonly values: Set<unknown> }>();
  for (const first of asked) {
    const term = byKey.get(first.key) ?? { first, values: new Set() };
    byKey.set(first.key, term);
    for (const value of first.values) term.values.add(value);
  }
  const [best] = [...byKey.values()].sort((a, b) => b.values.size - a.values.size);
  return best !== undefined && best.values.size >= LEAST_VALUES ? best.first : undefined;
}
