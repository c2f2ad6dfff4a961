/** The verb `run` through the built program: from replay to sinks, signals, state, faults of operators and sinks. */

import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { scratch } from '../scratch.ts';
import { cannotTrace, launcher, Program, pipeline, repository, Stage } from './program.ts';

const RULES = `
- rule: Opened
  desc: A file was opened.
  condition: evt.type = openat and fd.name startswith /etc/
  output: opened %fd.name by %proc.name
  priority: NOTICE
  tags: [b, a]
`;

function records(count: number, name = (index: number) => `/etc/f${index}`): string {
  const record = (index: number) => ({
    source: 'syscall',
    time: 1_700_000_000_000_000_000 + index * 1000,
    type: 'openat',
    fields: { 'fd.name': name(index), 'proc.name': 'cat' },
  });
  return Array.from({ length: count }, (_, index) => `${JSON.stringify(record(index))}\n`).join('');
}

/** A folder with rules and events, and a pipeline over them. */
function stage(
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

const folderOf = (path: string) => join(path, '..');
const summaryOf = ({ stderr }: Program) =>
  JSON.parse(
    stderr
      .trim()
      .split('\n')
      .findLast((line) => line.includes('"seen"')) ?? '{}',
  );

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
    program.child.kill('SIGTERM');
    // It drains, and would for an hour: the log has no books yet.
    await new Promise((done) => setTimeout(done, 300));
    expect([program.code, program.stderr.includes('"seen"')]).toEqual([null, false]);
    expect(await program.stop('SIGTERM')).toBe(1);
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
      await writer.write("hello\\n", new AbortController().signal);
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

describe('faults', () => {
  // Events go through it as they come, until what it has begun beside them throws.
  const LATE = (fault: string) => `import { defineOperator, where } from 'falco-pipe';
import { z } from 'zod';
export default defineOperator({
  type: 'late', summary: 'Throws, later.', config: z.strictObject({}), examples: [], reads: ['fd.name'],
  create: () => where((event) => {
    if (event.get('fd.name') === '/etc/f40') ${fault};
    return true;
  }),
});
`;

  test.each([
    ['in a timer', "setTimeout(() => { throw new Error('too late') }, 1)"],
    ['in a promise that nobody waits for', "void Promise.reject(new Error('too late'))"],
  ])('what a component throws %s ends the run with one line, the state written, and status 70', async (_, fault) => {
    const path = stage('log: { type: file, from: late, path: log.jsonl }', {
      events: records(100),
      source: ', rate: 200',
      operators: '  late: { type: late, from: past }',
      top: 'components: [./late.ts]',
    });
    writeFileSync(path, readFileSync(path, 'utf8').replace(/ {2}detect: .*\n/, ''));
    writeFileSync(join(folderOf(path), 'late.ts'), LATE(fault));
    const state = join(folderOf(path), 'state');
    const first = await Program.run(['run', path, '--state', state]);
    expect(first.code).toBe(70);
    const said = first.stderr.split('\n').filter((line) => line.includes('too late'));
    expect(said).toHaveLength(1);
    const { level, msg } = JSON.parse(said[0] ?? '');
    expect(level).toBe(50);
    expect(msg).toMatch(
      /^an exception that nobody caught ends the run: too late \(at .*late\.ts:\d+:\d+\)+; the state is still written; /,
    );
    const names = () => readFileSync(join(folderOf(path), 'log.jsonl'), 'utf8').match(/\/etc\/f\d+/g) ?? [];
    expect(names()).toContain('/etc/f30');
    writeFileSync(join(folderOf(path), 'late.ts'), LATE(''));
    const second = await Program.run(['run', path, '--state', state]);
    expect(second.code).toBe(0);
    expect(summaryOf(second).seen).toBeLessThan(100 - 20);
    expect(new Set(names()).size).toBe(100);
  });

  test('an operator that throws on an event loses that event alone, counted and said', async () => {
    const path = stage(
      'out: { type: stdout, from: picky, format: json }, all: { type: file, from: detect, path: all.jsonl }, said: { type: file, from: self, path: self.jsonl }',
      {
        events: records(20),
        operators: '  picky: { type: picky, from: detect }',
        top: 'components: [./picky.ts]',
      },
    ).replace('\n', '\n');
    writeFileSync(
      join(folderOf(path), 'picky.ts'),
      `import { defineOperator, where } from 'falco-pipe';
import { z } from 'zod';
export default defineOperator({
  type: 'picky', summary: 'Throws.', config: z.strictObject({}), examples: [], reads: ['fd.name'],
  create: () => where((event) => { if (event.get('fd.name') === '/etc/f7') throw new Error('not seven'); return true; }),
});
`,
    );
    writeFileSync(path, readFileSync(path, 'utf8').replace('sources: {', 'sources: { self: { type: internal },'));
    const program = await Program.run(['run', path]);
    expect(program.code).toBe(0);
    const names = program.json.map(({ output_fields: fields }) => (fields as Record<string, string>)['fd.name']);
    expect(names).toHaveLength(19);
    expect(names).not.toContain('/etc/f7');
    expect(
      readFileSync(join(folderOf(path), 'all.jsonl'), 'utf8')
        .trim()
        .split('\n'),
    ).toHaveLength(20);
    expect(program.stderr).toMatch(/picky failed on an event of type Opened: not seven/);
    expect(readFileSync(join(folderOf(path), 'self.jsonl'), 'utf8')).toContain('"internal.reason":"operator_error"');
  });

  test('a line that is no record stops the pipeline with its place, or is counted with on_error: skip', async () => {
    const events = `${records(1)}{"source":"syscall"}\n${records(1)}`;
    const stopped = await Program.run(['run', stage('out: { type: stdout, from: detect }', { events })]);
    expect(stopped.code).toBe(1);
    expect(stopped.stderr).toMatch(/events\.jsonl:2:\d+: error/);
    const skipped = await Program.run([
      'run',
      stage('out: { type: stdout, from: detect }', { events, source: ', on_error: skip' }),
    ]);
    expect(skipped.code).toBe(0);
    expect(skipped.stderr).toContain('seen 3, delivered 2, filtered 0, dropped 1 (bad_record 1)');
  });

  test('what is not there: exit status and a sentence', async () => {
    const missing = await Program.run([
      'run',
      stage('out: { type: stdout, from: detect }', { source: '' }),
      '--set',
      'sources.past.files=none.jsonl',
    ]);
    expect(missing.code).toBe(78);
    expect(missing.stderr).toMatch(/--set:1:20: error: Cannot read none.jsonl/);
    const folder = await Program.run(['run', stage('log: { type: file, from: detect, path: /proc/none/log }')]);
    expect(folder.code).toBe(69);
    expect(folder.stderr).toMatch(/The sink log cannot be opened: ENOENT/);
    const nowhere = await Program.run(['run', 'nowhere.yaml']);
    expect(nowhere.code).toBe(78);
    expect(nowhere.stderr).toContain('Cannot read the pipeline nowhere.yaml');
  });
});

describe.skipIf(cannotTrace)(`kernel source${cannotTrace ? ` (skipped: ${cannotTrace})` : ''}`, () => {
  test('a sink whose reader sleeps loses no kernel event for the other sink', async () => {
    const watched = new Stage();
    const folder = scratch();
    execFileSync('mkfifo', [join(folder, 'stuck')]);
    writeFileSync(join(folder, 'rules.yaml'), RULES.replaceAll('/etc/', `${folder}/f`));
    mkdirSync(join(folder, 'files'));
    const path = pipeline(
      folder,
      `sources: { node: { type: ebpf, scope: { descendants_of: ${watched.pid} } } }
operators: { detect: { type: rules, from: node, files: rules.yaml } }
sinks:
  stuck: { type: stdout, from: detect, queue: { events: 10 } }
  log: { type: file, from: detect, path: log.jsonl }
`,
    );
    // The reader of the pipe exists, and never reads.
    const reader = spawn('sh', ['-c', `exec 3<"${join(folder, 'stuck')}"; exec sleep 60`]);
    const out = openSync(join(folder, 'stuck'), 'w');
    const child = spawn(launcher, ['run', path, '--stop-timeout', '1s'], { stdio: ['ignore', out, 'pipe'] });
    let stderr = '';
    child.stderr?.on('data', (data) => {
      stderr += data;
    });
    while (!stderr.includes('ready:')) await new Promise((done) => setTimeout(done, 20));
    await watched.run(`i=0; while [ $i -lt 5000 ]; do : > ${folder}/f$i; i=$((i+1)); done`);
    await watched.close();
    await new Promise((done) => setTimeout(done, 500));
    child.kill('SIGTERM');
    await new Promise((done) => child.once('exit', done));
    reader.kill();
    const names = readFileSync(join(folder, 'log.jsonl'), 'utf8').match(new RegExp(`"fd.name":"${folder}/f\\d+"`, 'g'));
    expect(new Set(names).size).toBe(5000);
    const summary = JSON.parse(stderr.trim().split('\n').at(-1) ?? '');
    expect(summary.reasons.ring_full ?? 0).toBe(0);
    expect(summary.seen).toBe(summary.delivered + summary.filtered + summary.dropped + summary.in_flight);
  });
});

describe.skipIf(cannotTrace)(`kernel and recorded events${cannotTrace ? ` (skipped: ${cannotTrace})` : ''}`, () => {
  test('merged, with a sink that is dead: it stalls the recording alone; the other sink has every kernel event', async () => {
    const watched = new Stage();
    const folder = scratch();
    writeFileSync(join(folder, 'rules.yaml'), RULES.replaceAll('/etc/', `${folder}/`));
    writeFileSync(
      join(folder, 'past.jsonl'),
      records(30_000, (index) => `${folder}/past${index}`),
    );
    const path = pipeline(
      folder,
      `sources:
  node: { type: ebpf, scope: { descendants_of: ${watched.pid} } }
  past: { type: replay, files: past.jsonl }
operators: { detect: { type: rules, from: [node, past], files: rules.yaml } }
sinks:
  dead: { type: http, from: detect, url: 'http://127.0.0.1:9' }
  out: { type: stdout, from: detect, format: json }
`,
    );
    const run = Program.start(['run', path, '--stop-timeout', '1s'], { env: { XDG_RUNTIME_DIR: folder } });
    await run.ready();
    // The recording stands still with all its credit out.
    await run.until(({ stdout }) => (stdout.match(/"fd.name":"\S+\/past\d+"/g)?.length ?? 0) >= 9_000);
    await watched.run(`i=0; while [ $i -lt 5000 ]; do : > ${folder}/f$i; i=$((i+1)); done`);
    const live = () => new Set(run.stdout.match(new RegExp(`"fd.name":"${folder}/f\\d+"`, 'g')));
    await run.until(() => live().size === 5000);
    await watched.close();
    expect(await run.stop()).toBe(0);
    const past = new Set(run.stdout.match(/"fd.name":"\S+\/past\d+"/g));
    expect(past.size).toBeLessThanOrEqual(10_000);
    const { reasons, seen, delivered, filtered, dropped, in_flight } = summaryOf(run);
    expect([reasons.ring_full, reasons.ring_pressure]).toEqual([undefined, undefined]);
    // What was dropped was so for the dead sink; the recording lost nothing: it is given again at the next start.
    expect(dropped).toBeLessThanOrEqual(5000 + 100);
    expect(seen).toBe(delivered + filtered + dropped + in_flight);
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

test('the shipped pipelines are valid', async () => {
  for (const name of ['default', 'demo']) {
    const { code, stdout } = await Program.run(['validate', `pipelines/${name}.yaml`], { cwd: repository });
    expect(stdout).toMatch(/: ok/);
    expect(code).toBe(0);
  }
});
