/** Exceptions as a rules file. */

import type { SeenEvent } from './seen.ts';

/** Values for the fields of an exception, and the events that they are of. */
export interface Row {
  readonly fields: readonly string[];
  /** As a condition has them, one for each field. */
  readonly constants: readonly string[];
  readonly events: SeenEvent[];
}

/** An exception of a rule: values for one that it has, or a new one. */
export interface Block {
  readonly name: string;
  readonly fields: readonly string[];
  readonly isNew: boolean;
  /** Of an exception that the rule has: its values are no tuples. */
  readonly flat: boolean;
  /** By their constants. */
  readonly rows: Map<string, Row>;
}

/** The exceptions of one rule; `notes`: what the reader has to know, a line each. */
export interface RuleBlocks {
  readonly rule: string;
  readonly notes: readonly string[];
  readonly blocks: readonly Block[];
}

/** How many alerts a row hides. */
export function countOf({ events }: Row): number {
  return events.reduce((sum, { lines }) => sum + lines.length, 0);
}

/** How many rows there are. */
export function rowsIn(rules: readonly Pick<RuleBlocks, 'blocks'>[]): number {
  return rules.flatMap(({ blocks }) => blocks).reduce((sum, { rows }) => sum + rows.size, 0);
}

/** The lines of the alerts that a row hides, in their order. */
export function linesOf({ events }: Row): readonly number[] {
  return events.flatMap(({ lines }) => lines).sort((a, b) => a - b);
}

/** A rules file that appends exceptions to rules. Rules without blocks are only spoken of. */
export function exceptionsYaml(head: readonly string[], rules: readonly RuleBlocks[]): string {
  return [
    ...head.map(comment),
    ...rules.map(({ rule, notes, blocks }) => ['', ...notes.map(comment), ...item(rule, blocks)]),
  ]
    .flat()
    .map((line) => `${line}\n`)
    .join('');
}

function item(rule: string, blocks: readonly Block[]): readonly string[] {
  if (blocks.length === 0) return [];
  const exceptions = blocks.flatMap(({ name, fields, isNew, flat, rows }) => [
    `    - name: ${yamlText(name)}`,
    ...(isNew ? [`      fields: [${fields.map(yamlText).join(', ')}]`] : []),
    '      values:',
    ...[...rows.values()].map((row) => {
      const values = row.constants.map(yamlText).join(', ');
      return `        - ${flat ? values : `[${values}]`} # hides ${hiddenText(linesOf(row))}`;
    }),
  ]);
  return [`- rule: ${yamlText(rule)}`, '  exceptions:', ...exceptions, '  override: { exceptions: append }'];
}

function hiddenText(lines: readonly number[]): string {
  return lines.length === 1 ? linesText(lines) : `${lines.length} alerts: ${linesText(lines)}`;
}

/** "line 3", "lines 3, 5": at most ten by number, each once. */
export function linesText(lines: readonly number[]): string {
  const each = lines.filter((line, index) => line !== lines[index - 1]);
  const shown = each.slice(0, 10).join(', ');
  const more = each.length > 10 ? ` and ${each.length - 10} more` : '';
  return `line${each.length === 1 ? '' : 's'} ${shown}${more}`;
}

function comment(text: string): string {
  return `# ${text.replace(/[\s\p{C}\p{Zl}\p{Zp}]+/gu, ' ').trim()}`;
}

const PLAIN = /^[\p{L}\p{N}_/](?:[\p{L}\p{N}_/.@%+~ -]*[\p{L}\p{N}_/.@%+~-])?$/u;
/** What a reader of YAML may take for something else than text. */
const WORD = /^(?:null|true|false|yes|no|on|off|[yn])$/i;

const HIDDEN = /[\p{C}\p{Zl}\p{Zp}]/u;
const HIDDEN_EACH = new RegExp(HIDDEN, 'gu');

/** By its code point: YAML knows no halves of characters. */
function escaped(char: string): string {
  return `\\U${(char.codePointAt(0) as number).toString(16).padStart(8, '0')}`;
}

/** A text as a scalar of YAML, in a list too. */
export function yamlText(text: string): string {
  if (PLAIN.test(text) && !WORD.test(text)) return text;
  if (HIDDEN.test(text)) return JSON.stringify(text).replace(HIDDEN_EACH, escaped);
  return `'${text.replaceAll("'", "''")}'`;
}
