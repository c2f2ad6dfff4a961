/** What a pipeline needs of the machine it runs on: asked for by `run`, of what it opens; of no use to `validate` and `test`. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { makeAlert } from '../../src/events/alert.ts';
import { recordJson } from '../../src/events/record-json.ts';
import { scratch } from '../scratch.ts';
import { makeCertificates, Receiver } from '../sinks/servers.ts';
import { launcher, Program, pipeline } from './program.ts';

const folder = scratch();
const alert = makeAlert(0n, {
  ...{ rule: 'r', priority: 'Notice', tags: [], hostname: 'node1', source: 'syscall', output: 'o', outputFields: {} },
});
writeFileSync(join(folder, 'events.jsonl'), `${recordJson(alert)}\n`);

const PIPELINE = `sources:
  past: { type: replay, files: events.jsonl, emits: [alert] }
  vcd: { type: vcloud, url: 'https://vcd.example', api_token: { env: TEST_NEEDS_NONE }, tls: { ca: /nowhere/vcd.pem } }
operators:
  calm: { type: throttle, from: past }
sinks:
  out: { type: stdout, from: calm, format: json }
  far: { type: http, from: vcd, url: 'https://siem.example', tls: { ca: /nowhere/siem.pem } }
`;
const WRONG = [
  /production\.yaml:3:\d+: (\w+): Cannot read \/nowhere\/vcd\.pem: ENOENT/,
  /production\.yaml:8:\d+: (\w+): Cannot read \/nowhere\/siem\.pem: ENOENT/,
];
const file = pipeline(folder, PIPELINE, 'production.yaml');

it('`validate` warns of files of TLS that are not here, each at its place, and is content', async () => {
  const { code, stdout, stderr } = await Program.run(['validate', file]);
  expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining(': ok, 2 warnings (') });
  expect(WRONG.map((each) => each.exec(stderr)?.[1])).toEqual(['warning', 'warning']);
  const asJson = await Program.run(['validate', file, '-o', 'json']);
  expect(asJson.json).toMatchObject([{ ok: true, diagnostics: [{ code: 'CONFIG_FILE' }, { code: 'CONFIG_FILE' }] }]);
  const part = await Program.run(['validate', file, '--set', 'only=[past]']);
  expect(part).toMatchObject({ code: 0, stderr: '' });
});

it('`run` tells all that is missing, before anything is opened; where `only` leaves it closed it runs', async () => {
  const { code, stdout, stderr } = await Program.run(['run', file, '--no-watch']);
  expect({ code, stdout }).toEqual({ code: 78, stdout: '' });
  expect(WRONG.map((each) => each.exec(stderr)?.[1])).toEqual(['error', 'error']);
  expect(stderr).toContain('TEST_NEEDS_NONE');
  const part = await Program.run(['run', file, '--no-watch', '--set', 'only=[past]']);
  expect(part).toMatchObject({ code: 0, json: [{ rule: 'r' }] });
});

it('`test` needs none of it', async () => {
  const tests = `pipeline: production.yaml
tests:
  - name: calm
    events: [{ into: past, type: r, fields: { rule: r } }]
    expect: { out: { rule: r, count: 1 } }
`;
  const { code, stdout } = await Program.run(['test', pipeline(folder, tests, 'production.test.yaml')]);
  expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(/1 passed|passed.*1/i) });
});

it('a secret may come by a pipe: it is there for every request', async () => {
  const receiver = await Receiver.start();
  try {
    const path = pipeline(
      folder,
      `sources: { past: { type: replay, files: [events.jsonl, events.jsonl], emits: [alert] } }
sinks: { hook: { type: http, from: past, url: '${receiver.url}', bearer_token: { file: /dev/fd/9 } } }
`,
      'piped.yaml',
    );
    const script = 'echo sesame | "$@" 9<&0 </dev/null';
    const args = ['-c', script, 'sh', launcher, 'run', path, '--no-watch'];
    const child = spawn('sh', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr?.on('data', (data) => {
      stderr += data;
    });
    await once(child, 'close');
    expect({ code: child.exitCode, stderr }).toMatchObject({ code: 0 });
    const tokens = receiver.got.map(({ headers }) => headers.authorization);
    expect(tokens).toEqual(['Bearer sesame', 'Bearer sesame']);
  } finally {
    await receiver.stop();
  }
});

it('so may a file of TLS: it is there for every component and every connection', async () => {
  const made = makeCertificates();
  const receiver = await Receiver.start({ cert: readFileSync(made.cert), key: readFileSync(made.key) });
  try {
    const sink = (id: string, files: string) =>
      `${id}: { type: http, from: ${files}, url: '${receiver.url}', tls: { ca: /dev/fd/9 } }`;
    const text = `sources: { past: { type: replay, files: events.jsonl, emits: [alert] } }
sinks: { ${sink('one', 'past')}, ${sink('two', 'past')} }
`;
    const path = pipeline(folder, text, 'piped-tls.yaml');
    const args = ['-c', 'cat "$0" | "$@" 9<&0 </dev/null', made.ca, launcher, 'run', path, '--no-watch'];
    const child = spawn('sh', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr?.on('data', (data) => {
      stderr += data;
    });
    await once(child, 'close');
    expect({ code: child.exitCode, stderr }).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('delivered 1,'),
    });
    expect(receiver.got).toHaveLength(2);
  } finally {
    await receiver.stop();
    rmSync(made.folder, { recursive: true });
  }
});

it('who only looks at a pipeline reads no pipe: nobody waits for who writes it', async () => {
  const fifo = join(folder, 'ca.fifo');
  await once(spawn('mkfifo', [fifo]), 'close');
  const text = `sources: { past: { type: replay, files: events.jsonl, emits: [alert] } }
sinks: { hook: { type: http, from: past, url: 'https://x', tls: { ca: ca.fifo } } }
`;
  const { code, stderr } = await Program.run(['validate', pipeline(folder, text, 'fifo.yaml')]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});
