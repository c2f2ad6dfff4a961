/** CloudTrail by the built program: killed at any moment it loses nothing; refused, it alone is down; AWS is loaded on demand. */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Front } from '../aws/front.ts';
import { hasMoto, keyOf, logFile, Moto, REGION, recordOf, setCredentials } from '../aws/moto.ts';
import { freePort } from '../nats/server.ts';
import { scratch } from '../scratch.ts';
import { Program, packagesIn, pipeline, repository } from './program.ts';

const KILLS = process.env.FALCO_PIPE_LONG ? 50 : 3;
/** More than are read to their end before the last kill. */
const FILES = 4 * KILLS;
const RECORDS = 200;
const LIMIT = 60_000 + KILLS * 15_000;

describe.skipIf(!hasMoto)('a queue', () => {
  let moto: Moto;
  beforeAll(async () => {
    setCredentials();
    moto = await Moto.start();
    await moto.bucket('logs');
  });
  afterAll(() => moto?.stop());

  const yaml = (queue: string) => `state: state
sources:
  aws: { type: cloudtrail, queue: ${queue}, region: ${REGION}, endpoint: "${moto.endpoint}", visibility: 3s }
sinks:
  out: { type: file, from: aws, path: out.jsonl, format: json, fields: [ct.id], batch: 20 }
`;

  it(
    'whose reader is killed over and over gives all that it had',
    async () => {
      const { url } = await moto.queue('killed');
      const expected: string[] = [];
      for (let file = 0; file < FILES; file++) {
        const ids = Array.from({ length: RECORDS }, (_, index) => `f${file}-${index}`);
        expected.push(...ids);
        const key = keyOf(`n${file}`);
        await moto.put('logs', key, logFile(ids.map((id) => recordOf(id))));
        await moto.send(url, { s3Bucket: 'logs', s3ObjectKey: [key] });
      }
      const folder = scratch();
      const path = pipeline(folder, yaml('killed'));
      const written = () => {
        const text = readdirSync(folder).includes('out.jsonl') ? readFileSync(join(folder, 'out.jsonl'), 'utf8') : '';
        return [...text.matchAll(/"ct\.id":"(f\d+-\d+)"/g)].map(([, id]) => id as string);
      };
      for (let kills = 0; kills < KILLS; kills++) {
        const before = written().length;
        const program = Program.start(['run', path, '--no-watch']);
        for (let tries = 0; tries < 800 && written().length < before + RECORDS && program.code === null; tries++) {
          await sleep(5);
        }
        program.child.kill('SIGKILL');
        await program.ended;
      }
      const last = Program.start(['run', path, '--no-watch']);
      await last.ready();
      const empty = async () => {
        const { waiting, hidden } = await moto.depth(url);
        return waiting === 0 && hidden === 0;
      };
      for (let tries = 0; tries < 600 && !(await empty()); tries++) await sleep(50);
      expect(await empty(), last.stderr).toBe(true);
      expect(await last.stop()).toBe(0);
      expect([...new Set(written())].sort()).toEqual(expected.sort());
    },
    LIMIT,
  );

  it('that is not there ends its source alone, and the run is not ready', async () => {
    const folder = scratch();
    const { url } = await moto.queue('other');
    const other = `  other: { type: cloudtrail, queue: other, region: ${REGION}, endpoint: "${moto.endpoint}" }`;
    const text = yaml('none').replace('sinks:', `${other}\nsinks:`).replace('from: aws', 'from: [aws, other]');
    const port = 10_000 + ((process.pid * 7) % 20_000);
    const program = Program.start(['run', pipeline(folder, text), '--no-watch', '--http', `127.0.0.1:${port}`]);
    await program.until(({ stderr }) => stderr.includes('the queue none cannot be had'));
    await program.ready();
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.text()).toContain('aws');
    // The other one goes on.
    await moto.put('logs', keyOf('other'), logFile([recordOf('f0-0')]));
    await moto.send(url, { s3Bucket: 'logs', s3ObjectKey: [keyOf('other')] });
    for (let tries = 0; tries < 400 && !readFileSync(join(folder, 'out.jsonl'), 'utf8').includes('f0-0'); tries++) {
      await sleep(50);
    }
    expect(readFileSync(join(folder, 'out.jsonl'), 'utf8')).toContain('f0-0');
    await program.stop();
  }, 60_000);
});

describe.skipIf(!hasMoto)('a bucket', () => {
  let moto: Moto;
  let front: Front;
  beforeAll(async () => {
    setCredentials();
    moto = await Moto.start();
    front = await Front.before(moto.endpoint);
    await moto.bucket('org');
  });
  afterAll(() => {
    front?.stop();
    moto?.stop();
  });

  it('of which one account is denied: the run is not ready, and says why; mended, a later run reads what was left', async () => {
    const hoursAgo = (hours: number) =>
      new Date(Date.now() - hours * 3_600_000).toISOString().replace(/[-:]/g, '').slice(0, 13).concat('Z');
    const theirs = keyOf('theirs', { time: hoursAgo(4), account: '222222222222' });
    await moto.put('org', theirs, logFile([recordOf('theirs')]));
    await moto.put('org', keyOf('ours', { time: hoursAgo(4) }), logFile([recordOf('ours')]));
    front.refuse('_theirs.json.gz', 'AccessDenied');
    const folder = scratch();
    const port = await freePort();
    const path = pipeline(
      folder,
      `state: state
http: { listen: '127.0.0.1:${port}' }
sources:
  aws: { type: cloudtrail, mode: s3, bucket: org, region: ${REGION}, endpoint: "${front.endpoint}", lookback: 6h, every: 1s }
sinks:
  out: { type: file, from: aws, path: out.jsonl, format: json, fields: [ct.id] }
`,
    );
    const get = (what: string) => fetch(`http://127.0.0.1:${port}${what}`);
    const metric = async (name: string) =>
      Number(new RegExp(`^${name}\\{.*\\} (\\S+)$`, 'm').exec(await (await get('/metrics')).text())?.[1]);
    const until = (test: () => Promise<void>) => vi.waitFor(test, { timeout: 30_000, interval: 100 });
    const written = () => [...readFileSync(join(folder, 'out.jsonl'), 'utf8').matchAll(/"ct\.id":"(\w+)"/g)];

    const program = Program.start(['run', path, '--no-watch']);
    await program.ready();
    await until(async () => {
      const ready = await get('/readyz');
      expect([ready.status, await ready.text()]).toEqual([
        503,
        expect.stringContaining(`s3://org/${theirs}: AccessDenied`),
      ]);
      expect(await metric('falco_pipe_unfetched_files')).toBe(1);
      // It is no longer among the names of what the next look asks for.
      expect(await metric('falco_pipe_behind_seconds')).toBeLessThan(600);
      expect(written().map(([, id]) => id)).toEqual(['ours']);
    });
    program.child.kill('SIGKILL');
    await program.ended;

    front.pass('_theirs.json.gz');
    const later = Program.start(['run', path, '--no-watch']);
    await later.ready();
    await until(async () => {
      expect(written().map(([, id]) => id)).toEqual(['ours', 'theirs']);
      expect((await get('/readyz')).status).toBe(200);
      expect(await metric('falco_pipe_unfetched_files')).toBe(0);
    });
    expect(await later.stop()).toBe(0);
  }, 90_000);
});

it('the pipeline of the guide raises its alert', async () => {
  const examples = join(repository, 'docs/guides/examples');
  const shown = readFileSync(join(examples, 'aws.yaml'), 'utf8');
  expect(readFileSync(join(repository, 'docs/guides/cloud.md'), 'utf8')).toContain(`\`\`\`yaml\n${shown}\`\`\``);
  const { code, stdout } = await Program.run(['run', join(examples, 'aws.yaml')]);
  expect(code).toBe(0);
  expect(stdout).toContain('Critical Trail stopped or deleted (call=StopLogging');
  expect(stdout.trim().split('\n')).toHaveLength(1);
}, 60_000);

it('clients of AWS are loaded by the source that needs them alone, and the worker only for files', async () => {
  const loaded = async (source: string) => {
    const folder = scratch();
    writeFileSync(join(folder, 'none.jsonl'), '');
    const path = pipeline(folder, `sources: { it: { ${source} } }\nsinks: { out: { type: stdout, from: it } }\n`);
    const coverage = scratch();
    const { code, stderr } = await Program.run(['run', path], { env: { NODE_V8_COVERAGE: coverage } });
    expect(code, stderr).toBe(0);
    const scripts = readdirSync(coverage).flatMap(
      (name) => JSON.parse(readFileSync(join(coverage, name), 'utf8')).result as { url: string }[],
    );
    const files = [...new Set(scripts.map(({ url }) => url))].filter((url) =>
      url.startsWith(`file://${repository}/dist/`),
    );
    expect(files.length).toBeGreaterThan(0);
    return {
      aws: files.some((url) => packagesIn(new URL(url)).some((name) => name.startsWith('@aws-sdk/'))),
      worker: files.some((url) => url.endsWith('cloud-worker.js')),
    };
  };
  expect(await loaded('type: replay, files: none.jsonl')).toEqual({ aws: false, worker: false });
  const chunks = join(repository, 'dist/chunks');
  const built = readdirSync(chunks).filter((name) => name.endsWith('.js'));
  expect(built.some((name) => packagesIn(join(chunks, name)).includes('@aws-sdk/client-sqs'))).toBe(true);
  const file = join(repository, 'docs/guides/examples/cloudtrail.json');
  expect(await loaded(`type: cloudtrail, mode: file, files: ${file}`)).toEqual({ aws: false, worker: true });
}, 60_000);
