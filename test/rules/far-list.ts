/** Rules with a list that comes from a file. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { catalogues } from '../../src/events/catalogue.ts';
import { bindRules, type LoadResult, loadRules } from '../../src/rules/index.ts';
import { scratch } from '../scratch.ts';
import { catalogue, eventOf, form, namesFound, rule, type Values } from './support.ts';

/** Where the rules are, and the file of the list. */
export const folder = scratch();

/** Rules over the fields of support.ts, with a list `far` that holds what `content` says. */
export function load(condition: string, content: string | Uint8Array, { from = '', more = '' } = {}): LoadResult {
  writeFileSync(join(folder, 'far.txt'), content);
  const list = `- list: far\n  items_from: { file: far.txt${from} }\n`;
  return loadText(`${list}${more}${rule({ source: 'test', condition })}`);
}

/** Rules over the fields of support.ts. */
export function loadText(content: string): LoadResult {
  const path = join(folder, 'rules.yaml');
  return loadRules([{ name: 'rules.yaml', content, path }], {
    catalogues: new Map([...catalogues, ['test', catalogue]]),
  });
}

/** Whether a rule matches an event that has these values. */
export function verdict({ rules }: LoadResult, values: Values, engine?: 'closures' | 'generated'): boolean {
  const ruleset = bindRules(rules, form, { matching: 'all', ...(engine === undefined ? {} : { engine }) });
  return namesFound(ruleset, eventOf(values)).length > 0;
}
