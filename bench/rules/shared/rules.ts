/** The rules that are measured: Falco's where the reference data lies beside the repository, else ours. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { catalogues } from '../../../src/events/catalogue.ts';
import { loadRules, type Rule, type RulesFile } from '../../../src/rules/index.ts';

const root = join(import.meta.dirname, '../../..');
const shared = join(root, '../shared/data/rules');

export interface RuleFiles {
  readonly name: string;
  readonly files: readonly RulesFile[];
}

const read = (folder: string, ...names: string[]) =>
  names.map((name) => ({ name, content: readFileSync(join(folder, name), 'utf8') }));

export function ruleFiles(): readonly RuleFiles[] {
  if (!existsSync(shared)) return [{ name: 'rules/host.yaml', files: read(join(root, 'rules'), 'host.yaml') }];
  return [
    { name: "Falco's 25 stable rules", files: read(shared, 'falco_rules.yaml') },
    {
      name: "all 81 of Falco's rules",
      files: read(shared, 'falco_rules.yaml', 'falco-incubating_rules.yaml', 'falco-sandbox_rules.yaml'),
    },
  ];
}

/** The rules of files that are known to be right. */
export function rulesOf(files: readonly RulesFile[]): readonly Rule[] {
  const { ok, rules, diagnostics } = loadRules(files, { catalogues });
  if (!ok) throw new Error(`the rules do not load: ${diagnostics[0]?.message}`);
  return rules;
}
