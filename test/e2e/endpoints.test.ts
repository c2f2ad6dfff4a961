/** What a running program answers: health, metrics, status, taps, dead letters. */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { scratch } from '../scratch.ts';
import { Program } from './program.ts';

const runs: Program[] = [];
afterEach(async () => {
  for (const run of runs.splice(0)) if (run.code === null) await run.stop('SIGKILL');
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

/** A sink that takes events, refuses them, or is down, as a file says. */
const MOODY = `
import { defineSink } from 'falco-pipe';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
export default defineSink({
  type: 'moody', summary: 'For tests.', config: z.strictObject({}), examples: [],
  open: async (_config: unknown, ctx: { resolve(path: string): string }) => ({
    async write() {
      const mood = readFileSync(ctx.resolve('mood'), 'utf8');
      if (mood !== 'good') throw Object.assign(new Error('it is ' + mood), { permanent: mood === 'refusing' });
    },
    async close() {},
  }),
});
`;

/** A pipeline that goes on for long, with its folder for sockets and state. */
async function started(more = '', sink = '') {
  const folder = scratch();
  const record = (n: number) => ({
    source: 'syscall',
    time: n,
    type: 'open',
    fields: { 'proc.name': n % 2 ? 'cat' : 'dog', 'fd.name': '/etc/x' },
  });
  const events = Array.from({ length: 50_000 }, (_, n) => `${JSON.stringify(record(n))}\n`).join('');
  writeFileSync(join(folder, 'events.jsonl'), events);
  writeFileSync(join(folder, 'moody.ts'), MOODY);
  writeFileSync(join(folder, 'mood'), 'good');
  writeFileSync(
    join(folder, 'rules.yaml'),
    '- rule: Cats\n  desc: d\n  condition: proc.name = cat\n  output: "%proc.name"\n  priority: WARNING\n  tags: [pets]\n',
  );
  const path = join(folder, 'pipeline.yaml');
  const text = (extra: string) => `components: [./moody.ts]
state: state
${extra}
sources: { past: { type: replay, files: events.jsonl, rate: 500 } }
operators: { detect: { type: rules, from: past, files: rules.yaml } }
sinks: { out: { type: moody, from: detect, retry: { initial: 5ms, give_up_after: 50ms }${sink} } }
`;
  writeFileSync(path, text(more));
  const env = { XDG_RUNTIME_DIR: folder };
  const run = Program.start(['run', path], { env });
  runs.push(run);
  await run.ready();
  const cli = (...args: string[]) => Program.run(args, { env });
  return { run, folder, path, cli, env, text };
}

describe('over HTTP', () => {
  test('health, readiness, metrics, status and versions; the books balance', async () => {
    const port = await freePort();
    const { run } = await started(`http: { listen: '127.0.0.1:${port}' }`);
    const get = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`);
      return { code: response.status, text: await response.text() };
    };
    expect(await get('/healthz')).toEqual({ code: 200, text: '{"status":"ok"}\n' });
    expect(await get('/readyz')).toEqual({ code: 200, text: '{"status":"ready","problems":[]}\n' });
    expect(JSON.parse((await get('/versions')).text)).toMatchObject({ engine_version_semver: '0.63.0' });
    expect((await get('/nowhere')).code).toBe(404);
    // What only the user may do is not to be had here.
    expect((await get('/tap?id=past')).code).toBe(404);
    const { text } = await get('/metrics');
    const value = (name: string) =>
      Number(new RegExp(`^${name.replaceAll(/[{}"]/g, '\\$&')} (.+)$`, 'm').exec(text)?.[1]);
    const fates = ['delivered', 'filtered', 'dropped'].map((fate) => value(`falco_pipe_events_total{fate="${fate}"}`));
    const seen = value(
      'falco_pipe_received_events_total{component_id="past",component_kind="source",component_type="replay"}',
    );
    expect(fates.reduce((sum, each) => sum + each, 0) + value('falco_pipe_unsettled_events')).toBe(seen);
    expect(text).toMatch(
      /^falcosecurity_falco_rules_matches_total\{rule_name="Cats",priority="Warning",source="syscall",tag_pets="true"\} \d+$/m,
    );
    expect(text).toMatch(/^falco_pipe_event_loop_delay_seconds\{percentile="99"\} 0?\.?\d/m);
    // Every sample belongs to a family that is announced once.
    const families = [...text.matchAll(/^# TYPE (\S+) (?:counter|gauge)$/gm)].map(([, name]) => name);
    expect(new Set(families).size).toBe(families.length);
    for (const line of text.trim().split('\n')) {
      if (!line.startsWith('#')) expect(families).toContain(/^\w+/.exec(line)?.[0]);
    }
    expect(await run.stop()).toBe(0);
  });

  test('an address that is taken is an error, not a program without metrics', async () => {
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as { port: number };
    const { path, env, run } = await started();
    await run.stop();
    const second = await Program.run(['run', path, '--http', `127.0.0.1:${port}`], { env });
    expect(second.code).toBe(75);
    expect(second.stderr).toContain('EADDRINUSE');
    await new Promise((done) => server.close(done));
  });

  test('another address in the file is served after a reload; one that is taken, or another state folder, refuses it', async () => {
    const [first, second] = [await freePort(), await freePort()];
    const http = (port: number) => `http: { listen: '127.0.0.1:${port}' }\n`;
    const { run, path, text } = await started(http(first));
    const healthy = (port: number) =>
      fetch(`http://127.0.0.1:${port}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      );
    expect([await healthy(first), await healthy(second)]).toEqual([true, false]);
    writeFileSync(path, text(http(second)));
    await run.until(({ stderr }) => stderr.includes('reloaded (a file has changed)'));
    expect([await healthy(first), await healthy(second)]).toEqual([false, true]);
    const taken = createServer();
    await new Promise<void>((done) => taken.listen(first, '127.0.0.1', done));
    writeFileSync(path, text(http(first)));
    await run.until(({ stderr }) => stderr.includes(`cannot be served at 127.0.0.1:${first}`));
    expect(await healthy(second)).toBe(true);
    await new Promise((done) => taken.close(done));
    writeFileSync(path, text(http(second)).replace('state: state', 'state: elsewhere'));
    await run.until(({ stderr }) => /`state` has changed from \S+state to \S+elsewhere/.test(stderr));
    expect(run.stderr).toContain('start it again, or take the change back');
    writeFileSync(path, text(''));
    await run.until(({ stderr }) => stderr.split('reloaded (a file has changed): ').length > 2);
    expect(await healthy(second)).toBe(false);
    expect(await run.stop()).toBe(0);
  });

  test('a sink that is down is a problem that status names; the program stays ready', async () => {
    const { cli, folder, path } = await started();
    writeFileSync(join(folder, 'mood'), 'down');
    let status: { problems: string[]; ready: boolean };
    do {
      const { stdout, code } = await cli('status', path, '-o', 'json');
      expect(code).toBe(0);
      status = JSON.parse(stdout);
    } while (status.problems.length === 0);
    expect(status).toMatchObject({ ready: true, problems: ['sink out: it is down'] });
  });
});

describe('the command line', () => {
  test('status and top show every component', async () => {
    const { cli, run, path } = await started();
    for (const args of [
      ['status', path],
      ['status', String(run.child.pid)],
      ['top', path],
    ]) {
      const { stdout, code } = await cli(...args);
      expect(code).toBe(0);
      expect(stdout).toContain(`${path} (pid ${run.child.pid}): ready, up `);
      expect(stdout).toMatch(/^past +replay +\d+ +\d+ +0 +0 +\d+ +0 +0$/m);
      expect(stdout).toMatch(/^detect +rules +\d+ +\d+ +0 +0 +0 +0 +0$/m);
    }
    expect(await run.stop()).toBe(0);
    const none = await cli('status', path);
    expect(none.code).toBe(69);
    expect(none.stderr).toContain(`No falco-pipe runs ${path}`);
  });

  test('tap samples an edge, follows a reload, and takes nothing away', async () => {
    const { cli, run, path, env, text } = await started();
    const tap = Program.start(['tap', 'detect', '--rate', '1000', '--pipeline', path], { env });
    runs.push(tap);
    await tap.until(({ stdout }) => stdout.includes('"rule":"Cats"'));
    writeFileSync(path, text('').replace('files: rules.yaml', 'files: rules.yaml, priority: Notice'));
    await run.until(({ stderr }) => stderr.includes('reloaded'));
    const before = tap.stdout.length;
    await tap.until(({ stdout }) => stdout.length > before + 1000);
    const limited = await cli('tap', 'past', '--limit', '3', '--pipeline', path);
    expect(
      limited.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).source),
    ).toEqual(Array(3).fill('syscall'));
    expect((await cli('tap', 'out', '--limit', '1', '--pipeline', path)).stdout).toContain('"source":"alert"');
    const wrong = await cli('tap', 'nobody', '--pipeline', path);
    expect(wrong.stderr).toContain('There is no component "nobody"; there are past, detect, out');
    expect(await run.stop()).toBe(0);
    expect(await tap.ended).toBe(0);
    expect(tap.stderr).toBe(`program ${run.child.pid} has ended\n`);
    const summary = JSON.parse(run.stderr.trim().split('\n').at(-1) ?? '');
    expect(summary.delivered + summary.filtered + summary.dropped + summary.in_flight).toBe(summary.seen);
    expect(Math.abs(summary.delivered - summary.filtered)).toBeLessThanOrEqual(1);
  });

  test('dlq lists, shows and has delivered what a sink refused: while it runs, and when it does not', {
    timeout: 120_000,
  }, async () => {
    const { cli, run, folder, path } = await started();
    writeFileSync(join(folder, 'mood'), 'refusing');
    const list = async () => (await cli('dlq', 'list', '--pipeline', path, '-o', 'json')).json;
    let letters = await list();
    while (letters.length === 0) letters = await list();
    expect(letters[0]).toMatchObject({ sink: 'out', reason: 'refused', message: 'it is refusing' });
    const shown = await cli('dlq', 'show', String(letters[0]?.id), '--pipeline', path);
    expect(JSON.parse(shown.stdout.split('\n')[0] ?? '')).toMatchObject({ source: 'alert', type: 'Cats' });
    writeFileSync(join(folder, 'mood'), 'good');
    const again = await cli('dlq', 'retry', '--pipeline', path);
    expect(again.stdout).toMatch(/^\d+ dead letters? with \d+ events? waits? for (its sink|their sinks)\n$/);
    while ((await list()).length > 0) await cli('dlq', 'retry', '--pipeline', path);
    writeFileSync(join(folder, 'mood'), 'refusing');
    while ((await list()).length < 2);
    expect(await run.stop()).toBe(0);
    expect(JSON.parse(run.stderr.trim().split('\n').at(-1) ?? '').dead_lettered).toBeGreaterThan(0);
    const text = await cli('dlq', 'list', '--all', '--state', join(folder, 'state'));
    expect(text.stdout).toMatch(/^\d+ {2}\S+Z {2}out {2}\d+ events? {2}refused: it is refusing$/m);
    expect((await cli('dlq', 'show', '999', '--pipeline', path)).stderr).toContain('There is no dead letter 999');
    expect((await cli('dlq', 'drop', '--pipeline', path)).stderr).toContain('name dead letters by number, or --sink');
    expect((await cli('dlq', 'drop', '999', '--pipeline', path)).stderr).toContain('There is no dead letter 999');
    const first = /^(\d+)/.exec(text.stdout)?.[1] ?? '';
    expect((await cli('dlq', 'drop', first, '--pipeline', path)).stdout).toMatch(
      /^1 dead letter with \d+ events was del/,
    );
    expect((await cli('dlq', 'show', first, '--pipeline', path)).stderr).toContain(`There is no dead letter ${first}`);
    expect((await cli('dlq', 'retry', '--sink', 'out', '--pipeline', path)).code).toBe(0);
    expect((await cli('dlq', 'list', '--pipeline', path)).stdout).toBe('no dead letters\n');
  });

  test('dlq of a folder without a state says so, and makes none', async () => {
    const folder = join(scratch(), 'stat');
    const { code, stdout, stderr } = await Program.run(['dlq', 'list', '--state', folder]);
    expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
    expect(stderr).toContain(`There is no state in ${folder}: `);
    expect(existsSync(folder)).toBe(false);
  });

  test('graph draws a pipeline in three ways', async () => {
    const { cli, path, run } = await started();
    await run.stop();
    expect((await cli('graph', path)).stdout).toBe(
      'past (replay) : syscall\n└ detect (rules) : alert\n  └ out (moody)\n',
    );
    const mermaid = (await cli('graph', path, '--format', 'mermaid')).stdout;
    expect(mermaid).toContain('  n_past -->|syscall| n_detect\n');
    const svg = (await cli('graph', path, '--format', 'svg')).stdout;
    expect(svg).toMatch(/^<svg [\s\S]*>detect<\/text>[\s\S]*<\/svg>\n$/);
  });

  test('spill without a state folder is refused', async () => {
    const folder = scratch();
    mkdirSync(join(folder, 'x'));
    writeFileSync(
      join(folder, 'p.yaml'),
      'sources: { self: { type: internal } }\nsinks: { out: { type: stdout, from: self, queue: { when_full: spill } } }\n',
    );
    const { code, stderr } = await Program.run(['run', join(folder, 'p.yaml')]);
    expect(code).toBe(78);
    expect(stderr).toContain('The sink out has nowhere to spill to: without a state folder it cannot run');
  });
});
