/** The fields of each event source, found by their text. */

import { alertFields } from './alert-fields.ts';
import { cloudSources } from './cloud/sources.ts';
import { lifecycleEventTypes, lifecycleFields } from './containers/lifecycle.ts';
import type { Catalogue, EventTypes, Field, FieldRef } from './field.ts';
import { internalEventTypes, internalFields } from './internal.ts';
import { originFields } from './origin.ts';
import { anyEventFields, syscallEventFields } from './syscall/event-fields.ts';
import { isEventParam, syscallEventTypes } from './syscall/event-types.ts';
import { syscallFields } from './syscall/fields.ts';

export interface CatalogueOptions {
  readonly eventTypes?: EventTypes;
  /** Whether a well-formed argument means something: `evt.arg.NAME` has to be a param of some event. Default: yes. */
  readonly accepts?: (field: Field, arg: string) => boolean;
}

/**
 * Makes a catalogue. A text is looked up as a whole name, then as a name with `[arg]`, then as a name whose argument is
 * the rest after a dot, the longest name first (spec/falco-engine.md §4). Of two fields of one name the first counts.
 */
export function makeCatalogue(source: string, fields: readonly Field[], options: CatalogueOptions = {}): Catalogue {
  const { eventTypes, accepts = () => true } = options;
  const byName = new Map<string, Field>();
  for (const field of fields) if (!byName.has(field.name)) byName.set(field.name, field);

  // Conditions and outputs name the same few fields again and again.
  const found = new Map<string, FieldRef>();

  function find(text: string): FieldRef | undefined {
    const known = found.get(text);
    if (known !== undefined) return known;
    const field = byName.get(text);
    if (field !== undefined) {
      if (field.arg === 'required') return undefined;
      const ref = { text, field };
      found.set(text, ref);
      return ref;
    }
    return text.endsWith(']') ? findIndexed(text) : findDotted(text);
  }

  function findIndexed(text: string): FieldRef | undefined {
    const at = text.indexOf('[');
    const field = byName.get(text.slice(0, at));
    if (at < 0 || field?.argKind === undefined) return undefined;
    const arg = unquote(text.slice(at + 1, -1));
    if (arg === '' || (field.argKind === 'index' && !/^\d+$/.test(arg)) || !accepts(field, arg)) return undefined;
    return { text: `${field.name}[${arg}]`, field, arg };
  }

  function findDotted(text: string): FieldRef | undefined {
    for (let at = text.lastIndexOf('.'); at > 0; at = text.lastIndexOf('.', at - 1)) {
      const field = byName.get(text.slice(0, at));
      if (field === undefined) continue;
      const arg = text.slice(at + 1);
      if (!field.dotted || !/^[\w=-]+$/.test(arg) || !accepts(field, arg)) return undefined;
      return { text, field, arg };
    }
    return undefined;
  }

  return { source, fields: [...byName.values()], find, ...(eventTypes === undefined ? {} : { eventTypes }) };
}

function unquote(text: string): string {
  const quote = text[0];
  const quoted = text.length >= 2 && (quote === '"' || quote === "'") && text.endsWith(quote);
  return quoted ? text.slice(1, -1) : text;
}

function acceptsSyscallArgument({ name }: Field, arg: string): boolean {
  if (name === 'evt.arg' || name === 'evt.rawarg') return /^\d+$/.test(arg) || isEventParam(arg);
  if (name === 'evt.type.is') return syscallEventTypes.names.has(arg);
  if (name === 'evt.abspath') return arg === 'src' || arg === 'dst';
  return true;
}

/** What an event of any kind has: its time, source and type. */
const commonFields = [...anyEventFields, ...syscallEventFields.filter(({ name }) => name === 'evt.type')];

const clouds = [...cloudSources.values()].map(({ source, fields }) =>
  makeCatalogue(
    source,
    fields.map(({ field }) => field),
  ),
);

const known: readonly Catalogue[] = [
  makeCatalogue('syscall', syscallFields, { eventTypes: syscallEventTypes, accepts: acceptsSyscallArgument }),
  // An alert has fields of the event that it is about, whatever that is of.
  makeCatalogue('alert', [...alertFields, ...syscallFields, ...clouds.flatMap(({ fields }) => fields)], {
    accepts: acceptsSyscallArgument,
  }),
  makeCatalogue('container', [...lifecycleFields, ...commonFields], { eventTypes: lifecycleEventTypes }),
  makeCatalogue('internal', [...internalFields, ...commonFields], { eventTypes: internalEventTypes }),
  ...clouds,
];

/** The catalogue with more fields; where it has one of that name, its own counts. */
export function withFields(catalogue: Catalogue, fields: readonly Field[]): Catalogue {
  const more = new Map(fields.map((field): [string, FieldRef] => [field.name, { text: field.name, field }]));
  return {
    ...catalogue,
    fields: [...catalogue.fields, ...fields],
    find: (text) => catalogue.find(text) ?? more.get(text),
  };
}

/** The catalogues of the event sources that this program knows, by their names. */
export const catalogues: ReadonlyMap<string, Catalogue> = new Map(
  known.map((entry) => [entry.source, withFields(entry, originFields)]),
);
