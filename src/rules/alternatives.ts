/** Of many alternatives those that an event may hold, found by the value of one field: thousands of exceptions cost what one does. */

import type { Event, FieldRef, Form, Value } from '../events/field.ts';
import type { TypedExpr } from './check.ts';
import { isText } from './types.ts';

/** Of fewer each is looked at. */
const MANY = 16;
/** A field with fewer values tells too little. */
const LEAST_VALUES = 4;

/** The places of the alternatives that an event may hold, in lists: for sure it holds no others. */
export type FindAlternatives<E extends Event> = (event: E) => readonly (readonly number[])[];

/** What has to hold for an alternative: a text is one of these. */
interface Key {
  readonly ref: FieldRef;
  readonly values: readonly Value[];
}

/** By the field of whose values the alternatives name most; all of them where they are few, or there is no such field. */
export function alternatives<E extends Event>(items: readonly TypedExpr[], form: Form<E>): FindAlternatives<E> {
  const keys = items.map(keysOf);
  const best = items.length < MANY ? undefined : tellingField(keys);
  const read = best && form.reader(best);
  const all = [[...items.keys()]];
  if (best === undefined || read === undefined) return () => all;
  const byValue = new Map<Value | undefined, number[]>();
  const always: number[] = [];
  for (const [place, own] of keys.entries()) {
    const key = own.find(({ ref }) => ref.text === best.text);
    if (key === undefined) always.push(place);
    for (const value of new Set(key?.values)) {
      const places = byValue.get(value);
      if (places) places.push(place);
      else byValue.set(value, [place]);
    }
  }
  return (event) => [byValue.get(read(event)) ?? [], always];
}

function tellingField(keys: readonly (readonly Key[])[]): FieldRef | undefined {
  const fields = new Map<string, { readonly ref: FieldRef; readonly values: Set<Value> }>();
  for (const { ref, values } of keys.flat()) {
    const field = fields.get(ref.text) ?? { ref, values: new Set() };
    fields.set(ref.text, field);
    for (const value of values) field.values.add(value);
  }
  const [best] = [...fields.values()].toSorted((a, b) => b.values.size - a.values.size);
  return best !== undefined && best.values.size >= LEAST_VALUES ? best.ref : undefined;
}

function keysOf(expr: TypedExpr): readonly Key[] {
  if (expr.kind === 'and') return expr.items.flatMap((item) => (item.kind === 'check' ? keysOf(item) : []));
  if (expr.kind !== 'check' || expr.constants === undefined || expr.modifier !== undefined) return [];
  const { left, operator, constants } = expr;
  if (left.kind !== 'field' || left.list || left.candidates !== undefined || !isText(left.type)) return [];
  return operator === '=' || operator === 'in' ? [{ ref: left.ref, values: constants as readonly Value[] }] : [];
}
