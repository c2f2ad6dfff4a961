/** A key: the fields whose values are looked at separately, the same for all event sources or some for each. */

import { z } from 'zod';
import type { Demands, Edge } from '../../core/component.ts';
import { suggest } from '../../core/errors.ts';
import type { Event, EventForm } from '../../core/event.ts';
import type { FieldRef, Form, Value } from '../../events/field.ts';
import { cataloguesOn } from './catalogues.ts';

const fields = () => z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);

/** `rule`, `[rule, proc.name]`, or for each event source: `{syscall: user.name, aws_cloudtrail: ct.user}`. */
export function key() {
  return z.union([z.string().min(1), z.array(z.string().min(1)).min(1), z.record(z.string(), fields())]);
}

export type Key = string | readonly string[] | Readonly<Record<string, string | readonly string[]>>;

/** The fields of each event source that has some. */
export type EdgeKey = ReadonlyMap<string, readonly FieldRef[]>;

/**
 * Finds the fields of a key; one that an event source does not have, or a source that does not come here, is reported at
 * `at` in the configuration.
 */
export function keyOn(edge: Edge, given: Key | undefined, at: readonly (string | number)[] = ['key']): EdgeKey {
  const found = new Map<string, FieldRef[]>();
  if (given === undefined) return found;
  const bySource =
    typeof given === 'object' && !Array.isArray(given) ? (given as Record<string, string | string[]>) : undefined;
  for (const source of edge.sources) {
    const own = bySource ? bySource[source] : (given as string | readonly string[]);
    const path = bySource ? [...at, source] : [...at];
    const hint = `A key may name fields for each event source: \`key: {${edge.sources.map((each) => `${each}: …`).join(', ')}}\`.`;
    if (own === undefined) {
      const message = `The key names no field for the event source "${source}"`;
      edge.report({ severity: 'error', code: 'CONFIG_KEY', message, hint }, path);
      continue;
    }
    const refs = [own].flat().flatMap((text, index) => {
      const catalogue = cataloguesOn(edge).get(source);
      const ref = catalogue?.find(text);
      if (ref) return ref;
      const near = suggest(text, catalogue?.fields.map(({ name }) => name) ?? []);
      const message = `"${text}" is no field of ${source} events`;
      const advice = near ? `Did you mean "${near}"?` : hint;
      edge.report(
        { severity: 'error', code: 'CONFIG_KEY', message, hint: advice },
        Array.isArray(own) ? [...path, index] : path,
      );
      return [];
    });
    found.set(source, refs);
  }
  for (const source of Object.keys(bySource ?? {})) {
    if (edge.sources.includes(source)) continue;
    edge.report({ severity: 'error', code: 'CONFIG_KEY', message: `No event of "${source}" comes here` }, [
      ...at,
      source,
    ]);
  }
  return found;
}

/**
 * As keyOn, of an operator that keeps state by it. Where replicas divide the events of a source above, those of one value
 * of the key must come to one replica: that is reported where it is not so.
 */
export function stateKeyOn(edge: Edge, given: Key | undefined): EdgeKey {
  const found = keyOn(edge, given);
  const keys = edge.sources.map((source) => (found.get(source) ?? []).map(({ text }) => text));
  const scattered = edge.shared.find(
    ({ by }) => by.length === 0 || keys.some((key) => !by.every((each) => key.includes(each))),
  );
  if (!scattered) return found;
  const { id, by } = scattered;
  const one = given === undefined ? 'one state for all events' : 'state by key';
  const fields = by.join(', ');
  const message = `It keeps ${one}, but replicas divide the events of ${id}${by.length > 0 ? ` by ${fields}` : ''}: each would have a part of it`;
  const hint =
    by.length > 0
      ? `Put ${fields} into the key, or divide the events by fields that are in it.`
      : 'Divide them by fields of the key (`partitions` of nats, `partitioned_by` of azure_event_hubs), or let one replica read them alone (`exclusive`, or no shared `checkpoints`).';
  edge.report({ severity: 'error', code: 'CONFIG_SHARED', message, hint }, given === undefined ? [] : ['key']);
  return found;
}

/** What a key reads, by event source. */
export function keyReads(edge: Edge, key: EdgeKey): Demands {
  return new Map(
    edge.sources.map((source) => {
      const texts = (key.get(source) ?? []).map(({ text }) => text);
      return [source, { fields: new Set(texts), types: 'all' as const }];
    }),
  );
}

/** Reads the values of the key of an event, in the order of its fields. */
export function boundKeyValues(key: EdgeKey, form: EventForm, source: string): (event: Event) => (Value | undefined)[] {
  const readers = (key.get(source) ?? []).map((ref) => (form as Form).reader(ref));
  return (event) => readers.map((read) => read?.(event));
}

/** Reads the key of an event as text; '' when it has none. */
export function boundKey(key: EdgeKey, form: EventForm, source: string): (event: Event) => string {
  const [first, ...others] = (key.get(source) ?? []).map((ref) => (form as Form).reader(ref));
  if (others.length > 0) {
    const valuesOf = boundKeyValues(key, form, source);
    return (event) => JSON.stringify(valuesOf(event).map((value) => String(value ?? '')));
  }
  return first ? (event) => String(first(event) ?? '') : () => '';
}
