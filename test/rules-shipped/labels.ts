/** Holds rules that are shipped against labelled records: `../shared/data/cloud`, whose PROVENANCE.md says what they are. */

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { catalogues } from '../../src/events/catalogue.ts';
import { type CloudSourceName, decodeDocument } from '../../src/events/cloud/decode.ts';
import { cloudForm } from '../../src/events/cloud/event.ts';
import { bindRules, loadRules, type Rule } from '../../src/rules/index.ts';

const root = fileURLToPath(new URL('../../../shared/data/cloud/', import.meta.url));

/** Whether the records lie beside the repository; says so where they do not. */
export const hasLabels = existsSync(root);
if (!hasLabels) process.stderr.write('SKIPPED: tests over ../shared/data/cloud, which is not there\n');

/** The path of a file or folder of records. */
export const labelled = (path: string): string => root + path;

/** Alerts of one rule. */
export interface Count {
  /** On records of attacks. */
  attacks: number;
  /** On records that a label calls harmless. */
  harmless: number;
  /** On records that no label and no attack explains. */
  unexplained: number;
}

/** The rules of one file, and what they have raised. */
export class Judge {
  readonly counts: ReadonlyMap<string, Count>;
  /** Alerts on records that are called harmless, in words. */
  readonly harmless: string[] = [];
  readonly #judge: (document: unknown) => readonly Rule[];

  constructor(file: string, source: CloudSourceName) {
    const path = fileURLToPath(new URL(`../../rules/${file}`, import.meta.url));
    const loaded = loadRules([{ name: file, content: readFileSync(path, 'utf8') }], { catalogues });
    const enabled = loaded.rules.filter((rule) => rule.enabled);
    const ruleset = bindRules(enabled, cloudForm(source), { matching: 'all' });
    this.counts = new Map(enabled.map(({ name }) => [name, { attacks: 0, harmless: 0, unexplained: 0 }]));
    this.#judge = (document) => {
      const decoded = decodeDocument(source, document, 0n);
      if (!('event' in decoded)) return [];
      const hits: Rule[] = [];
      const failed = (_: Rule, error: unknown) => {
        throw error;
      };
      ruleset.judge(decoded.event, (rule) => hits.push(rule), failed);
      return hits;
    };
  }

  /** The rules that a record raises, each counted. */
  judge(document: unknown, as: keyof Count): readonly Rule[] {
    const hits = this.#judge(document);
    for (const { name } of hits) (this.counts.get(name) as Count)[as]++;
    return hits;
  }

  /** Judges a record with a label; `what` names it. */
  judgeLabelled(document: unknown, expected: boolean, what: string): void {
    for (const rule of this.judge(document, expected ? 'attacks' : 'harmless'))
      if (!expected) this.harmless.push(`${rule.name}: ${what}`);
  }

  /** Judges the records of a file of lines `{rule, test, expected, event}`. */
  judgeLines(path: string): void {
    for (const line of readFileSync(labelled(path), 'utf8').trim().split('\n')) {
      const { rule, test, expected, event } = JSON.parse(line);
      this.judgeLabelled(event, expected, `"${test}" of ${rule}`);
    }
  }

  /** All alerts on records of attacks. */
  get attacks(): number {
    return [...this.counts.values()].reduce((sum, each) => sum + each.attacks, 0);
  }
}
