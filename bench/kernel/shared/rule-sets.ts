/** The rules that are measured: Falco's where the reference data lies beside the repository, else ours. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../../..');
const official = join(root, '../shared/data/rules');
const files = ['falco_rules.yaml', 'falco-incubating_rules.yaml', 'falco-sandbox_rules.yaml'].map((name) =>
  join(official, name),
);

/** From the fewest to the most, each with its files. */
export const ruleSets: readonly (readonly [name: string, files: readonly string[]])[] = existsSync(official)
  ? [
      ["Falco's stable rules", files.slice(0, 1)],
      ["all of Falco's rules", files],
    ]
  : [['our rules for hosts', [join(root, 'rules/host.yaml')]]];
