/** What may pass by itself ends a program with 75, with which a service is started again; all else that is wrong does not. */

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcp } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scratch } from '../scratch.ts';
import { runIn } from './in-process.ts';

const folder = scratch();
let answer: (response: ServerResponse) => unknown = (response) => response.end();
const server = createServer((_, response) => answer(response));
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
});
afterAll(() => void server.close());

/** Rules with a list from an address. */
function rules(from: string, condition = 'fd.name in (far)'): void {
  const list = `- list: far\n  items_from: { ${from} }\n`;
  const rule = `- rule: A\n  desc: d\n  condition: evt.type=open and ${condition}\n  output: o\n  priority: INFO\n`;
  writeFileSync(join(folder, 'rules.yaml'), `${list}${rule}`);
}

const verbs = [
  ['run', 'past.yaml'],
  ['validate', 'past.yaml'],
  ['validate', '-o', 'json', 'past.yaml'],
  ['validate', 'rules.yaml'],
  ['validate', '-o', 'json', 'rules.yaml'],
];

/** With what each verb ends. */
async function ends(): Promise<number[]> {
  const codes = new Set<number>();
  for (const verb of verbs) codes.add(Number((await runIn(folder, verb)).code));
  return [...codes];
}

test.each<[string, typeof answer]>([
  ['nobody is there', (response) => response.destroy()],
  ['the server fails', (response) => response.writeHead(503).end()],
  ['it is asked too often', (response) => response.writeHead(429).end()],
  [
    'the answer is cut off',
    (response) => response.writeHead(200, { 'content-length': 9 }).write('/a\n', () => response.destroy()),
  ],
])('an address does not answer: %s', async (_, how) => {
  answer = how;
  rules(`url: "${url}"`);
  expect(await ends()).toEqual([75]);
  const { stderr } = await runIn(folder, ['run', 'past.yaml']);
  expect(stderr).toContain('It may answer later: the exit status is 75, with which systemd starts a run again.');
});

test('it answers, with something else, or something else is wrong as well', async () => {
  for (const how of [
    (response: ServerResponse) => void response.writeHead(404).end(),
    (response: ServerResponse) => void response.writeHead(200, { 'content-type': 'application/json' }).end('{}'),
  ]) {
    answer = how;
    rules(`url: "${url}"`);
    expect(await ends()).toEqual([78]);
  }
  answer = (response) => void response.writeHead(503).end();
  rules(`url: "${url}", headers: { a: { env: NO_SUCH_SECRET } }`);
  expect(await ends()).toEqual([78]);
  rules(`url: "${url}"`);
  const other = join(folder, 'other.yaml');
  writeFileSync(other, readFileSync(join(folder, 'past.yaml'), 'utf8').replace('stdout,', 'stdout, no_such_key: 1,'));
  expect((await runIn(folder, ['run', other])).code).toBe(78);
  // Whatever comes first.
  for (const paths of [
    ['past.yaml', other],
    [other, 'past.yaml'],
  ]) {
    expect((await runIn(folder, ['validate', ...paths])).code).toBe(78);
  }
});

test('a file that is missing, and what `optional` does for it', async () => {
  rules('file: none.txt');
  const { code, stderr } = await runIn(folder, ['validate', 'rules.yaml']);
  expect(code).toBe(78);
  expect(stderr).toContain('Say optional: true where it may be missing.');
  expect(stderr).not.toContain('75');
  // What is there, and no file, would be missed for ever.
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  rules('file: pipe');
  const piped = await runIn(folder, ['validate', 'rules.yaml']);
  expect(piped.stderr).toContain('it is a pipe, no regular file');
  expect(piped.stderr).not.toContain('optional');
});

test('an optional address that gives no list starts as one that gives nothing', async () => {
  answer = (response) => void response.end('{"message":"later"}');
  rules(`url: "${url}", optional: true`);
  const { code, stderr } = await runIn(folder, ['validate', 'rules.yaml']);
  expect(code).toBe(0);
  expect(stderr).toContain(`Cannot read ${url}: line 1: it looks like JSON; the list far was never read`);
});

test('the address of health and metrics is taken', async () => {
  const taken = createTcp();
  await new Promise<void>((done) => taken.listen(0, '127.0.0.1', done));
  const { port } = taken.address() as AddressInfo;
  const quiet = join(folder, 'quiet.yaml');
  writeFileSync(
    quiet,
    'sources: { past: { type: replay, files: past.jsonl } }\nsinks: { out: { type: stdout, from: past } }\n',
  );
  expect((await runIn(folder, ['run', quiet, '--http', `127.0.0.1:${port}`])).code).toBe(75);
  await new Promise((done) => taken.close(done));
  expect((await runIn(folder, ['run', quiet, '--http', `127.0.0.1:${port}`])).code).toBe(0);
});
