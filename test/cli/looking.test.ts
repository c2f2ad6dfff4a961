/** Verbs that only look at pipelines and rules, while a list from the web cannot be had. */

import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scratch } from '../scratch.ts';
import { runIn } from './in-process.ts';

const folder = scratch();
let asked = 0;
const server = createServer((_, response) => {
  asked++;
  response.writeHead(503).end();
});
let url: string;

beforeAll(async () => {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/feed`;
  writeFileSync(join(folder, 'past.jsonl'), '');
  writeFileSync(
    join(folder, 'past.yaml'),
    `sources: { past: { type: replay, files: past.jsonl } }
operators: { detect: { type: rules, from: past, files: rules.yaml } }
sinks: { out: { type: stdout, from: detect } }
`,
  );
  writeFileSync(
    join(folder, 'rules.yaml'),
    `- list: far
  items_from: { url: "${url}?key=s3cr3t" }
- rule: A
  desc: d
  condition: evt.type = open and fd.name in (far)
  output: o
  priority: INFO
`,
  );
});
afterAll(() => void server.close());

test.each(['graph past.yaml', 'list rules past.yaml'])('%s has no use for its items', async (verb) => {
  asked = 0;
  expect(await runIn(folder, verb.split(' '))).toMatchObject({ code: 0, stderr: '' });
  expect(asked).toBe(0);
});

test.each([
  'rules list past.yaml',
  'rules list rules.yaml',
  'rules show A past.yaml',
  'rules explain A rules.yaml',
  'rules demand rules.yaml',
  'rules demand past.yaml',
])('%s does without its items, and says so', async (verb) => {
  const { code, stderr } = await runIn(folder, verb.split(' '));
  expect(code).toBe(0);
  expect(stderr).toBe(`a list is shown without its items: ${url}?…: the answer has the status 503\n`);
});
