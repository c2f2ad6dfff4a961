/** What is said of exceptions: how much they hide beside the alerts, and whether they will hide those. */

import { counted } from '../../core/counted.ts';
import type { Rule } from '../../rules/index.ts';
import { LEFT_OUT } from '../../sinks/shared/bounded.ts';
import { breadth, fleeting, missingFields } from './fields.ts';
import type { SeenEvent } from './seen.ts';
import { type Block, linesText } from './yaml.ts';

/** Of one kind so many are told in full. */
const MOST = 5;

/** Texts of several kinds, each once, with the lines that it is about. */
export class Remarks {
  readonly #kinds = new Map<string, Map<string, number[]>>();

  add(kind: string, text: string, lines: readonly number[]): void {
    const texts = this.#kinds.get(kind) ?? new Map<string, number[]>();
    this.#kinds.set(kind, texts);
    const known = texts.get(text);
    if (known) for (const line of lines) known.push(line);
    else texts.set(text, [...lines]);
  }

  /** A line each; `write` makes it of a text and its lines. */
  texts(write: (text: string, lines: string) => string): readonly string[] {
    return [...this.#kinds.values()].flatMap((texts) => {
      const all = [...texts].toSorted(([, a], [, b]) => b.length - a.length);
      for (const [, lines] of all) lines.sort((a, b) => a - b);
      const rest = all.slice(MOST).flatMap(([, lines]) => lines);
      const more = `And ${counted(all.length - MOST, 'other')} of that kind: ${linesText(rest)}.`;
      return [
        ...all.slice(0, MOST).map(([text, lines]) => write(text, linesText(lines))),
        ...(all.length > MOST ? [more] : []),
      ];
    });
  }
}

/** Every alert is judged: those that are equal in what an exception compares may differ in what tells how broad it is. */
export function warnings(blocks: readonly Block[], rule: Rule): readonly string[] {
  const remarks = new Remarks();
  const hints = new Set<string>();
  for (const { fields, rows } of blocks) {
    for (const event of [...rows.values()].flatMap(({ events }) => events)) {
      const broad = breadth(event, fields);
      for (const { kind, text } of broad) remarks.add(kind, `Warning: ${text}`, event.lines);
      const hint = broad.length > 0 ? more(event, rule) : undefined;
      if (hint !== undefined) hints.add(hint);
      const passing = fleeting(event, fields);
      const rest = fields.filter((field) => !passing.includes(field));
      const by = rest.length > 0 ? `--by ${rest.join(',')} leaves it out` : 'leave it out with --by';
      for (const field of passing) {
        const text = `Perhaps never again is ${field} = ${event.constant(field)}; ${by}`;
        remarks.add(`fleeting ${field}`, text, event.lines);
      }
      if (event.shown[LEFT_OUT] === undefined) continue;
      const text =
        'Warning: the alert was cut to the size that a receiver takes: fields are missing that may tell more';
      remarks.add('left out', text, event.lines);
    }
  }
  return [...remarks.texts((text, lines) => `${text} (${lines}).`), ...hints];
}

/** What would tell an alert better apart. */
export function more(event: SeenEvent, rule: Rule): string | undefined {
  const missing = missingFields(event, rule);
  if (missing.length === 0) return undefined;
  return `Alerts would tell more with append_output: [{ match: { rule: ${JSON.stringify(rule.name)} }, extra_fields: [${missing.join(', ')}] }].`;
}
