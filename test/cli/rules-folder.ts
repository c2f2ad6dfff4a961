/** A folder of rules files, a pipeline and events, which tests of the verbs that look at rules share. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratch } from '../scratch.ts';
import { runIn } from './in-process.ts';

export const folder = scratch();
/** Writes a file there; returns its name. */
export function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return name;
}
/** Runs a verb there. */
export const run = (...args: string[]) => runIn(folder, args);

/** Rules that load. */
export const good = write(
  'good.yaml',
  `- list: shells
  items: [bash, sh]
- macro: shell
  condition: proc.name in (shells)
- rule: Shell with a terminal
  desc: A person has started a shell.
  condition: >
    evt.type in (execve, execveat)
    and shell and proc.tty != 0
  output: shell %proc.name %thread.cpu
  priority: NOTICE
  tags: [people]
  exceptions:
    - name: known
      fields: [user.name]
      values: [[alice]]
`,
);
/** Rules that do not. */
export const bad = write(
  'bad.yaml',
  `- macro: m
  condition: >
    proc.name = cat and
    proc.nmae = dog
- rule: R
  desc: d
  condition: evt.type = execve and m
  output: o
  priority: INFO
`,
);
write('doubtful.yaml', '- list: unused\n  items: [a]\n');
/** A pipeline of the good ones, none of them enabled. */
export const pipelineFile = write(
  'pipeline.yaml',
  `sources: { past: { type: replay, files: events.jsonl } }
operators: { detect: { type: rules, from: past, files: good.yaml, select: [{ disable: { tag: people } }] } }
sinks: { out: { type: stdout, from: detect } }
`,
);
const event = (fields: object, source = 'syscall', type = 'execve') =>
  JSON.stringify({ source, time: 1, type, fields: { 'proc.tty': 5, 'user.name': 'bob', ...fields } });
write('events.jsonl', `${event({ 'proc.name': 'bash' })}\n\n${event({ 'proc.name': 'cat' })}\n${event({}, 'aws')}\n`);
write('one.jsonl', event({ 'proc.name': 'sh', 'user.name': 'alice' }));
