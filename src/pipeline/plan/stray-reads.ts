/** What a component says that it reads or adds, where nothing that comes to it has that: it would see nothing, for ever. */

import type { Demand, ProvidedField } from '../../core/component.ts';
import type { Diagnostic } from '../../core/errors.ts';
import { catalogues } from '../../events/catalogue.ts';
import { NOT_PROVIDED } from '../../operators/shared/catalogues.ts';
import { didYouMean } from './explain.ts';

/** Where a component stands. */
export interface Reached {
  /** The event sources that reach it. */
  readonly sources: readonly string[];
  /** The names of the fields that operators above add. */
  readonly provided: readonly string[];
  /** Events may have fields that nobody has announced: an operator above may set some, and alerts come from elsewhere. */
  readonly isOpen: boolean;
}

type Stray = Pick<Diagnostic, 'severity' | 'message' | 'hint'>;

/** Those fields and types that no event there has. Of event sources that are not known nothing is said. */
export function strayReads({ fields, types }: Pick<Demand, 'fields' | 'types'>, at: Reached): Stray[] {
  const here = at.sources.map((source) => catalogues.get(source));
  if (here.length === 0 || !here.every((each) => each !== undefined)) return [];
  const events = `${at.sources.join(' or ')} events`;
  const found: Stray[] = [];

  const isHere = (text: string) => at.provided.includes(text) || here.some((each) => each.find(text) !== undefined);
  // Alerts have fields of them all.
  const others = [...catalogues.values()].filter(({ source }) => source !== 'alert');
  const isForThese = [...fields].some(isHere);
  for (const text of fields) {
    if (isHere(text)) continue;
    const other = others.find((each) => each.find(text) !== undefined);
    // It is made for several event sources.
    if (other && isForThese) continue;
    const near = other ? undefined : didYouMean(text, [...names(here), ...at.provided]);
    const message = `reads "${text}", which is no field of ${events}`;
    const hint = other ? `It is one of ${other.source} events, and none come here.` : (near ?? NOT_PROVIDED);
    found.push({ severity: at.isOpen ? 'warning' : 'error', message, hint });
  }

  const known = here.flatMap(({ eventTypes }) => eventTypes ?? []);
  if (types === 'all' || known.length < here.length) return found;
  const isType = (name: string) => known.some((each) => each.names.has(name));
  // Those of other event sources are not all known.
  const severity = [...types].some(isType) ? 'warning' : 'error';
  for (const name of types) {
    if (isType(name)) continue;
    const near = didYouMean(
      name,
      known.flatMap((each) => [...each.names]),
    );
    const message = `wants events of the type "${name}", which no ${events} have`;
    found.push({ severity, message, ...(near ? { hint: near } : {}) });
  }
  return found;
}

/** Those added fields that events there have already: what is below would get neither. */
export function takenFields(provided: readonly ProvidedField[], sources: readonly string[]): Stray[] {
  return provided.flatMap(({ name }) => {
    const source = sources.find((each) => catalogues.get(each)?.find(name));
    if (source === undefined) return [];
    return {
      severity: 'error',
      message: `adds "${name}", which ${source} events have already`,
      hint: 'Call it otherwise.',
    };
  });
}

function names(here: readonly { readonly fields: readonly { readonly name: string }[] }[]): string[] {
  return here.flatMap(({ fields }) => fields.map(({ name }) => name));
}
