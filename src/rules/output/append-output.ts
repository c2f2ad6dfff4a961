/** What is added to the output of rules: Falco's `append_output` (spec/falco-engine.md §3.4). */

import type { Place } from '../../core/errors.ts';
import type { Catalogue, Event, Value } from '../../events/field.ts';
import type { Span } from '../language.ts';
import { Problem } from '../syntax/problem.ts';
import type { PrintBytes } from '../values/values.ts';
import { type BoundFormat, type Format, parseFormat } from './format.ts';

export interface AppendOutput {
  /** Which rules: all that are given must hold; without it every rule. */
  readonly match?:
    | {
        readonly rule?: string | undefined;
        readonly source?: string | undefined;
        readonly tags?: readonly string[] | undefined;
      }
    | undefined;
  /** Added to the message. */
  readonly extraOutput?: string | undefined;
  /** Added to `output_fields` only: fields by name, or a text of one's own under a key. */
  readonly extraFields?: readonly (string | Readonly<Record<string, string>>)[] | undefined;
  /** Adds ` a_b=%a.b` to the message for each field that the event source suggests. */
  readonly suggestedOutput?: boolean | undefined;
  /** Where a part of it stands in the user's configuration; default: errors are shown at the output of the rule. */
  readonly place?: ((part: AddedPart, span: Span) => Place | undefined) | undefined;
}

/** A text of an entry: its extra output, or an extra field by its number and, where it has one, its key. */
export type AddedPart =
  | readonly ['extraOutput']
  | readonly ['extraFields', number]
  | readonly ['extraFields', number, string];

interface RuleFacts {
  readonly name: string;
  readonly source: string;
  readonly tags: readonly string[];
}

/** The entries for a rule. */
export function entriesFor(rule: RuleFacts, entries: readonly AppendOutput[]): readonly AppendOutput[] {
  return entries.filter(
    ({ match = {} }) =>
      (match.rule === undefined || match.rule === rule.name) &&
      (match.source === undefined || match.source === rule.source) &&
      (match.tags ?? []).every((tag) => rule.tags.includes(tag)),
  );
}

/** The text that the entries add to a message. */
export function addedText(entries: readonly AppendOutput[], catalogue: Catalogue): string {
  return entries.map((entry) => textOf(entry, catalogue)).join('');
}

function textOf({ extraOutput, suggestedOutput }: AppendOutput, catalogue: Catalogue): string {
  const extra = extraOutput === undefined ? '' : ` ${extraOutput}`;
  return extra + (suggestedOutput ? suggested(catalogue) : '');
}

/** Where a part of the text that the entries add stands in the user's configuration; undefined: nobody knows. */
export function placeOfAdded(entries: readonly AppendOutput[], catalogue: Catalogue, span: Span): Place | undefined {
  let from = 0;
  for (const entry of entries) {
    const text = textOf(entry, catalogue);
    if (span.start < from + text.length) {
      // The blank before it is the loader's.
      const start = Math.max(0, span.start - from - 1);
      return entry.place?.(['extraOutput'], { start, end: Math.max(start + 1, span.end - from - 1) });
    }
    from += text.length;
  }
  return undefined;
}

function suggested(catalogue: Catalogue): string {
  return catalogue.fields
    .filter((field) => field.suggested)
    .map(({ name }) => ` ${name.replaceAll('.', '_')}=%${name}`)
    .join('');
}

/** What is wrong with an extra field, and where that stands. */
export class ExtraFieldProblem extends Problem {
  readonly place: Place | undefined;
  constructor({ stage, message, span, options }: Problem, place: Place | undefined) {
    super(stage, message, span, options);
    this.place = place;
  }
}

interface ExtraField {
  /** Set for a text of one's own. */
  readonly key: string | undefined;
  readonly format: Format;
}

/** The format with the entries' extra fields. Throws an ExtraFieldProblem when one is wrong. */
export function withExtraFields(
  format: Format,
  entries: readonly AppendOutput[],
  catalogue: Catalogue,
  bytes?: PrintBytes,
): Format {
  const extra = entries.flatMap((entry) =>
    (entry.extraFields ?? []).flatMap((field, index): ExtraField[] => {
      const parse = (text: string, part: AddedPart) =>
        explained(() => parseFormat(text, catalogue, bytes), entry, part, typeof field === 'string');
      if (typeof field === 'string') return [{ key: undefined, format: parse(`%${field}`, ['extraFields', index]) }];
      return Object.entries(field).map(([key, text]) => ({ key, format: parse(text, ['extraFields', index, key]) }));
    }),
  );
  if (extra.length === 0) return format;
  const reads = new Map(
    [format, ...extra.map((each) => each.format)].flatMap((each) => each.reads).map((ref) => [ref.text, ref]),
  );
  return {
    ...format,
    reads: [...reads.values()],
    bind: (form) =>
      withMore(
        format.bind(form),
        extra.map(({ key, format: each }) => ({ key, bound: each.bind(form) })),
      ),
  };
}

function explained<T>(make: () => T, entry: AppendOutput, part: AddedPart, isName: boolean): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const { start, end } = error.span;
    // The percent sign before a name is the loader's.
    const span = isName ? { start: Math.max(0, start - 1), end: Math.max(1, end - 1) } : error.span;
    throw new ExtraFieldProblem(error, entry.place?.(part, span));
  }
}

function withMore<E extends Event>(
  bound: BoundFormat<E>,
  extra: readonly { readonly key: string | undefined; readonly bound: BoundFormat<E> }[],
): BoundFormat<E> {
  const withExtra = (fields: Record<string, Value | null>, event: E) => {
    for (const { key, bound: more } of extra) {
      if (key === undefined) Object.assign(fields, more.fields(event));
      else fields[key] = more.text(event);
    }
    return fields;
  };
  return {
    text: (event) => bound.text(event),
    line: (event) => bound.line(event),
    fields: (event) => withExtra(bound.fields(event), event),
    whole(event) {
      const { text, fields } = bound.whole(event);
      return { text, fields: withExtra(fields, event) };
    },
  };
}
