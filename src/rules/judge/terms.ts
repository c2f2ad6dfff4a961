/** Terms: the fields in them, and readers of those and of what transformers make of them. */

import type { Event, Form, Reader, Scalar, Value } from '../../events/field.ts';
import type { TypedCall, TypedField, TypedTerm } from '../check/typed-ast.ts';
import { applyUnary, getopt } from '../values/transformers.ts';
import { joined, type PrintBytes, printValue } from '../values/values.ts';

/** The fields that a term reads, as often as it names them. */
export function fieldsWithin(term: TypedTerm): readonly TypedField[] {
  switch (term.kind) {
    case 'field':
      return [term];
    case 'constant':
    case 'feed':
      return [];
    case 'list':
      return term.items.flatMap(fieldsWithin);
    case 'call':
      return term.args.flatMap(fieldsWithin);
  }
}

/** A reader for a term; undefined when no event of the form ever has it. */
export function termReader<E extends Event>(term: TypedTerm, form: Form<E>): Reader<E> | undefined {
  switch (term.kind) {
    case 'field':
      return form.reader(term.ref);
    case 'constant':
      return () => term.value;
    // Lists are asked about values, never read.
    case 'feed':
      return () => undefined;
    case 'list':
      return listReader(term.items, form);
    case 'call':
      return callReader(term, form);
  }
}

/** All items, or absent when one is. */
function listReader<E extends Event>(items: readonly TypedTerm[], form: Form<E>): Reader<E> | undefined {
  const readers = allReaders(items, form);
  return (
    readers &&
    ((event) => {
      const values: Scalar[] = [];
      for (const read of readers) {
        const value = read(event);
        if (value === undefined) return undefined;
        if (Array.isArray(value)) for (const each of value) values.push(each);
        else values.push(value as Scalar);
      }
      return values;
    })
  );
}

function allReaders<E extends Event>(items: readonly TypedTerm[], form: Form<E>): Reader<E>[] | undefined {
  const readers = items.map((item) => termReader(item, form));
  return readers.every((read) => read !== undefined) ? readers : undefined;
}

function callReader<E extends Event>(call: TypedCall, form: Form<E>): Reader<E> | undefined {
  const [first, second] = call.args;
  if (call.name === 'concat')
    return joinReader(
      () => '',
      call.args.map((term) => printedReader(term, form)),
    );
  if (first === undefined) return undefined;
  if (call.name === 'join' && second !== undefined) return joinCall(first, second, form);
  const read = termReader(first, form);
  if (read === undefined) return undefined;
  if (call.name === 'getopt') {
    const letters = second && termReader(second, form);
    return letters && ((event) => applyGetopt(read(event), letters(event), call.arg));
  }
  return (event) => {
    const value = read(event);
    return value === undefined ? undefined : applyUnary(call.name, value);
  };
}

function applyGetopt(
  words: Value | undefined,
  letters: Value | undefined,
  option: string | undefined,
): Value | undefined {
  if (words === undefined || letters === undefined) return undefined;
  return getopt(Array.isArray(words) ? (words as readonly Scalar[]) : [words as Scalar], String(letters), option);
}

function joinCall<E extends Event>(separator: TypedTerm, list: TypedTerm, form: Form<E>): Reader<E> | undefined {
  const readSeparator = printedReader(separator, form);
  if (readSeparator === undefined) return undefined;
  if (list.kind === 'list')
    return joinReader(
      readSeparator,
      list.items.map((term) => printedReader(term, form)),
    );
  const read = termReader(list, form);
  const print = printerOf(list);
  return (
    read &&
    ((event) => {
      const between = readSeparator(event);
      const values = read(event);
      if (between === undefined || values === undefined) return undefined;
      return (Array.isArray(values) ? values : [values as Scalar]).map(print).join(between);
    })
  );
}

function joinReader<E extends Event>(
  separator: (event: E) => string | undefined,
  readers: readonly (((event: E) => string | undefined) | undefined)[],
): Reader<E> | undefined {
  if (readers.includes(undefined)) return undefined;
  return (event) => {
    const between = separator(event);
    if (between === undefined) return undefined;
    const texts: string[] = [];
    for (const read of readers) {
      const text = read?.(event);
      if (text === undefined) return undefined;
      texts.push(text);
    }
    return texts.join(between);
  };
}

/** How a term's values print. */
export function printerOf(term: TypedTerm, bytes?: PrintBytes): (value: Value) => string {
  const field = term.kind === 'field' ? term.ref.field : undefined;
  if (field?.candidates === 'any') return (value) => (Array.isArray(value) ? joined(value) : printValue(value));
  const of = { type: term.type, print: field?.print };
  return (value) => printValue(value, of, bytes);
}

/** A reader of a term's text; undefined when no event of the form ever has it. */
function printedReader<E extends Event>(
  term: TypedTerm,
  form: Form<E>,
): ((event: E) => string | undefined) | undefined {
  const read = termReader(term, form);
  const print = printerOf(term);
  return (
    read &&
    ((event) => {
      const value = read(event);
      return value === undefined ? undefined : print(value);
    })
  );
}
