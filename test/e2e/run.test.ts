/** The verb `run` through the built program: from recorded events to sinks, signals, state. */

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { scratch } from '../scratch.ts';
import { launcher, Program, pipeline, repository } from './program.ts';
import { folderOf, records, stage, summaryOf } from './recorded.ts';

describe('replay to alerts', () => {
  test('text as Falco prints it, data on the standard output, logs on the standard error, books at the end', async () => {
    const program = await Program.run(['run', stage('out: { type: stdout, from: detect, iso8601: true }')]);
    expect(program.code).toBe(0);
    expect(program.stdout.split('\n')[0]).toBe('2023-11-14T22:13:20.000000000+0000: Notice opened /etc/f0 by cat');
    expect(program.stdout.trim().split('\n')).toHaveLength(3);
    expect(program.stderr).toMatch(/ready: 0 programs, 1 rule, pipeline sha256:[0-9a-f]{64}/);
    expect(program.stderr).toContain('seen 3, delivered 3, filtered 0, dropped 0');
    expect(summaryOf(program)).toMatchObject({ seen: 3, delivered: 3, filtered: 0, dropped: 0, in_flight: 0 });
  });

  test("-o json: Falco's JSON, times exact", async () => {
    const program = await Program.run(['run', stage('out: { type: stdout, from: detect }'), '-o', 'json']);
    expect(program.stdout.split('\n')[1]).toContain('"evt.time":1700000000000001000,');
    expect(program.json[0]).toMatchObject({
      rule: 'Opened',
      priority: 'Notice',
      source: 'syscall',
      tags: ['a', 'b'],
      hostname: 'node1',
      time: '2023-11-14T22:13:20.000000000Z',
      output_fields: { 'fd.name': '/etc/f0', 'proc.name': 'cat' },
    });
  });

  test('--set changes a value; gzip, and the order of events is kept', async () => {
    const path = stage('out: { type: stdout, from: detect }');
    writeFileSync(join(folderOf(path), 'many.jsonl.gz'), gzipSync(records(2000)));
    const sets = ['--set', 'sources.past.files=many.jsonl.gz', '--set', 'sinks.out.format=json'];
    const { json } = await Program.run(['run', path, ...sets]);
    expect(json.map(({ output_fields: fields }) => (fields as Record<string, string>)['fd.name'])).toEqual(
      Array.from({ length: 2000 }, (_, index) => `/etc/f${index}`),
    );
  });

  test('a file that is the standard output is taken in a run, and in no check that is written to it', () => {
    const path = stage('out: { type: stdout, from: detect }, log: { type: file, from: detect, path: out.jsonl }');
    const into = (verb: string) =>
      spawnSync('sh', ['-c', `"${launcher}" ${verb} "${path}" >> "${join(folderOf(path), 'out.jsonl')}"`], {
        encoding: 'utf8',
        timeout: 60_000,
      });
    expect(into('validate')).toMatchObject({ status: 0, stderr: '' });
    const run = into('run');
    expect([run.status, run.stderr]).toEqual([78, expect.stringMatching(/log writes .*out.jsonl, which is taken/)]);
  });

  test('filter, throttle and map in a row, and two sinks', async () => {
    const path = stage(
      'out: { type: stdout, from: named, format: json }, log: { type: file, from: detect, path: log.jsonl }',
      {
        events: records(10),
        operators: `  some: { type: filter, from: detect, condition: priority = Notice and not fd.name = /etc/f0 }
  calm: { type: throttle, from: some, limit: 2, per: 1h, key: rule }
  named: { type: map, from: calm, set: { cluster: prod, who: '%proc.name on %fd.name' } }`,
      },
    );
    const program = await Program.run(['run', path]);
    expect(program.json.map(({ output_fields: fields }) => fields)).toMatchObject([
      { cluster: 'prod', who: 'cat on /etc/f1' },
      { cluster: 'prod', who: 'cat on /etc/f2' },
    ]);
    expect(
      readFileSync(join(folderOf(path), 'log.jsonl'), 'utf8')
        .trim()
        .split('\n'),
    ).toHaveLength(10);
    expect(summaryOf(program)).toMatchObject({ seen: 10, delivered: 10, dropped: 0 });
  });
});

describe('an end in order', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('%s drains and ends with 0', async (signal) => {
    const program = Program.start([
      'run',
      stage('out: { type: stdout, from: detect }', { events: records(1000), source: ', rate: 100' }),
    ]);
    await program.until(({ stdout }) => stdout.includes('/etc/f5'));
    expect(await program.stop(signal)).toBe(0);
    const { seen, delivered, in_flight } = summaryOf(program);
    expect(delivered).toBe(seen);
    expect(in_flight).toBe(0);
    expect(program.stdout.trim().split('\n')).toHaveLength(delivered);
  });

  test('a second signal ends it at once, whatever it waits for', async () => {
    const path = stage("out: { type: http, from: detect, url: 'http://127.0.0.1:9' }", { events: records(100) });
    const program = Program.start(['run', path, '--stop-timeout', '1h', '--no-watch']);
    await program.until(({ stderr }) => stderr.includes('writing failed'));
    program.child.kill('SIGUSR2');
    await program.until(({ stderr }) => stderr.includes('SIGUSR2 means nothing to falco-pipe'));
    // As timeout(1) does, once to the process and once to its group.
    for (let times = 0; times < 2; times++) {
      program.child.kill('SIGTERM');
      await new Promise((done) => setTimeout(done, 10));
    }
    // It drains, and would for an hour: the log has no books yet.
    await program.until(({ stderr }) =>
      stderr.includes('stopping: waiting to deliver 100 events to out; at most 3600 s more'),
    );
    expect(program.stderr).not.toContain('"seen"');
    expect(await program.stop('SIGTERM')).toBe(1);
    const last = JSON.parse(program.stderr.trim().split('\n').at(-1) ?? '').msg;
    expect(last).toMatch(/^a second signal ends it at once; .*: seen 100, delivered 0, .* in flight 100$/);
  });

  test('told to stop while something is opened that never is: it ends when the time to stop is over', async () => {
    const path = stage('out: { type: stuck, from: detect }', { events: records(1) });
    const sink = `import { defineSink } from 'falco-pipe';
import { z } from 'zod';
export default defineSink({
  type: 'stuck', summary: 'For tests.', config: z.strictObject({}), examples: [],
  open: (_config, { log }) => new Promise(() => { log.info('opening'); setInterval(() => {}, 1000); }),
});`;
    writeFileSync(join(folderOf(path), 'stuck.ts'), sink);
    const program = Program.start(['run', path, '--set', 'components=[./stuck.ts]', '--stop-timeout', '200ms']);
    await program.until(({ stderr }) => stderr.includes('opening'));
    expect(await program.stop()).toBe(1);
    expect(program.stderr).toContain('told to stop 0.2 s ago, and still not started');
  });

  test('a reader that goes away ends it quietly', async () => {
    const path = stage('out: { type: stdout, from: detect }', { events: records(50_000) });
    const out = execFileSync(
      'sh',
      ['-c', `"${launcher}" run "${path}" 2>"$0" | head -n 2`, join(folderOf(path), 'err')],
      { encoding: 'utf8' },
    );
    expect(out.trim().split('\n')).toHaveLength(2);
    expect(readFileSync(join(folderOf(path), 'err'), 'utf8')).not.toMatch(/fault of the program/);
  });

  test.skipIf(process.getuid?.() !== 0)('a pipe that another user opened is written all the same', () => {
    const script = `
      import { Writer } from ${JSON.stringify(`file://${repository}/src/sinks/shared/writer.ts`)};
      process.setuid(65534);
      const writer = await Writer.toStdout();
      await writer.write(["hello\\n"], new AbortController().signal);
      await writer.close();`;
    const args = ['-c', `"${process.execPath}" --input-type=module -e '${script}' | cat`];
    expect(execFileSync('sh', args, { encoding: 'utf8', timeout: 20_000 })).toBe('hello\n');
  });

  test('a reader that reads nothing: the deadline ends it, and nothing is claimed that was not written', async () => {
    const path = stage('out: { type: stdout, from: detect }', { events: records(20_000) });
    const child = spawn(launcher, ['run', path, '--stop-timeout', '500ms'], { stdio: ['ignore', 'pipe', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (data) => {
      stderr += data;
    });
    child.stdout.pause();
    while (!stderr.includes('ready:')) await new Promise((done) => setTimeout(done, 20));
    await new Promise((done) => setTimeout(done, 300));
    child.kill('SIGTERM');
    const code = await new Promise((done) => child.once('exit', done));
    child.stdout.destroy();
    expect(code).toBe(0);
    const summary = JSON.parse(stderr.trim().split('\n').at(-1) ?? '');
    expect(summary.delivered).toBeLessThan(20_000);
  });

  test('SIGUSR1 opens files again after a rotation', async () => {
    const path = stage('log: { type: file, from: detect, path: log.jsonl }', {
      events: records(100),
      source: ', rate: 50',
    });
    const log = join(folderOf(path), 'log.jsonl');
    const program = Program.start(['run', path]);
    await program.ready();
    await new Promise((done) => setTimeout(done, 500));
    renameSync(log, `${log}.1`);
    program.child.kill('SIGUSR1');
    expect(await program.ended).toBe(0);
    const lines = [`${log}.1`, log].map((each) => readFileSync(each, 'utf8').trim().split('\n').length);
    expect(Math.min(...lines)).toBeGreaterThan(0);
    expect(lines.reduce((sum, count) => sum + count)).toBe(100);
  });

  test('--state: after a kill it goes on where it stood, and every event arrives', async () => {
    const path = stage('log: { type: file, from: detect, path: log.jsonl }', {
      events: records(300),
      source: ', rate: 200',
    });
    const state = join(folderOf(path), 'state');
    const first = Program.start(['run', path, '--state', state]);
    await first.ready();
    await new Promise((done) => setTimeout(done, 600));
    await first.stop('SIGKILL');
    const second = await Program.run(['run', path, '--state', state]);
    expect(second.code).toBe(0);
    expect(summaryOf(second).seen).toBeLessThan(300);
    const names = readFileSync(join(folderOf(path), 'log.jsonl'), 'utf8').match(/\/etc\/f\d+/g);
    expect(new Set(names).size).toBe(300);
  });

  test('a second process on the same state is refused', async () => {
    const path = stage('log: { type: file, from: detect, path: log.jsonl }', {
      events: records(300),
      source: ', rate: 5', // it is still there when the second comes, however busy the machine is
    });
    const state = join(folderOf(path), 'state');
    const first = Program.start(['run', path, '--state', state]);
    await first.ready();
    const second = await Program.run(['run', path, '--state', state]);
    expect(second.code).toBe(78);
    expect(second.stderr).toMatch(/state\.db is in use by another falco-pipe/);
    await first.stop();
  });
});

test('what falco-pipe once said of itself is replayed, and ends', async () => {
  const folder = scratch();
  const said = { source: 'internal', time: 1_700_000_000_000_000_000, type: 'drop', fields: { 'internal.count': 3 } };
  writeFileSync(join(folder, 'said.jsonl'), `${JSON.stringify(said)}\n`);
  const path = pipeline(
    folder,
    'sources: { past: { type: replay, files: said.jsonl, emits: [internal] } }\nsinks: { out: { type: stdout, from: past, format: json } }\n',
  );
  const { code, stdout, stderr } = await Program.run(['run', path]);
  expect([code, stdout]).toEqual([0, `${JSON.stringify(said)}\n`]);
  expect(stderr).toContain('seen 1, delivered 1');
});

test('the demo prints what README.md shows', async () => {
  const { stdout } = await Program.run(['run', 'pipelines/demo.yaml'], { cwd: repository, env: { TZ: 'UTC' } });
  const readme = readFileSync(join(repository, 'README.md'), 'utf8');
  const shown = readme.match(/^\d\d:\d\d:\d\d\.\d{9}: .*(?= …$)/gm) ?? [];
  const printed = stdout.trim().split('\n');
  expect(printed.map((line, index) => line.slice(0, shown[index]?.length))).toEqual(shown);
});

test('the shipped pipelines are valid', async () => {
  for (const name of ['default', 'demo']) {
    const { code, stdout } = await Program.run(['validate', `pipelines/${name}.yaml`], { cwd: repository });
    expect(stdout).toMatch(/: ok/);
    expect(code).toBe(0);
  }
});
