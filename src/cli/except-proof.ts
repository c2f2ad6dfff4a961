/** The proof that exceptions do what they say: the rules are loaded with them, and judge the alerts again. */

import { exitCode, UserError } from '../core/errors.ts';
import type { Rule } from '../rules/index.ts';
import { Judged } from './except-seen.ts';
import { exceptionsYaml, linesText, type Row, type RuleBlocks } from './except-yaml.ts';
import { type LoadedRules, rulesError } from './rules-files.ts';

/** An alert is judged with so many rows at most: every row costs each alert, and what some of them hide all hide. */
const MOST = 500;

/**
 * Rules that were loaded together, with their exceptions; by their names.
 * @throws UserError (exit 70) when exceptions do not hide what they say that they hide
 */
export async function proven(load: LoadedRules, made: readonly RuleBlocks[]): Promise<ReadonlyMap<string, Rule>> {
  const whole = await loaded(load, made);
  const pieces = piecesOf(made);
  for (const piece of pieces) prove(pieces.length === 1 ? whole : await loaded(load, piece), piece);
  return whole;
}

async function loaded(load: LoadedRules, made: readonly RuleBlocks[]): Promise<ReadonlyMap<string, Rule>> {
  const file = { name: 'the exceptions', content: exceptionsYaml('', made) };
  const { ok, rules, diagnostics } = await load.with(file);
  if (!ok) throw rulesError(diagnostics, [...load.texts, { name: file.name, text: file.content }]);
  return new Map(rules.map((rule) => [rule.name, rule]));
}

function piecesOf(made: readonly RuleBlocks[]): readonly (readonly RuleBlocks[])[] {
  const parts = made.map(partsOf);
  const count = Math.max(...parts.map(({ length }) => length));
  return Array.from({ length: count }, (_, index) => parts.flatMap((each) => each[index] ?? []));
}

function partsOf(made: RuleBlocks): readonly RuleBlocks[] {
  const rows = made.blocks.flatMap((block) => [...block.rows].map(([key, row]) => ({ block, key, row })));
  return Array.from({ length: Math.ceil(rows.length / MOST) }, (_, index) => {
    const groups = Map.groupBy(rows.slice(index * MOST, (index + 1) * MOST), ({ block }) => block);
    const blocks = [...groups].map(([block, group]) => {
      return { ...block, rows: new Map<string, Row>(group.map(({ key, row }) => [key, row])) };
    });
    return { ...made, blocks };
  });
}

function prove(rules: ReadonlyMap<string, Rule>, made: readonly RuleBlocks[]): void {
  for (const { rule, blocks } of made) {
    const after = new Judged(rules.get(rule) as Rule);
    const events = blocks.flatMap(({ rows }) => [...rows.values()].flatMap((row) => row.events));
    const missed = events.filter((event) => after.of(event).mayMatch(event.record)).map(({ line }) => line);
    if (missed.length === 0) continue;
    const message = `The exceptions of "${rule}" do not hide ${linesText(missed)}; nothing was written`;
    throw new UserError(message, { exit: exitCode.software });
  }
}
