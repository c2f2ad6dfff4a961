/** Pipelines over recorded events, and what came of them. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratch } from '../scratch.ts';
import { type Program, pipeline } from './program.ts';

export const RULES = `
- rule: Opened
  desc: A file was opened.
  condition: evt.type = openat and fd.name startswith /etc/
  output: opened %fd.name by %proc.name
  priority: NOTICE
  tags: [b, a]
`;

/** Records of so many files that were opened, a line each. */
export function records(count: number, name = (index: number) => `/etc/f${index}`): string {
  const record = (index: number) => ({
    source: 'syscall',
    time: 1_700_000_000_000_000_000 + index * 1000,
    type: 'openat',
    fields: { 'fd.name': name(index), 'proc.name': 'cat' },
  });
  return Array.from({ length: count }, (_, index) => `${JSON.stringify(record(index))}\n`).join('');
}

/** A folder with rules and events, and a pipeline over them. */
export function stage(
  sinks: string,
  options: { events?: string; operators?: string; top?: string; source?: string } = {},
): string {
  const folder = scratch();
  writeFileSync(join(folder, 'rules.yaml'), RULES);
  writeFileSync(join(folder, 'events.jsonl'), options.events ?? records(3));
  return pipeline(
    folder,
    `${options.top ?? ''}
sources: { past: { type: replay, files: events.jsonl ${options.source ?? ''} } }
operators:
  detect: { type: rules, from: past, files: rules.yaml }
${options.operators ?? ''}
sinks: { ${sinks} }
`,
  );
}

/** Of a pipeline file. */
export const folderOf = (path: string) => join(path, '..');
/** The books at the end of a run. */
export const summaryOf = ({ stderr }: Program) =>
  JSON.parse(
    stderr
      .trim()
      .split('\n')
      .findLast((line) => line.includes('"seen"')) ?? '{}',
  );
