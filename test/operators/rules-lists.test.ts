/** Lists of rules that come from elsewhere, in a pipeline: read at the start, and again while it runs. */

import { renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { failure } from '../../src/cli/fail.ts';
import { UserError } from '../../src/core/errors.ts';
import type { Event } from '../../src/core/event.ts';
import { liveAck } from '../../src/core/flow/ack.ts';
import { kernelForm } from '../../src/events/kernel/form.ts';
import { withFetchedItems } from '../../src/operators/rules/lists/fetched-items.ts';
import { withHeldLists } from '../../src/operators/rules/lists/held-lists.ts';
import { feedsOf } from '../../src/operators/rules/lists/lists.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { type Contents, contentOf } from '../../src/pipeline/plan/watch.ts';
import { prometheusText } from '../../src/pipeline/run/prometheus.ts';
import { Run } from '../../src/pipeline/run/run.ts';
import { recordedLog } from '../core/shared.ts';
import { Bench } from '../events-kernel/slab-writer.ts';
import { ManualSink, ManualSource, registryOf } from '../pipeline/harness.ts';
import { scratch } from '../scratch.ts';

const folder = scratch();
let server: Server;
let url: string;
/** As it is shown. */
let shownUrl: string;
/** What status and events tell of it. */
let origin: string;
let answer: { status: number; body: string | Uint8Array; tag?: string; type?: string; encoding?: string };
let asked: (string | undefined)[] = [];
let shown: IncomingHttpHeaders = {};

beforeAll(async () => {
  server = createServer((request, response) => {
    const tag = request.headers['if-none-match'];
    asked.push(tag);
    shown = request.headers;
    const status = answer.tag !== undefined && tag === answer.tag ? 304 : answer.status;
    response.writeHead(status, {
      ...(answer.tag === undefined ? {} : { etag: answer.tag }),
      ...(answer.type === undefined ? {} : { 'content-type': answer.type }),
      ...(answer.encoding === undefined ? {} : { 'content-encoding': answer.encoding }),
    });
    response.end(status === 304 ? undefined : answer.body);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/feed?key=s3cr3t`;
  shownUrl = url.replace('key=s3cr3t', '…');
  origin = new URL(url).origin;
});
beforeEach(() => {
  asked = [];
  answer = { status: 200, body: '/data/one\n' };
});
afterAll(async () => {
  server.close();
});

function registry(input: ManualSource, sink: ManualSink) {
  return registryOf({ sources: { manual: () => input.input }, sinks: { collect: sink } });
}

/** Starts a pipeline with rules on files and on a process of the list `far`. */
async function started(from: string, field = 'fd.name') {
  const input = new ManualSource();
  const alerts: unknown[] = [];
  const sink = new ManualSink();
  sink.write = async (events: readonly Event[]) => void alerts.push(...events.map((event) => event.get('output')));
  const rules = join(folder, 'rules.yaml');
  writeFileSync(
    rules,
    `- list: far
  items_from: { ${from} }
- rule: listed
  desc: d
  condition: evt.type = openat and ${field} in (far)
  output: "%fd.name"
  priority: NOTICE
- rule: listed process
  desc: d
  condition: evt.type = openat and ${field === 'fd.name' ? 'proc.name' : field} in (far)
  output: "%proc.name"
  priority: NOTICE
`,
  );
  const yaml = `sources: { in: { type: manual } }
operators: { detect: { type: rules, from: in, files: ${rules} } }
sinks: { out: { type: collect, from: detect } }
`;
  const known = registry(input, sink);
  const read: Contents = new Map();
  const planned = () => withFetchedItems(() => planPipeline(PipelineDocument.parse('test.yaml', yaml), known, read));
  const plan = await planned();
  const { log, lines } = recordedLog();
  const run = await Run.start(plan, { log, resolve: String });
  const process = { tgid: 100, tid: 100, ppid: 1, start: 50, exec_id: 3, comm: 'cat', exe_path: '/bin/cat', cwd: '/' };
  const bench = new Bench().load(process);
  /** What of some paths raises an alert now: with the verdicts that are kept of them. */
  const judged = async (...paths: string[]) => {
    const open = { ...process, kind: 'open', nr: 257, ret: 3, dirfd: -100, base: '/' } as const;
    const events = bench.slab(...paths.map((raw) => ({ ...open, raw })));
    alerts.length = 0;
    input.input.next({ source: 'syscall', form: kernelForm, events, ack: liveAck });
    events.release();
    await new Promise((resolve) => setImmediate(resolve));
    return [...alerts];
  };
  const reload = async () => {
    const running = run.plan.operators.flatMap(({ prepared }) => feedsOf(prepared));
    await run.reload(await withHeldLists(running, planned));
  };
  return { run, judged, lines, reload, read };
}

/** Waits until something is so; fails by the test's own time limit. */
async function until(test: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await test())) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('a list from a file', () => {
  it('is exchanged while rules judge, kept verdicts and all; what fails leaves it as it was', async () => {
    const file = join(folder, 'far.txt');
    writeFileSync(file, '/data/one\n');
    const { run, judged, lines } = await started('file: far.txt, refresh: 1s');
    expect(await judged('/data/one', '/data/two')).toEqual(['/data/one']);
    expect(await judged('/data/one', '/data/two')).toEqual(['/data/one']);
    writeFileSync(`${file}.new`, '/data/two\ncat\n');
    renameSync(`${file}.new`, file);
    await until(async () => (await judged('/data/one', '/data/two')).includes('/data/two'));
    // What is kept of a process that was seen before is void too.
    expect(await judged('/data/one', '/data/two')).toEqual(['cat', '/data/two', 'cat']);
    // Cut short: the rules must not fall silent.
    writeFileSync(file, '');
    await until(() => lines.some((line) => line.includes('it has no items')));
    expect(await judged('/data/one')).toEqual(['cat']);
    rmSync(file);
    await until(() => lines.some((line) => line.includes('ENOENT')));
    expect(await judged('/data/one')).toEqual(['cat']);
    await run.stop(1000);
  });
});

describe('a list that becomes something else', () => {
  it('stays as it was, which is said once, is a problem meanwhile, and said to be over', async () => {
    const { run, judged, lines } = await started(`url: "${url}", refresh: 1s`);
    const counter = (name: string) => run.metrics.get('detect')?.byLabel(name).far;
    const said = (words: string) => lines.filter((line) => line.includes(words)).length;
    expect(await judged('/data/one')).toEqual(['/data/one']);
    const page = '<!DOCTYPE html>\n<title>Log in</title>\n';
    for (const [body, type, words] of [
      [page, 'text/html; charset=utf-8', 'a web page (text/html)'],
      [page, 'text/plain', 'line 1: it looks like a web page'],
      ['{"message":"API rate limit exceeded"}', 'application/json; charset=utf-8', 'JSON (application/json), no list'],
      ['{"message":"API rate limit exceeded"}', 'application/vnd.github.raw+json', 'line 1: it looks like JSON'],
      [
        gzipSync('/data/two\n').subarray(0, 20),
        undefined,
        'line 1: it is gzip that cannot be unpacked: unexpected end',
      ],
      [gzipSync(gzipSync('/data/two\n')), undefined, 'line 1: it looks like gzip in gzip'],
      [Buffer.from('\x7fELF\n/data/two\n'), undefined, 'line 1: it looks like a program'],
      ['/data/two\nx\0\n', undefined, 'line 2: it has a byte that is zero'],
    ] as const) {
      answer = { status: 200, body, ...(type === undefined ? {} : { type }) };
      await until(() => said(words) > 0);
      const failures = counter('list_failures') ?? 0;
      await until(() => (counter('list_failures') ?? 0) > failures + 1);
      expect(said(words)).toBe(1);
      expect(run.status().problems).toEqual([
        expect.stringMatching(/^operator detect: the list far stays as it is: .*(?:it |a web page|JSON)/),
      ]);
      expect(JSON.stringify(run.status().problems)).toContain(words);
      expect(await judged('/data/one', '/data/two')).toEqual(['/data/one']);
    }
    expect(counter('list_refreshes')).toBeUndefined();
    answer = { status: 200, body: '/data/two\n' };
    await until(async () => (await judged('/data/two')).length > 0);
    await until(() => run.status().problems.length === 0);
    expect(said('the list far is read again, after')).toBe(1);
    await run.stop(1000);
  });
});

describe('a list in gzip', () => {
  it('is unpacked at the start and when it is read again, however it comes', async () => {
    answer = { status: 200, body: gzipSync('/data/one\n'), type: 'application/gzip' };
    const { run, judged, reload } = await started(`url: "${url}", refresh: 1s`);
    expect(await judged('/data/one', '/data/two')).toEqual(['/data/one']);
    const packed = (name: string) => gzipSync(`${name}\n`);
    for (const [name, next] of [
      ['/data/two', { status: 200, body: packed('/data/two') }],
      ['/data/three', { status: 200, body: packed('/data/three'), encoding: 'gzip' }],
      ['/data/four', { status: 200, body: gzipSync(packed('/data/four')), encoding: 'gzip' }],
    ] as const) {
      answer = next;
      await until(async () => (await judged(name)).length > 0);
      expect(await judged('/data/one', '/data/two', '/data/three', '/data/four')).toEqual([name]);
    }
    expect(run.status().problems).toEqual([]);
    answer = { status: 200, body: packed('/data/five') };
    await reload();
    expect(await judged('/data/four', '/data/five')).toEqual(['/data/five']);
    await run.stop(1000);
  });

  it('may be a file, which is looked at again', async () => {
    const file = join(folder, 'far.txt.gz');
    writeFileSync(file, gzipSync('/data/one\n'));
    const { run, judged } = await started(`file: ${file}, refresh: 1s`);
    expect(await judged('/data/one', '/data/two')).toEqual(['/data/one']);
    writeFileSync(`${file}.new`, gzipSync('/data/two\n'));
    renameSync(`${file}.new`, file);
    await until(async () => (await judged('/data/two')).length > 0);
    expect(await judged('/data/one')).toEqual([]);
    await run.stop(1000);
  });

  it('may be a file that is read when the pipeline is loaded, and is told apart by what the file has', async () => {
    const file = join(folder, 'far.txt.gz');
    writeFileSync(file, gzipSync('/data/one\n'));
    const { run, judged, reload, read } = await started(`file: ${file}`);
    expect(await judged('/data/one', '/data/two')).toEqual(['/data/one']);
    writeFileSync(file, gzipSync('/data/two\n'));
    expect(read.get(file)).not.toBe(contentOf(file));
    await reload();
    expect(read.get(file)).toBe(contentOf(file));
    expect(await judged('/data/one', '/data/two')).toEqual(['/data/two']);
    await run.stop(1000);
  });
});

describe('a list that is read again', () => {
  it('says when it has lost more than half of its items, and how many it has', async () => {
    const items = (count: number) => Array.from({ length: count }, (_, n) => `/data/${n}\n`).join('');
    answer = { status: 200, body: items(101) };
    const { run, judged, lines } = await started(`url: "${url}", refresh: 1s`);
    const size = () => run.metrics.get('detect')?.byLabel('list_items').far;
    expect(size()).toBe(101);
    for (const count of [51, 25, 13]) {
      answer = { status: 200, body: items(count) };
      await until(() => size() === count);
    }
    expect(await judged('/data/12', '/data/13')).toEqual(['/data/12']);
    expect(lines.filter((line) => line.includes('→')).map((line) => /\d+ → \d+ items/.exec(line)?.[0])).toEqual([
      '51 → 25 items',
    ]);
    await run.stop(1000);
  });

  it('says when it has paths that do not begin with a slash, where all did', async () => {
    const { run, lines } = await started(`url: "${url}", refresh: 1s`);
    const size = () => run.metrics.get('detect')?.byLabel('list_items').far;
    const told = () => lines.filter((line) => line.includes('without /'));
    for (const [body, count] of [
      ['/data/one\n/data/two\n', 2],
      ['/data/one\nrate limit\n/data/two\n', 3],
      ['/data/one\nrate limit\n/data/two\nexceeded\n', 4],
    ] as const) {
      answer = { status: 200, body, type: 'application/vnd.github.raw+json' };
      await until(() => size() === count);
      expect(told()).toHaveLength(count === 2 ? 0 : 1);
    }
    expect(told()[0]).toContain(`the list far: 1 item without / in front, where all had one, from ${origin}`);
    await run.stop(1000);
  });

  it('is exchanged only for other items, from the web and from a file', async () => {
    const file = join(folder, 'same.txt');
    writeFileSync(file, '/data/one\n');
    const change = (text: string) => {
      answer = { status: 200, body: text };
      writeFileSync(file, text);
    };
    for (const from of [`url: "${url}"`, `file: ${file}`]) {
      const { run, judged } = await started(`${from}, refresh: 1s`);
      const counted = (name: string) => run.metrics.get('detect')?.byLabel(name).far ?? 0;
      const time = counted('list_read');
      await until(() => counted('list_read') > time);
      expect(counted('list_refreshes')).toBe(0);
      change('/data/two\n');
      await until(async () => (await judged('/data/two')).length > 0);
      expect(counted('list_refreshes')).toBe(1);
      change('/data/one\n');
      await until(async () => (await judged('/data/one')).length > 0);
      expect(counted('list_refreshes')).toBe(2);
      await run.stop(1000);
    }
  });

  it('says what it leaves out, once', async () => {
    answer = { status: 200, body: '10.0.0.1\nfirst\n' };
    const { run, lines } = await started(`url: "${url}", refresh: 1s`, 'fd.sip');
    const said = (words: string) => lines.filter((line) => line.includes(words)).length;
    const read = () => run.metrics.get('detect')?.byLabel('list_read').far ?? 0;
    const start = read();
    await until(() => read() > start);
    expect(said('line 2: unrecognized IPv6 address first: left out of the list far')).toBe(1);
    expect(said('first')).toBe(1);
    answer = { status: 200, body: '10.0.0.1\n\nsecond\nthird\n' };
    await until(() => said('line 3: unrecognized IPv6 address second: left out of the list far, as is another') > 0);
    answer = { status: 200, body: '10.0.0.2\n\nsecond\nthird\n' };
    await until(() => run.metrics.get('detect')?.byLabel('list_refreshes').far === 2);
    expect(said('second')).toBe(1);
    await run.stop(1000);
  });
});

describe('a list from a file that is written again in place', () => {
  it('is read again though its size and its time are the same', async () => {
    const file = join(folder, 'far.txt');
    writeFileSync(file, '/data/one\n');
    const { run, judged } = await started('file: far.txt, refresh: 1s');
    writeFileSync(file, '/data/three\n');
    const when = new Date(Math.floor(statSync(file).mtimeMs));
    utimesSync(file, when, when);
    await until(async () => (await judged('/data/three')).length > 0);
    writeFileSync(file, '/data/seven\n');
    utimesSync(file, when, when);
    await until(async () => (await judged('/data/seven')).length > 0);
    expect(await judged('/data/three')).toEqual([]);
    await run.stop(1000);
  });
});

describe('a list that is not looked at again by itself', () => {
  it('is read again by a reload, from a file and from the web; what has not changed goes on', async () => {
    const file = join(folder, 'far.txt');
    writeFileSync(file, '/data/one\n');
    for (const [from, change] of [
      ['file: far.txt', (text: string) => writeFileSync(file, text)],
      [`url: "${url}"`, (text: string) => void (answer = { status: 200, body: text })],
    ] as const) {
      const { run, judged, reload } = await started(from);
      expect(await judged('/data/one', '/data/two')).toEqual(['/data/one']);
      const before = run.plan.operators[0]?.identity;
      await reload();
      expect(run.plan.operators[0]?.identity).toBe(before);
      change('/data/two\n');
      await reload();
      expect(await judged('/data/one', '/data/two')).toEqual(['/data/two']);
      await run.stop(1000);
    }
  });
});

describe('headers of a list from the web', () => {
  it('are sent, secrets read each time, and told to nobody', async () => {
    process.env.TEST_LIST_TOKEN = 'Bearer first';
    writeFileSync(join(folder, 'key'), 'k-1\n');
    const headers = 'headers: { Authorization: { env: TEST_LIST_TOKEN }, x-key: { file: key }, x-plain: yes }';
    const { run, judged } = await started(`url: "${url}", refresh: 1s, ${headers}`);
    expect(await judged('/data/one')).toEqual(['/data/one']);
    expect(shown).toMatchObject({ authorization: 'Bearer first', 'x-key': 'k-1', 'x-plain': 'yes' });
    expect(JSON.stringify(run.plan.operators)).not.toMatch(/Bearer first|k-1/);
    process.env.TEST_LIST_TOKEN = 'Bearer second';
    writeFileSync(join(folder, 'key'), 'k-2\n');
    await until(() => shown.authorization === 'Bearer second' && shown['x-key'] === 'k-2');
    await run.stop(1000);
    delete process.env.TEST_LIST_TOKEN;
    const missing = await started(`url: "${url}", ${headers}`).catch((error: unknown) => error);
    expect((missing as UserError).diagnostics[0]?.message).toContain(
      'the header authorization is missing: the environment variable TEST_LIST_TOKEN is not set',
    );
  });

  it('do not follow a redirect to somebody else', async () => {
    answer = { status: 302, body: '' };
    const refused = await started(`url: "${url}", headers: { x-key: k }`).catch((error: unknown) => error);
    expect((refused as UserError).diagnostics[0]?.message).toContain(
      'the answer has the status 302: with `headers`, which are for one server, redirects are not followed',
    );
  });
});

describe('a secret in an address', () => {
  const isTold = (told: unknown) => (typeof told === 'string' ? told : JSON.stringify(told)).includes('s3cr3t');

  it('is in nothing that is said of the list', async () => {
    answer = { status: 200, body: '10.0.0.1\n' };
    const { run, lines, reload } = await started(`url: "${url}", refresh: 1s`, 'fd.sip');
    for (const [body, words] of [
      ['', 'it has no items'],
      ['first\n', 'its only item cannot be used: line 1: unrecognized IPv6 address first'],
      ['\nfirst\nsecond\n', 'none of its 2 items can be used: line 2: unrecognized IPv6 address first'],
      ['10.0.0.1\nfirst\n', 'line 2: unrecognized IPv6 address first: left out'],
    ]) {
      answer = { status: 200, body: body as string };
      await until(() => lines.some((line) => line.includes(words as string)));
    }
    answer = { status: 503, body: '' };
    await reload();
    expect(lines.join()).toContain(origin);
    expect([lines.join(), run.status(), run.plan.warnings].map(isTold)).toEqual([false, false, false]);
    await run.stop(1000);
  });

  it('nor in what refuses a start: the line of the rules is not shown', async () => {
    answer = { status: 404, body: '' };
    for (const from of [
      `url: "${url}"`,
      `url: "${url.replace('//', '//me:s3cr3t@')}"`,
      `url: "${url.replace('http', 'htttp')}"`,
      `url: "${url}", column: 1`,
      `url: "${url}", format: nuts`,
      `url: "${shownUrl}", headers: { authorization: Bearer s3cr3t }`,
      `url: "${shownUrl}", headers: { authorization: Bearer s3cr3t, x: { y: z } }`,
      `url: "${shownUrl}", headers: { authorization: Bearer s3cr3t }, no_such_key: 1`,
    ]) {
      const error = await started(from).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(UserError);
      expect(isTold(failure(error))).toBe(false);
      expect(failure(error)).toMatch(/rules.yaml:2:\d+: error: /);
    }
    const login = await started('url: "http://me:s3cr3t@127.0.0.1/"').catch((thrown: unknown) => thrown);
    expect(failure(login)).toContain('Say headers: { authorization: { env: NAME } }');
  });
});

describe('a list from an address that does not answer', () => {
  const down = () => void (answer = { status: 503, body: '' });
  const series = (run: Run) =>
    /falco_pipe_list_items\{.*list="far".*\} (\d+)/.exec(prometheusText(run.status(), run.plan))?.[1];

  it.each(['', ', optional: true'])('goes on over a reload with the items that run, and says so; %s', async (more) => {
    const { run, judged, lines, reload } = await started(`url: "${url}"${more}`);
    const said = (words: string) => lines.filter((line) => line.includes(words)).length;
    expect(await judged('/data/one')).toEqual(['/data/one']);
    down();
    await reload();
    await reload();
    expect(await judged('/data/one', '/data/two')).toEqual(['/data/one']);
    expect(series(run)).toBe('1');
    const words = 'the list far stays as it is until a reload reads it';
    expect(run.status().problems).toEqual([`operator detect: ${words}: ${origin}: the answer has the status 503`]);
    expect(said(`${words}: ${origin}: the answer has the status 503`)).toBe(1);
    expect(lines.join()).not.toContain('/feed');
    expect(run.plan.warnings).toMatchObject([{ message: expect.stringContaining('the list far stays as it is') }]);
    // What is no list is none, either.
    answer = { status: 200, body: '{"message":"later"}' };
    await reload();
    expect(await judged('/data/one')).toEqual(['/data/one']);
    answer = { status: 200, body: '/data/two\n' };
    await reload();
    expect(await judged('/data/one', '/data/two')).toEqual(['/data/two']);
    expect(run.status().problems).toEqual([]);
    await run.stop(1000);
  });

  it('goes on with what was read since the start, also where nothing else has changed', async () => {
    const { run, judged, reload } = await started(`url: "${url}", refresh: 1s`);
    await reload();
    answer = { status: 200, body: '/data/two\n' };
    await until(async () => (await judged('/data/two')).length > 0);
    down();
    await reload();
    expect(await judged('/data/one', '/data/two')).toEqual(['/data/two']);
    expect(run.status().problems).toEqual([expect.stringContaining('the list far stays as it is: ')]);
    answer = { status: 200, body: '/data/three\n' };
    await until(async () => (await judged('/data/three')).length > 0);
    await until(() => run.status().problems.length === 0);
    await run.stop(1000);
  });

  it('was never read: that is said, a problem, and a series of 0, until it is', async () => {
    down();
    const { run, judged, lines, reload } = await started(`url: "${url}", optional: true`);
    const words = 'the list far was never read: its rules see no items';
    const isSaid = () => lines.filter((line) => line.includes(words)).length;
    expect(run.status().problems).toEqual([
      `operator detect: ${words} until a reload reads it: ${origin}: the answer has the status 503`,
    ]);
    expect([isSaid(), series(run), await judged('/data/one')]).toEqual([1, '0', []]);
    await reload();
    expect(run.status().problems).toHaveLength(1);
    answer = { status: 200, body: '/data/one\n' };
    await reload();
    expect([isSaid(), series(run), await judged('/data/one')]).toEqual([1, '1', ['/data/one']]);
    expect(run.status().problems).toEqual([]);
    await run.stop(1000);
    down();
    const again = await started(`url: "${url}", optional: true, refresh: 1s`);
    const failures = () => again.run.metrics.get('detect')?.byLabel('list_failures').far ?? 0;
    await until(() => failures() > 1);
    expect(again.lines.filter((line) => line.includes(words))).toHaveLength(1);
    expect(again.run.status().problems).toEqual([
      `operator detect: ${words}: ${origin}: the answer has the status 503`,
    ]);
    expect(series(again.run)).toBe('0');
    answer = { status: 200, body: '/data/one\n' };
    await until(() => again.run.status().problems.length === 0);
    expect([series(again.run), await again.judged('/data/one')]).toEqual(['1', ['/data/one']]);
    await again.run.stop(1000);
  });

  it('an optional file that is missing is said, and no problem', async () => {
    const { run, lines } = await started('file: missing.txt, optional: true');
    expect(lines.filter((line) => line.includes('the list far was never read'))).toHaveLength(1);
    expect(run.status().problems).toEqual([]);
    await run.stop(1000);
  });
});

describe('a list from the web', () => {
  it('is there before the first event, and asked for again with its tag', async () => {
    answer = { status: 200, body: '/data/one\n', tag: '"a"' };
    const { run, judged } = await started(`url: "${url}", refresh: 1s`);
    expect(asked).toEqual([undefined]);
    expect(await judged('/data/one', '/data/two')).toEqual(['/data/one']);
    await until(() => asked.includes('"a"'));
    expect(await judged('/data/one')).toEqual(['/data/one']);
    answer = { status: 200, body: '/data/two\n', tag: '"b"' };
    await until(async () => (await judged('/data/two')).length > 0);
    expect(await judged('/data/one')).toEqual([]);
    answer = { status: 500, body: '' };
    const before = asked.length;
    await until(() => asked.length > before);
    expect(await judged('/data/two')).toEqual(['/data/two']);
    await run.stop(1000);
  });

  it('that cannot be had refuses the start, at its place; unless it is optional', async () => {
    answer = { status: 404, body: 'no such thing' };
    const refused = await started(`url: "${url}"`).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(UserError);
    expect((refused as UserError).diagnostics).toMatchObject([
      {
        code: 'LOAD_ERR_FILE_READ',
        message: `Cannot read ${shownUrl}: the answer has the status 404`,
        at: { line: 2 },
      },
    ]);
    const { run, judged } = await started(`url: "${url}", optional: true`);
    expect(await judged('/data/one')).toEqual([]);
    await run.stop(1000);
  });

  it('that is optional and not there yet: no open is wanted because of it before it is', async () => {
    answer = { status: 404, body: '' };
    const { run, judged } = await started(`url: "${url}", optional: true, refresh: 1s`);
    const wanted = () => run.plan.sources[0]?.demand.get('syscall')?.where?.get('openat');
    expect(wanted()).toEqual([]);
    answer = { status: 200, body: '/data/one\n' };
    await until(async () => (await judged('/data/one')).length > 0);
    const path = { of: 'text', kind: 'prefix', value: '/data/one' };
    expect(wanted()).toEqual([{ paths: [path] }, { comms: ['/data/one'] }]);
    // What cannot be had any more stays as it was.
    answer = { status: 404, body: '' };
    const before = asked.length;
    await until(() => asked.length > before + 1);
    expect(await judged('/data/one', '/data/two')).toEqual(['/data/one']);
    expect(wanted()).toHaveLength(2);
    await run.stop(1000);
  });

  it('where nobody answers', async () => {
    const gone = createServer();
    await new Promise<void>((done) => gone.listen(0, '127.0.0.1', done));
    const { port } = gone.address() as AddressInfo;
    await new Promise((done) => gone.close(done));
    const error = await started(`url: "http://127.0.0.1:${port}/"`).catch((thrown: unknown) => thrown);
    expect((error as UserError).diagnostics[0]?.message).toContain('ECONNREFUSED');
  });
});
