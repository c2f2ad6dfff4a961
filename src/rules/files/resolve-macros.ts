/** Puts macros in place: every name in a condition gets the tree that it stands for (spec/falco-engine.md §1.3). */

import { suggest } from '../../core/errors.ts';
import type { ComposedText } from '../source.ts';
import type { Expr, Junction, MacroRef } from '../syntax/ast.ts';
import type { MacroDefinition } from './definitions.ts';

/** A macro that is parsed; `resolved` once the macros in it are in place. */
export interface ParsedMacro {
  readonly definition: MacroDefinition;
  readonly text: ComposedText;
  readonly ast: Expr;
  resolved?: Expr;
}

/** A name that cannot be resolved. `trail`: the macros that lead to it, outermost first. */
export class UnresolvedMacro extends Error {
  readonly ref: MacroRef;
  readonly trail: readonly MacroRef[];
  readonly hint: string | undefined;
  constructor(message: string, ref: MacroRef, trail: readonly MacroRef[], hint?: string) {
    super(message);
    this.ref = ref;
    this.trail = trail;
    this.hint = hint;
  }
}

/** The names of the macros in a condition, not of those in them. */
export function macrosIn(expr: Expr): ReadonlySet<string> {
  const names = new Set<string>();
  addMacros(expr, names);
  return names;
}

function addMacros(expr: Expr, names: Set<string>): void {
  if (expr.kind === 'macro') names.add(expr.name);
  else if (expr.kind === 'not') addMacros(expr.item, names);
  else if (expr.kind === 'and' || expr.kind === 'or') {
    for (let index = 0; index < expr.items.length; index++) addMacros(expr.items[index] as Expr, names);
  }
}

/** Macros may not lead further than this: each of thirty that name another twice would be a thousand million checks. */
const MAX_STEPS = 100_000;

/** Resolves the macros in trees. */
export class MacroResolver {
  readonly #macros: ReadonlyMap<string, ParsedMacro>;
  #isVisible: (macro: MacroDefinition) => boolean = () => true;
  #steps = 0;

  constructor(macros: ReadonlyMap<string, ParsedMacro>) {
    this.#macros = macros;
  }

  /**
   * The tree with macros in place.
   * @param isVisible whether a macro may be used here; others count as undefined
   * @throws UnresolvedMacro for an undefined macro, or one that leads back to itself
   */
  resolve(expr: Expr, isVisible: (macro: MacroDefinition) => boolean = () => true): Expr {
    this.#isVisible = isVisible;
    this.#steps = 0;
    return this.#expr(expr, []);
  }

  #expr(expr: Expr, trail: readonly MacroRef[]): Expr {
    switch (expr.kind) {
      case 'and':
      case 'or':
        return this.#junction(expr, trail);
      case 'not': {
        const item = this.#expr(expr.item, trail);
        return item === expr.item ? expr : { kind: 'not', item, span: expr.span };
      }
      case 'macro':
        return this.#ref(expr, trail);
      default:
        return expr;
    }
  }

  /** What has no macro in it stays as it is. */
  #junction(expr: Junction, trail: readonly MacroRef[]): Junction {
    let items: Expr[] | undefined;
    for (let index = 0; index < expr.items.length; index++) {
      const item = expr.items[index] as Expr;
      const resolved = this.#expr(item, trail);
      if (resolved !== item) items ??= expr.items.slice(0, index);
      items?.push(resolved);
    }
    return items === undefined ? expr : { kind: expr.kind, items, span: expr.span };
  }

  #ref(ref: MacroRef, trail: readonly MacroRef[]): MacroRef {
    const { name } = ref;
    const macro = this.#macros.get(name);
    if (macro === undefined || !this.#isVisible(macro.definition)) {
      throw new UnresolvedMacro(`Undefined macro '${name}' used in filter.`, ref, trail, this.#hint(name, macro));
    }
    if (trail.some((step) => step.name === name))
      throw new UnresolvedMacro(`reference loop in macro '${name}'`, ref, trail);
    if (++this.#steps > MAX_STEPS) throw new UnresolvedMacro('macros expand too far', ref, trail);
    const body = macro.resolved ?? this.#body(ref, macro, trail);
    return { kind: 'macro', name, macro: { name, body, owner: macro }, span: ref.span };
  }

  #body(ref: MacroRef, macro: ParsedMacro, trail: readonly MacroRef[]): Expr {
    const entered: MacroRef = { ...ref, macro: { name: ref.name, body: macro.ast, owner: macro } };
    return this.#expr(macro.ast, [...trail, entered]);
  }

  #hint(name: string, macro: ParsedMacro | undefined): string | undefined {
    if (macro !== undefined)
      return `Macro ${name} is defined later: a macro can use only macros that are defined before it.`;
    const meant = suggest(name, this.#macros.keys());
    return meant === undefined ? undefined : `Did you mean ${meant}?`;
  }
}
