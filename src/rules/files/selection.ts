/** Which rules are enabled: Falco's `rules:` list of enable and disable entries (spec/falco-engine.md §1.8). */

export interface SelectionEntry {
  readonly op: 'enable' | 'disable';
  /** A name, in which `*` stands for any text. */
  readonly rule?: string;
  /** A tag, exactly. */
  readonly tag?: string;
}

interface Selectable {
  readonly name: string;
  readonly tags: readonly string[];
  readonly enabled: boolean;
}

/** Whether a rule is enabled after all entries; later ones win. */
export function isSelected(rule: Selectable, selection: readonly SelectionEntry[]): boolean {
  let enabled = rule.enabled;
  for (const entry of selection) if (isMeant(rule, entry)) enabled = entry.op === 'enable';
  return enabled;
}

/** Whether an entry is about a rule: by its name or by a tag. */
export function isMeant({ name, tags }: Pick<Selectable, 'name' | 'tags'>, { rule, tag }: SelectionEntry): boolean {
  return (rule !== undefined && matchesName(rule, name)) || (tag !== undefined && tags.includes(tag));
}

/** Falco's wildcards: each part between stars is taken where it first occurs, without going back. */
function matchesName(pattern: string, name: string): boolean {
  const parts = pattern.split('*');
  const first = parts[0] ?? '';
  if (parts.length === 1) return name === pattern;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const part of parts.slice(1)) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return pattern.endsWith('*') || at === name.length;
}
