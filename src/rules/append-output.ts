/** What is added to the output of rules: Falco's `append_output` (spec/falco-engine.md §3.4). */

import type { Catalogue, Event, Value } from '../events/field.ts';
import type { BoundFormat, Format } from './format.ts';
import { parseFormat } from './format.ts';

export interface AppendOutput {
  /** Which rules: all that are given must hold; without it every rule. */
  readonly match?: { readonly rule?: string; readonly source?: string; readonly tags?: readonly string[] };
  /** Added to the message. */
  readonly extraOutput?: string;
  /** Added to `output_fields` only: fields by name, or a text of one's own under a key. */
  readonly extraFields?: readonly (string | Readonly<Record<string, string>>)[];
  /** Adds ` a_b=%a.b` to the message for each field that the event source suggests. */
  readonly suggestedOutput?: boolean;
}

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
  return entries
    .map(({ extraOutput, suggestedOutput }) => {
      const extra = extraOutput === undefined ? '' : ` ${extraOutput}`;
      return extra + (suggestedOutput ? suggested(catalogue) : '');
    })
    .join('');
}

function suggested(catalogue: Catalogue): string {
  return catalogue.fields
    .filter((field) => field.suggested)
    .map(({ name }) => ` ${name.replaceAll('.', '_')}=%${name}`)
    .join('');
}

interface ExtraField {
  /** Set for a text of one's own. */
  readonly key: string | undefined;
  readonly format: Format;
}

/** The format with the entries' extra fields. Throws a Problem when one is wrong. */
export function withExtraFields(format: Format, entries: readonly AppendOutput[], catalogue: Catalogue): Format {
  const extra = entries
    .flatMap(({ extraFields = [] }) => extraFields)
    .flatMap((field): ExtraField[] => {
      if (typeof field === 'string') return [{ key: undefined, format: parseFormat(`%${field}`, catalogue) }];
      return Object.entries(field).map(([key, text]) => ({ key, format: parseFormat(text, catalogue) }));
    });
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

function withMore<E extends Event>(
  bound: BoundFormat<E>,
  extra: readonly { readonly key: string | undefined; readonly bound: BoundFormat<E> }[],
): BoundFormat<E> {
  return {
    text: (event) => bound.text(event),
    line: (event) => bound.line(event),
    fields(event) {
      const fields: Record<string, Value | null> = bound.fields(event);
      for (const { key, bound: more } of extra) {
        if (key === undefined) Object.assign(fields, more.fields(event));
        else fields[key] = more.text(event);
      }
      return fields;
    },
  };
}
