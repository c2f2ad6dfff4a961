/** Event types in demands. */

interface Types {
  readonly types: ReadonlySet<string> | 'all';
  readonly named?: ReadonlySet<string>;
}

/** Those that any of the demands wants; where one wants all, also those that the demands name. */
export function joinTypes(demands: Iterable<Types>): Types {
  const list = [...demands];
  const named = new Set(list.flatMap(({ types, named = [] }) => [...(types === 'all' ? named : types)]));
  if (list.every(({ types }) => types !== 'all')) return { types: named };
  return { types: 'all', ...(named.size === 0 ? {} : { named }) };
}
