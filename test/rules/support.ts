/** What the tests of rules share: a small catalogue, events of plain values, rules files. */

import { catalogues, makeCatalogue } from '../../src/events/catalogue.ts';
import type { Catalogue, Event, Field, Form, Value } from '../../src/events/field.ts';
import { compileCondition, type LoadOptions, type LoadResult, loadRules, type Ruleset } from '../../src/rules/index.ts';

export const syscall = catalogues.get('syscall') as Catalogue;

const fields: readonly (Partial<Field> & Pick<Field, 'name' | 'type'>)[] = [
  { name: 't.s', type: 'CHARBUF' },
  { name: 't.other', type: 'CHARBUF' },
  { name: 't.path', type: 'FSPATH' },
  { name: 't.uid', type: 'UID' },
  { name: 't.i', type: 'INT64' },
  { name: 't.i8', type: 'INT8' },
  { name: 't.u', type: 'UINT64' },
  { name: 't.hex', type: 'UINT32', print: 'hex' },
  { name: 't.ns', type: 'UINT64', print: 'pad10' },
  { name: 't.d', type: 'DOUBLE' },
  { name: 't.b', type: 'BOOL' },
  { name: 't.buf', type: 'BYTEBUF' },
  { name: 't.ip', type: 'IPADDR' },
  { name: 't.net', type: 'IPNET' },
  { name: 't.port', type: 'PORT' },
  { name: 't.dyn', type: 'DYNAMIC', arg: 'required', dotted: true, noRhs: true, noTransformer: true },
  { name: 't.list', type: 'CHARBUF', list: true },
  { name: 't.nets', type: 'IPNET', list: true },
  { name: 't.doubles', type: 'DOUBLE', list: true },
  { name: 't.ends', type: 'IPADDR', candidates: 'either' },
  { name: 't.ports', type: 'PORT', candidates: 'either' },
  { name: 't.anc', type: 'CHARBUF', candidates: 'any', arg: 'optional', argKind: 'index', noRhs: true },
  { name: 't.shown', type: 'CHARBUF', printOnly: true },
  { name: 't.tested', type: 'CHARBUF', filterOnly: true },
];

export const catalogue = makeCatalogue(
  'test',
  fields.map((field) => ({ doc: field.name, class: 't', ...field })),
);

export type Values = Readonly<Record<string, Value>>;

export function eventOf(values: Values, type = 'test'): Event {
  return { source: 'test', type, time: 1_700_000_000_123_456_789n, get: (name) => values[name] };
}

export const form: Form<Event> = { name: 'plain', reader: (ref) => (event) => event.get(ref.text) };

/** Whether a condition holds for an event with these values. */
export function holds(condition: string, values: Values = {}, of: Catalogue = catalogue): boolean {
  return compileCondition(condition, of).bind(form)(eventOf(values));
}

/** The names of the rules that match an event, in their order; what a rule throws is thrown. */
export function namesFound<E extends Event>(ruleset: Ruleset<E>, event: E): readonly string[] {
  const names: string[] = [];
  ruleset.judge(
    event,
    ({ name }) => names.push(name),
    (_, error) => {
      throw error;
    },
  );
  return names;
}

/** A rules file: the lines that are given, and a valid rule's other keys where `rule` is used. */
export function load(content: string, options: Partial<LoadOptions> = {}): LoadResult {
  return loadRules([{ name: 'rules.yaml', content }], { catalogues, plugins: [], ...options });
}

/** A valid rule; `more` is added to it, each line indented by two. */
export function rule(more: Readonly<Record<string, string>> = {}, name = 'r1'): string {
  const keys = { desc: 'd', condition: 'evt.type=openat', output: 'o', priority: 'NOTICE', ...more };
  return `- rule: ${name}\n${Object.entries(keys)
    .map(([key, value]) => `  ${key}: ${value}\n`)
    .join('')}`;
}

/** The codes of what a file was told, errors first. */
export function codes(result: LoadResult): readonly string[] {
  return result.files.flatMap((file) => [...file.errors, ...file.warnings].map(({ code }) => code));
}

export function messages(result: LoadResult): readonly string[] {
  return result.files.flatMap((file) => [...file.errors, ...file.warnings].map(({ message }) => message));
}
