/**
 * Holds rules/aws.yaml against labelled CloudTrail records: `../shared/data/cloud/cloudtrail`, whose PROVENANCE.md says what
 * they are.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { catalogues } from '../../src/events/catalogue.ts';
import { decodeDocument } from '../../src/events/cloud/decode.ts';
import { cloudForm } from '../../src/events/cloud/event.ts';
import { bindRules, loadRules, type Rule } from '../../src/rules/index.ts';

const data = fileURLToPath(new URL('../../../shared/data/cloud/cloudtrail/', import.meta.url));

/** Whether the records lie beside the repository. */
export const hasLabels = existsSync(data);

type CloudTrailRecord = Readonly<Record<string, unknown>>;

/** Alerts of one rule. */
export interface Count {
  /** On records of attacks. */
  attacks: number;
  /** On records that a label calls harmless. */
  harmless: number;
  /** On records that no label and no attack explains. */
  unexplained: number;
}

export interface Findings {
  readonly counts: ReadonlyMap<string, Count>;
  readonly techniques: readonly string[];
  /** Techniques that no alert names in its tags. */
  readonly missed: readonly string[];
  /** How many records nothing explains. */
  readonly quiet: number;
  /** The alerts on them, and on records that are called harmless, in words. */
  readonly noise: readonly string[];
  readonly harmless: readonly string[];
}

/** Judges all records by all rules. */
export function judgeLabels(): Findings {
  const path = fileURLToPath(new URL('../../rules/aws.yaml', import.meta.url));
  const loaded = loadRules([{ name: 'rules/aws.yaml', content: readFileSync(path, 'utf8') }], { catalogues });
  const enabled = loaded.rules.filter((rule) => rule.enabled);
  const rules = bindRules(enabled, cloudForm('aws_cloudtrail'), { matching: 'all' });
  const counts = new Map(
    enabled.map(({ name }): [string, Count] => [name, { attacks: 0, harmless: 0, unexplained: 0 }]),
  );
  const count = (rule: Rule) => counts.get(rule.name) as Count;

  function judge(record: CloudTrailRecord): readonly Rule[] {
    const decoded = decodeDocument('aws_cloudtrail', record, 0n);
    if (!('event' in decoded)) return [];
    const hits: Rule[] = [];
    const failed = (_: Rule, error: unknown) => {
      throw error;
    };
    rules.judge(decoded.event, (rule) => hits.push(rule), failed);
    return hits;
  }

  const missed: string[] = [];
  const techniques = files('stratus').map((name) => name.replace('.json', ''));
  for (const technique of techniques) {
    const hits = (read(`stratus/${technique}.json`) as CloudTrailRecord[]).flatMap(judge);
    for (const rule of hits) count(rule).attacks++;
    if (!hits.some((rule) => rule.tags.includes(technique))) missed.push(technique);
  }

  let quiet = 0;
  const noise: string[] = [];
  for (const path of ['invictus', 'otrf'].flatMap((folder) => files(folder).map((file) => `${folder}/${file}`))) {
    for (const record of (read(path) as { Records: CloudTrailRecord[] }).Records) {
      const attack = path.startsWith('invictus') && isPlayed(record);
      if (!attack) quiet++;
      for (const rule of judge(record)) {
        count(rule)[attack ? 'attacks' : 'unexplained']++;
        if (!attack) noise.push(`${rule.name}: ${record.eventName} ${record.eventID}`);
      }
    }
  }

  const harmless: string[] = [];
  for (const line of readFileSync(`${data}panther/labelled.jsonl`, 'utf8').trim().split('\n')) {
    const { rule: label, test, expected, event } = JSON.parse(line);
    for (const rule of judge(event)) {
      count(rule)[expected ? 'attacks' : 'harmless']++;
      if (!expected) harmless.push(`${rule.name}: "${test}" of ${label}`);
    }
  }
  return { counts, techniques, missed, quiet, noise, harmless };
}

/** Whether the tool that plays attacks is named in the record, as who calls or in what is called for. */
function isPlayed(record: CloudTrailRecord): boolean {
  return JSON.stringify(record).includes('stratus-red-team');
}

const read = (path: string): unknown => JSON.parse(readFileSync(data + path, 'utf8'));
const files = (folder: string) => readdirSync(data + folder).filter((name) => name.endsWith('.json'));
