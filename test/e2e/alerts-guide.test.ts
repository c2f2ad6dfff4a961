/** The pipeline of the guide docs/guides/alerts.md, run as it is against servers of the test. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scratch } from '../scratch.ts';
import { Receiver } from '../sinks/servers.ts';
import { Program, repository } from './program.ts';

test('alerts are enriched, correlated, deduplicated, redacted, and each goes one way', async () => {
  const folder = scratch();
  const archive = join(folder, 'alerts.jsonl');
  const pager = await Receiver.start();
  const talk = await Receiver.start();
  const sets = [
    `sinks.pager.url=${pager.url}`,
    `sinks.talk.url=${talk.url}/hooks/x`,
    `sinks.archive.path=${archive}`,
  ].flatMap((set) => ['--set', set]);
  const { code, stderr } = await Program.run(['run', join(repository, 'docs/guides/examples/alerts.yaml'), ...sets]);
  await pager.stop();
  await talk.stop();
  expect(code, stderr).toBe(0);
  expect(stderr).toMatch(/dropped 0/);

  const archived = readFileSync(archive, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { rule: string; priority: string; output_fields: Record<string, unknown> });
  const routes = new Set(archived.map(({ output_fields: fields }) => fields['route.name']));
  expect(routes).toEqual(new Set(['page', 'chat']));
  const busy = archived.filter(({ rule }) => rule === 'Many alerts of one program');
  expect(busy.length).toBeGreaterThan(0);
  // A rule and program pass once at once, and once more with their count.
  const firsts = archived.filter(({ output_fields: fields }) => !('dedupe.count' in fields));
  const keys = firsts.map(({ rule, output_fields: fields }) => `${rule} ${fields['proc.name']}`);
  expect(new Set(keys).size).toBe(keys.length);

  const paged = pager.bodies.flatMap((body) => JSON.parse(body) as { labels: Record<string, string> }[]);
  const urgent = archived.filter(({ priority }) => ['Emergency', 'Alert', 'Critical'].includes(priority));
  expect(paged.map(({ labels }) => labels.alertname).sort()).toEqual(urgent.map(({ rule }) => rule).sort());
  expect(talk.got.length).toBeGreaterThan(0);
  expect(new Set(talk.got.map(({ path }) => path))).toEqual(new Set(['/hooks/x']));
});
