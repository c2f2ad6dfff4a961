/** rules/aws.yaml on labelled CloudTrail records. */

import { readdirSync, readFileSync } from 'node:fs';
import { Judge, labelled } from './labels.ts';

export interface Findings {
  readonly judge: Judge;
  readonly techniques: readonly string[];
  /** Techniques that no alert names in its tags. */
  readonly missed: readonly string[];
  /** How many records nothing explains. */
  readonly quiet: number;
  /** The alerts on them, in words. */
  readonly noise: readonly string[];
}

type CloudTrailRecord = Readonly<Record<string, unknown>>;

/** Judges all records by all rules. */
export function judgeCloudTrail(): Findings {
  const judge = new Judge('aws.yaml', 'aws_cloudtrail');
  const missed: string[] = [];
  const techniques = files('stratus').map((name) => name.replace('.json', ''));
  for (const technique of techniques) {
    const records = read(`stratus/${technique}.json`) as CloudTrailRecord[];
    const hits = records.flatMap((record) => judge.judge(record, 'attacks'));
    if (!hits.some((rule) => rule.tags.includes(technique))) missed.push(technique);
  }
  let quiet = 0;
  const noise: string[] = [];
  for (const path of ['invictus', 'otrf'].flatMap((folder) => files(folder).map((file) => `${folder}/${file}`))) {
    for (const record of (read(path) as { Records: CloudTrailRecord[] }).Records) {
      const attack = path.startsWith('invictus') && isPlayed(record);
      if (!attack) quiet++;
      for (const rule of judge.judge(record, attack ? 'attacks' : 'unexplained'))
        if (!attack) noise.push(`${rule.name}: ${record.eventName} ${record.eventID}`);
    }
  }
  judge.judgeLines('cloudtrail/panther/labelled.jsonl');
  return { judge, techniques, missed, quiet, noise };
}

/** Whether the tool that plays attacks is named in the record, as who calls or in what is called for. */
function isPlayed(record: CloudTrailRecord): boolean {
  return JSON.stringify(record).includes('stratus-red-team');
}

const folder = labelled('cloudtrail/');
const read = (path: string): unknown => JSON.parse(readFileSync(folder + path, 'utf8'));
const files = (path: string) => readdirSync(folder + path).filter((name) => name.endsWith('.json'));
