/** Falco's own rules files, where they lie beside the repository. */

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { catalogues } from '../../src/events/catalogue.ts';
import { loadRules } from '../../src/rules/index.ts';
import { parseCondition } from '../../src/rules/parser.ts';
import { printExpr } from '../../src/rules/print.ts';

const folder = fileURLToPath(new URL('../../../shared/data/rules/', import.meta.url));
const names = ['falco_rules.yaml', 'falco-incubating_rules.yaml', 'falco-sandbox_rules.yaml'];
const there = names.every((name) => existsSync(folder + name));
if (!there) process.stderr.write("SKIPPED: tests over Falco's rules, which are not there\n");

describe.runIf(there)("Falco's rules", () => {
  const result = there
    ? loadRules(
        names.map((name) => ({ name, content: readFileSync(folder + name, 'utf8') })),
        { catalogues },
      )
    : loadRules([], { catalogues });

  test('load whole and unchanged', () => {
    expect(result.diagnostics).toEqual([]);
    expect(result.files.every(({ schema }) => schema.valid === true)).toBe(true);
    expect(result.rules).toHaveLength(93);
    expect(result.rules.filter(({ enabled }) => enabled)).toHaveLength(81);
  });

  test('have event types, all of them', () => {
    expect(result.rules.filter(({ condition }) => condition.eventTypes === 'all').map(({ name }) => name)).toEqual([]);
  });

  test('print as conditions that parse to the same', () => {
    for (const { condition } of result.rules) {
      const printed = printExpr(condition.ast);
      expect(printExpr(parseCondition(printed, { maxDepth: 1000 }))).toBe(printed);
    }
  });
});
