/** The reference of the rules that are shipped, out of their files. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { catalogues } from '../../src/events/catalogue.ts';
import { loadRules, type Rule } from '../../src/rules/index.ts';
import { code, page, table } from './markdown.ts';

const folder = join(import.meta.dirname, '../../rules');

const INTRODUCTION = `The rules in \`rules/\`, with what is known to raise them for nothing. \`rules/README.md\` says how they judge and
how to fit them to your systems; \`falco-pipe rules explain NAME\` shows one in full.`;

/** The page of all rules that are shipped, file by file. */
export function rulesPage(): string {
  const files = readdirSync(folder).filter((name) => name.endsWith('.yaml') && !name.endsWith('.test.yaml'));
  return page('Rules', INTRODUCTION, files.sort().map(section));
}

function section(file: string): string {
  const { ok, rules, diagnostics } = loadRules([{ name: file, content: readFileSync(join(folder, file), 'utf8') }], {
    catalogues,
  });
  if (!ok) throw new Error(`${file}: ${diagnostics[0]?.message}`);
  return `## ${file}\n\n${table(['Rule', 'Priority', 'What it finds', 'Techniques'], rules.map(row))}`;
}

function row({ name, priority, desc, tags }: Rule): readonly string[] {
  const techniques = tags.filter((tag) => /^T\d{4}(?:\.\d{3})?$/.test(tag));
  return [code(name), priority, desc.trim().replaceAll(/\s+/g, ' '), techniques.join(', ')];
}
