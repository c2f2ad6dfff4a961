/** What could not be read of a rules file: what may follow from that is not said. */

import { isScalar } from 'yaml';
import { attempt } from '../yaml/issue.ts';
import { scalarText, type YamlItem } from '../yaml/yaml-item.ts';
import type { ListDefinition } from './definitions.ts';
import { ListNames, wordsOf } from './substitute-lists.ts';

type Kind = (typeof kinds)[number];
const kinds = ['list', 'macro', 'rule'] as const;

export class Unread {
  readonly #names: Readonly<Record<Kind, Set<string>>> = { list: new Set(), macro: new Set(), rule: new Set() };
  /** Whether anything else in the file may be wrong for it: an engine is asked for, or something has no name. */
  hidesAll = false;

  /** Notes an item that is wrong. */
  add(item: YamlItem): void {
    const kind = kindOf(item);
    const name = kind === undefined ? undefined : nameOf(item, kind);
    if (kind !== undefined && name !== undefined) this.#names[kind].add(name);
    else if (kind !== 'rule' && !item.has('required_plugin_versions')) this.hidesAll = true;
  }

  /** Whether an item is about one that is wrong: it may miss what is there. */
  touches(item: YamlItem): boolean {
    const kind = kindOf(item);
    return kind !== undefined && this.#names[kind].has(nameOf(item, kind) ?? '');
  }

  get macros(): ReadonlySet<string> {
    return this.#names.macro;
  }

  /** The names of lists that are wrong, and of those that have one of them among their items. */
  listsAmong(lists: Iterable<ListDefinition>): ListNames {
    const all = [...lists];
    const found = new Set(this.#names.list);
    if (found.size === 0) return new ListNames();
    for (let size = -1; size !== found.size; ) {
      size = found.size;
      const names = new ListNames(found);
      for (const { name, items } of all)
        if (items.some(({ text }) => names.areIn(text, wordsOf(text)))) found.add(name);
    }
    return new ListNames(found);
  }
}

function kindOf(item: YamlItem): Kind | undefined {
  return kinds.find((kind) => item.has(kind));
}

function nameOf(item: YamlItem, kind: Kind): string | undefined {
  // It may be an alias of nothing.
  const node = attempt([], () => item.get(kind));
  return isScalar(node) && scalarText(node) !== '' ? scalarText(node) : undefined;
}
