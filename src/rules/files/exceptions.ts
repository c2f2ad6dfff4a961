/** Exceptions of rules: checked, and written as conditions (spec/falco-engine.md §1.5). */

import type { Catalogue } from '../../events/field.ts';
import { checkTerm } from '../check/check.ts';
import { listOperators, modifiers, orderingOperators, textOperators } from '../language.ts';
import { ComposedText, placeInScalar } from '../source.ts';
import { parseTerm } from '../syntax/parser.ts';
import { Problem } from '../syntax/problem.ts';
import { type Context, failLoad } from '../yaml/issue.ts';
import type { ScalarText } from '../yaml/yaml-item.ts';
import { type Entry, type ExceptionDefinition, isEntryList } from './definitions.ts';

const plainOperators: ReadonlySet<string> = new Set([
  ...orderingOperators,
  ...textOperators,
  ...listOperators,
  'exists',
]);
const listLike: ReadonlySet<string> = new Set(listOperators);
const modified: ReadonlySet<string> = new Set(
  textOperators.flatMap((name) => modifiers.map((modifier) => `${name} ${modifier}`)),
);

/** Ends the loading; `entry` is what is wrong of the exception. */
function fail(message: string, context: Context, hint?: string, entry?: Entry): never {
  const [scalar] = entry === undefined ? [] : [entry].flat(9);
  const from = (scalar as ScalarText | undefined)?.from;
  return failLoad('LOAD_ERR_VALIDATE', message, context, {
    diagnostic: {
      ...(hint === undefined ? {} : { hint }),
      // What was appended may be of another file than the exception.
      ...(from === undefined ? {} : { at: placeInScalar(from, { start: 0, end: (scalar as ScalarText).text.length }) }),
    },
  });
}

/** Checks an exception's fields and operators and fills in the operators' defaults. */
export function completeException(
  exception: ExceptionDefinition,
  catalogue: Catalogue | undefined,
): ExceptionDefinition {
  const { fields, context } = exception;
  if (fields === undefined) return exception;
  if (isEntryList(fields) && fields.length === 0) {
    fail('Rule exception item must have fields property with a list of fields', context);
  }
  const comps = isEntryList(exception.comps) && exception.comps.length === 0 ? undefined : trimmed(exception.comps);
  if (!isEntryList(fields)) return { ...exception, comps: completeScalar(fields, comps, context, catalogue) };
  const operators = comps ?? fields.map(() => equals(fields));
  if (!isEntryList(operators) || operators.length !== fields.length)
    fail('Fields and comps lists must have equal length', context);
  for (const operator of operators) {
    const name = textOf(operator);
    if (plainOperators.has(name) || modified.has(name)) continue;
    const hint = name.includes(' ')
      ? 'A modifier follows an operator for text and one blank: startswith oneof.'
      : `There are ${[...plainOperators].join(' ')}, and modifiers: startswith oneof.`;
    fail(`'${name}' is not a supported comparison operator`, context, hint, operator);
  }
  for (const field of fields) checkField(field, context, catalogue);
  return { ...exception, comps: operators };
}

function completeScalar(
  field: ScalarText,
  comps: Entry | undefined,
  context: Context,
  catalogue: Catalogue | undefined,
): ScalarText {
  const operator = comps ?? { text: 'in', from: field.from };
  if (isEntryList(operator)) fail('Fields and comps must both be strings', context);
  if (!listLike.has(operator.text) && !modified.has(operator.text)) {
    fail(
      'When fields is a single value, comps must be one of (in, pmatch, intersects) or a modifier operator (e.g. startswith oneof)',
      context,
    );
  }
  checkField(field, context, catalogue);
  return operator;
}

function equals(fields: readonly Entry[]): ScalarText {
  const [first] = fields.flat(3) as ScalarText[];
  return { text: '=', from: (first as ScalarText).from };
}

function trimmed(entry: Entry | undefined): Entry | undefined {
  if (entry === undefined) return undefined;
  return isEntryList(entry) ? entry.map((each) => trimmed(each) as Entry) : { ...entry, text: entry.text.trim() };
}

function textOf(entry: Entry): string {
  return isEntryList(entry) ? `(${entry.map(textOf).join(', ')})` : entry.text;
}

function checkField(field: Entry, context: Context, catalogue: Catalogue | undefined): void {
  if (catalogue === undefined) return;
  const text = textOf(field);
  const term = parseTerm(text);
  try {
    if (term !== undefined) return void checkTerm(term, catalogue);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    fail(`'${text}' is not a supported filter field`, context, error.options.hint ?? error.message, field);
  }
  fail(`'${text}' is not a supported filter field`, context, undefined, field);
}

/** What an exception compares: its fields, each with its operator. `flat`: its values are no tuples. */
export function comparisons({ fields, comps }: ExceptionDefinition): {
  readonly fields: readonly string[];
  readonly comps: readonly string[];
  readonly flat: boolean;
} {
  const texts = (entry: Entry | undefined) =>
    entry === undefined ? [] : isEntryList(entry) ? entry.map(textOf) : [textOf(entry)];
  return { fields: texts(fields), comps: texts(comps), flat: !isEntryList(fields) };
}

/** The condition with the exceptions added: `(CONDITION) and not EXCEPTION…`. */
export function withExceptions(condition: ComposedText, exceptions: readonly ExceptionDefinition[]): ComposedText {
  if (exceptions.length === 0) return condition;
  let text = new ComposedText([]).concat('(', condition, ')');
  for (const exception of exceptions) {
    const added = isEntryList(exception.fields) ? tuples(exception, exception.fields) : scalars(exception);
    if (added !== undefined) text = text.concat(' and not ', added);
  }
  return text;
}

function scalars({ fields, comps, values, context, name }: ExceptionDefinition): ComposedText | undefined {
  if (values.length === 0) return undefined;
  const items = values.map((value) => {
    if (isEntryList(value)) {
      const hint = 'The field is a single text, and so is each value; lists go with a list of fields.';
      fail('Expected values array to contain a list of strings', context, hint, value);
    }
    return written(value, name);
  });
  return new ComposedText([]).concat(
    '(',
    part(fields as ScalarText, name),
    ` ${textOf(comps as Entry)} (`,
    ComposedText.join(items, ', '),
    '))',
  );
}

function tuples(
  { comps, values, context, name }: ExceptionDefinition,
  fields: readonly Entry[],
): ComposedText | undefined {
  if (values.length === 0) return undefined;
  const operators = comps as readonly ScalarText[];
  const conjunctions = values.map((tuple) => {
    if (!isEntryList(tuple) || tuple.length !== fields.length) {
      const hint = `Each value is a list with one for each field, of which there are ${fields.length}.`;
      fail('Fields and values lists must have equal length', context, hint, tuple);
    }
    const checks = tuple.map((value, index) => {
      const operator = textOf(operators[index] as Entry);
      return new ComposedText([]).concat(
        ' ',
        part(fields[index] as ScalarText, name),
        ` ${operator} `,
        tupleValue(value, operator, name),
      );
    });
    return new ComposedText([]).concat('(', ComposedText.join(checks, ' and '), ')');
  });
  return new ComposedText([]).concat('(', ComposedText.join(conjunctions, ' or '), ')');
}

function tupleValue(value: Entry, operator: string, name: string): ComposedText {
  if (isEntryList(value)) {
    const items = value.map((each) => written(each, name));
    return new ComposedText([]).concat('(', ComposedText.join(items, ', '), ')');
  }
  const takesList = listLike.has(operator) || modified.has(operator);
  // A list written as text: "(a, b)".
  if (takesList && value.text.startsWith('(')) return part(value, name);
  const text = written(value, name);
  return takesList ? new ComposedText([]).concat('(', text, ')') : text;
}

function part({ text, from }: ScalarText, name: string): ComposedText {
  return new ComposedText([{ text, from, whole: true, via: () => `in exception ${name}` }]);
}

function written(value: Entry, name: string): ComposedText {
  const text = textOf(value);
  if (isEntryList(value)) return new ComposedText([{ text }]);
  return part({ text: quoteIfBlank(text), from: value.from }, name);
}

/** A value that is empty or holds a blank is put in quotes, unless it has its own. */
export function quoteIfBlank(text: string): string {
  return text === '' || (/\s/.test(text) && !/^["']/.test(text)) ? `"${text}"` : text;
}
