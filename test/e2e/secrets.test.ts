/** Secrets of events are in no log and in nothing that is shown of dead letters, as they are in nothing that sinks write. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scratch } from '../scratch.ts';
import { Program, pipeline } from './program.ts';

const PICKY = `import { defineOperator, where } from 'falco-pipe';
import { z } from 'zod';
export default defineOperator({
  type: 'picky', summary: 'Throws.', config: z.strictObject({}), examples: [], reads: ['proc.cmdline'],
  create: () => where((event) => { throw new Error('cannot have ' + event.get('proc.cmdline')); }),
});
`;

const SECRET = /hunter2|two words|s3cr3t/;

test('an operator that throws, an event that is none, its dead letter', async () => {
  const folder = scratch();
  const record = (line: string) =>
    `${JSON.stringify({ source: 'syscall', time: 1, type: 'execve', fields: { 'proc.cmdline': line } })}\n`;
  const events = record('mysql --password=hunter2 db') + record('sh -c "tool --token \\"two words\\""');
  writeFileSync(join(folder, 'events.jsonl'), events);
  writeFileSync(join(folder, 'picky.ts'), PICKY);
  const thrown = pipeline(
    folder,
    `components: [./picky.ts]
sources: { past: { type: replay, files: events.jsonl, emits: [syscall] }, self: { type: internal } }
operators: { op: { type: picky, from: past } }
sinks: { out: { type: stdout, from: [op, self], format: json } }`,
  );
  const run = await Program.run(['run', thrown]);
  expect(run.stderr).toContain('cannot have mysql --password=[redacted] db');
  expect(run.stderr).toContain('proc.cmdline');
  expect(run.stdout).toContain('cannot have mysql --password=[redacted] db');
  expect(run.stderr + run.stdout).not.toMatch(SECRET);

  writeFileSync(join(folder, 'audit.log'), '{"kind":"Event","note":"psql","password":"s3cr3t"}\n');
  const rejected = pipeline(
    folder,
    `state: state
sources: { api: { type: k8s_audit, mode: file, file: audit.log, start: beginning } }
sinks: { out: { type: stdout, from: api, format: json } }`,
    'rejected.yaml',
  );
  const follower = Program.start(['run', rejected]);
  await follower.until(({ stderr }) => stderr.includes('bad_event'));
  const dlq = (...args: string[]) => Program.run(['dlq', ...args, '--pipeline', rejected]);
  const letters = await dlq('list', '-o', 'json');
  const id = String(letters.json[0]?.id);
  const shown = await dlq('show', id);
  expect(JSON.parse(shown.stdout).fields['internal.event']).toContain('"password":"[redacted]"');
  const whole = await dlq('show', id, '--no-redact');
  expect(JSON.parse(whole.stdout).fields['internal.event']).toContain('"password":"s3cr3t"');
  expect(await follower.stop()).toBe(0);
  expect(follower.stderr).toContain('psql');
  expect(follower.stderr + letters.stdout + shown.stdout).not.toMatch(SECRET);
});
