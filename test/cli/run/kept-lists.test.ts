/** Lists from the web are kept in the state folder: a start goes on with what it had last where their address gives none. */

import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { failure } from '../../../src/cli/fail.ts';
import { UserError } from '../../../src/core/errors.ts';
import { loadPlan } from '../../../src/pipeline/plan/load.ts';
import { Run } from '../../../src/pipeline/run/run.ts';
import { Store } from '../../../src/store/store.ts';
import { recordedLog } from '../../core/shared.ts';
import { records } from '../../e2e/recorded.ts';
import { scratch } from '../../scratch.ts';

type Handler = (response: ServerResponse, request: IncomingMessage) => unknown;

let folder: string;
let lists: string;
let url: string;
let answer: Handler;
let asked: IncomingMessage[] = [];
const server = createServer((request, response) => {
  asked.push(request);
  answer(response, request);
});

beforeAll(async () => {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});
afterAll(() => void server.close());
beforeEach(() => {
  folder = scratch();
  lists = join(folder, 'state', 'lists');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/feed?key=s3cr3t`;
  answer = gives('/etc/f0\n/etc/f2\n');
  rules();
});

const gives =
  (body: string | Uint8Array, headers = {}): Handler =>
  (response) =>
    response.writeHead(200, headers).end(body);
const fails =
  (status: number): Handler =>
  (response) =>
    response.writeHead(status).end();
const down: Handler = (response) => response.destroy();

/** Rules with lists, each from the web; what is opened of one is an alert. */
function rules(from = '', names: readonly string[] = ['far']): void {
  const each = (name: string) => `- list: ${name}
  items_from: { url: "${url}&of=${name}"${from} }
- rule: Of ${name}
  desc: d
  condition: evt.type = openat and fd.name in (${name})
  output: "%fd.name"
  priority: NOTICE
`;
  writeFileSync(join(folder, 'rules.yaml'), names.map(each).join(''));
}

let runs = 0;
/** As `falco-pipe run` over five files that are opened: with what it ends, for which it raises alerts, what it says of lists. */
async function run({ state = 'state' } = {}) {
  const events = `events-${++runs}.jsonl`; // of another file none is settled
  const [path, out] = [join(folder, 'p.yaml'), join(folder, `alerts-${runs}.jsonl`)];
  writeFileSync(join(folder, events), records(5));
  writeFileSync(
    path,
    `sources: { past: { type: replay, files: ${events} } }
operators: { detect: { type: rules, from: past, files: rules.yaml } }
sinks: { out: { type: file, from: detect, path: ${out} } }
state: ${state}
`,
  );
  asked = [];
  const { log, lines } = recordedLog();
  try {
    const { plan, copies } = await loadPlan(path, [], new Map(), { here: true });
    const store = await Store.open(plan.state as string, () => {});
    await copies?.sweep();
    const running = await Run.start(plan, { log, resolve: (each) => resolve(folder, each), store });
    await running.over;
    const { problems } = running.status();
    const { list_read: read, list_failures: failures } = Object.fromEntries(
      ['list_read', 'list_failures'].map((name) => [name, running.metrics.get('detect')?.byLabel(name)]),
    );
    await running.stop();
    await copies?.settled();
    await store.close();
    const alerts = [...readFileSync(out, 'utf8').matchAll(/Notice ([^"\s]+)/g)].map(([, name]) => name);
    return { code: 0, alerts, said: lines, problems, read, failures };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { code: error.exit, alerts: [], said: [failure(error)], problems: [], read: undefined, failures: undefined };
  }
}

/** A run that goes on, and may be loaded anew. */
async function goingOn() {
  writeFileSync(join(folder, 'slow.jsonl'), records(3600));
  const path = join(folder, 'slow.yaml');
  writeFileSync(
    path,
    `sources: { past: { type: replay, files: slow.jsonl, rate: 1 } }
operators: { detect: { type: rules, from: past, files: rules.yaml } }
sinks: { out: { type: file, from: detect, path: slow.out } }
state: state
`,
  );
  const { plan, copies } = await loadPlan(path, [], new Map(), { here: true });
  const { log, lines } = recordedLog();
  const running = await Run.start(plan, { log, resolve: (each) => resolve(folder, each) });
  const reload = async () => {
    const next = await loadPlan(path, [], new Map(), { here: true, running: running.plan, copies });
    await running.reload(next.plan);
  };
  return { running, reload, lines, settled: async () => copies?.settled() };
}

const copies = () => (existsSync(lists) ? readdirSync(lists) : []);
/** The only copy. */
const copy = () => join(lists, copies()[0] as string);

describe('an address that gives no list', () => {
  test.each<[string, Handler, RegExp]>([
    ['nobody is there', down, /other side closed/],
    ['the server fails', fails(503), /the answer has the status 503$/],
    ['there is none any more', fails(404), /the answer has the status 404$/],
    ['a login page', gives('<html>', { 'content-type': 'text/html' }), /the answer is a web page/],
    ['a login page that calls itself text', gives('<!DOCTYPE html>\n'), /line 1: it looks like a web page$/],
    ['gzip that is cut short', gives(gzipSync('/etc/f1\n').subarray(0, 20)), /it is gzip that cannot be unpacked/],
  ])('%s: a start goes on with the items that it had, and says so once', async (_, how, why) => {
    expect(await run()).toMatchObject({ code: 0, alerts: ['/etc/f0', '/etc/f2'], said: [], problems: [] });
    const { mtime } = statSync(copy());
    answer = how;
    for (const more of ['', ', optional: true']) {
      rules(more);
      const { code, alerts, said, problems, read, failures } = await run();
      expect([code, alerts, said.length, problems.length]).toEqual([0, ['/etc/f0', '/etc/f2'], 1, 1]);
      expect([read, failures]).toEqual([{ far: mtime.getTime() / 1000 }, { far: 1 }]);
      const words = `the list far goes on with the 2 items of ${mtime.toISOString()}, from the state folder until a reload reads it: `;
      expect(said[0]).toContain(`${words}${new URL(url).origin}: `);
      expect(problems[0]).toContain(`operator detect: ${words}`);
      for (const text of [said[0], problems[0]]) {
        expect(text).toMatch(why);
        expect(text).not.toContain('s3cr3t');
      }
    }
    answer = gives('/etc/f1\n');
    expect(await run()).toMatchObject({ code: 0, alerts: ['/etc/f1'], said: [] });
    answer = how;
    expect((await run()).alerts).toEqual(['/etc/f1']);
  });

  test('says nothing: a start with a copy does not wait for long, and asks again at once where it may', {
    timeout: 40_000,
  }, async () => {
    await run();
    const held: ServerResponse[] = [];
    answer = (response) => void held.push(response);
    rules(', refresh: 1h');
    const { running, lines } = await goingOn();
    expect(lines.filter((line) => line.includes('goes on with the 2 items of'))).toEqual([
      expect.stringContaining(': no answer within 5 s'),
    ]);
    await vi.waitFor(() => expect(held).toHaveLength(2), 10_000);
    held[1]?.end('/etc/f1\n');
    await vi.waitFor(() => expect(running.metrics.get('detect')?.byLabel('list_items').far).toBe(1), 10_000);
    expect(running.status().problems).toEqual([]);
    held[0]?.destroy();
    await running.stop(0);
  });

  test('goes on with its copy over reloads, until it gives one', async () => {
    await run();
    answer = down;
    const { running, reload, settled } = await goingOn();
    const shown = () => {
      const of = (name: string) => running.metrics.get('detect')?.byLabel(name).far;
      return { items: of('list_items'), read: of('list_read'), problems: running.status().problems.length };
    };
    const old = { items: 2, read: statSync(copy()).mtime.getTime() / 1000, problems: 1 };
    expect(shown()).toEqual(old);
    await reload();
    expect(shown()).toEqual(old);
    // Made anew with other rules it goes on with what runs, which is as old.
    appendFileSync(join(folder, 'rules.yaml'), '- macro: other\n  condition: (evt.type = open)\n');
    await reload();
    expect(shown()).toEqual(old);
    expect(running.status().problems[0]).toContain('goes on with the 2 items of');
    answer = gives('/etc/f1\n');
    await reload();
    expect(shown()).toMatchObject({ items: 1, problems: 0 });
    expect(shown().read).toBeGreaterThan(old.read);
    await running.stop(0);
    await settled();
    expect(readFileSync(copy(), 'utf8').endsWith('\n/etc/f1\n')).toBe(true);
  });

  test('a secret that is sent for it is missing', async () => {
    process.env.TEST_KEPT = 's3cr3t';
    rules(', headers: { authorization: { env: TEST_KEPT } }');
    expect((await run()).alerts).toHaveLength(2);
    delete process.env.TEST_KEPT;
    const { alerts, said } = await run();
    expect(alerts).toHaveLength(2);
    expect(said.join()).toContain('the environment variable TEST_KEPT is not set');
  });

  test('without a copy a start ends as it did, and says what would help', async () => {
    answer = down;
    const kept = 'Once a run with a state folder has read it, later ones start with the items that it had.';
    const first = await run();
    expect([first.code, first.alerts]).toEqual([75, []]);
    expect(first.said[0]).toContain(kept);
    answer = gives('/etc/f0\n');
    await run({ state: 'other' });
    for (const status of [204, 206, 404]) {
      answer = fails(status);
      // A later try would not help.
      expect(await run()).toMatchObject({ code: 78, said: [expect.not.stringContaining(kept)] });
    }
    expect((await run({ state: 'other' })).alerts).toEqual(['/etc/f0']);
    // What only looks is to find what is wrong.
    await expect(loadPlan(join(folder, 'p.yaml'))).rejects.toThrow();
  });

  test('each list has a copy of its own', async () => {
    const both: Handler = (response, { url: path }) => response.end(path?.endsWith('far') ? '/etc/f0\n' : '/etc/f1\n');
    answer = both;
    rules('', ['far', 'near']);
    expect((await run()).alerts).toEqual(['/etc/f0', '/etc/f1']);
    expect(copies()).toHaveLength(2);
    answer = (response, request) => (request.url?.endsWith('far') ? down : both)(response, request);
    const { alerts, said } = await run();
    expect([alerts, said.length]).toEqual([['/etc/f0', '/etc/f1'], 1]);
  });
});

describe('a copy', () => {
  test('is for its owner alone, has no secret in its name nor before its items, and is as it came', async () => {
    const packed = gzipSync('/etc/f0\n');
    answer = gives(packed);
    await run();
    expect(copies()).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)]);
    expect([lists, copy()].map((path) => statSync(path).mode & 0o777)).toEqual([0o700, 0o600]);
    const bytes = readFileSync(copy());
    expect(bytes.includes('s3cr3t')).toBe(false);
    expect(gunzipSync(bytes.subarray(-packed.length)).toString()).toBe('/etc/f0\n');
    answer = down;
    expect((await run()).alerts).toEqual(['/etc/f0']);
  });

  test('is read as the rules say by then; what they cannot use of it is said', async () => {
    answer = gives('name,path\nx,/etc/f1\ny,/etc/f3\n');
    rules(', format: csv, column: path');
    expect((await run()).alerts).toEqual(['/etc/f1', '/etc/f3']);
    answer = down;
    rules(', format: csv, column: 2');
    expect((await run()).alerts).toEqual(['/etc/f1', '/etc/f3']);
    rules(', format: csv, column: no_such');
    const { code, said } = await run();
    expect(code).toBe(75);
    expect(said[0]).toMatch(/; its copy in the state folder cannot be used: line 1: .*no_such/);
  });

  test.each<[string, () => unknown, RegExp]>([
    ['a bit of it is another one', () => flip(-2), /it is damaged/],
    ['one of what stands before it', () => flip(20), /it is damaged/],
    ['it is cut short', () => truncateSync(copy(), statSync(copy()).size - 1), /it is damaged/],
    ['more stands behind it', () => appendFileSync(copy(), '/etc/f1\n'), /it is damaged/],
    ["it is another list's", foreign, /it is damaged/],
    ['it is something else', () => writeFileSync(copy(), '/etc/f1\n'), /it is no copy of a list/],
    ['nothing is in it', () => truncateSync(copy(), 0), /it is no copy of a list/],
    ['it is a pipe', pipe, /it is a pipe, no regular file/],
  ])('that is damaged is not used, and said: %s', async (_, damage, why) => {
    const etag = '"1"';
    answer = gives('/etc/f0\n', { etag });
    await run();
    await damage();
    answer = down;
    const { code, said } = await run();
    expect([code, said[0]?.includes(`; its copy ${copy()} cannot be used: `)]).toEqual([75, true]);
    expect(said[0]).toMatch(why);
    rules(', optional: true');
    const without = await run();
    expect([without.alerts, without.said.length]).toEqual([[], 1]);
    expect(without.said[0]).toMatch(why);
    rules();
    answer = (response, request) =>
      request.headers['if-none-match'] === etag
        ? fails(304)(response, request)
        : gives('/etc/f2\n', { etag })(response, request);
    const next = await run();
    expect(next.alerts).toEqual(['/etc/f2']);
    if (asked.length > 1)
      expect(next.said).toEqual([expect.stringMatching(/the list far was read anew: its copy .* cannot be used: /)]);
    answer = down;
    expect((await run()).alerts).toEqual(['/etc/f2']);
  });

  function flip(at: number): void {
    const bytes = readFileSync(copy());
    const place = at < 0 ? bytes.length + at : at;
    bytes[place] = (bytes[place] as number) ^ 1;
    writeFileSync(copy(), bytes);
  }
  test('that is damaged while its list runs is written again once that is found', async () => {
    const etag = '"1"';
    answer = (response, request) =>
      request.headers['if-none-match'] === etag
        ? fails(304)(response, request)
        : gives('/etc/f0\n', { etag })(response, request);
    const { running, reload, settled, lines } = await goingOn();
    await settled();
    const before = readFileSync(copy());
    flip(-2);
    // What has not changed goes on as it is; one that is made anew keeps what it was made of.
    appendFileSync(join(folder, 'rules.yaml'), '- macro: other\n  condition: (evt.type = open)\n');
    await reload();
    await settled();
    expect(readFileSync(copy())).toEqual(before);
    expect(lines.filter((line) => line.includes('the list far was read anew: its copy '))).toHaveLength(1);
    await running.stop(0);
  });

  test.each([{ etag: '"1"' }, {}])('that is removed while its list runs is written again: %j', async (headers) => {
    rules(', refresh: 1s');
    answer = (response, request) =>
      'etag' in headers && request.headers['if-none-match'] === headers.etag
        ? fails(304)(response, request)
        : gives('/etc/f0\n', headers)(response, request);
    const { running, settled } = await goingOn();
    await settled();
    const before = readFileSync(copy());
    rmSync(copy());
    await vi.waitFor(() => expect(copies()).toHaveLength(1), 10_000);
    await settled();
    expect(readFileSync(copy())).toEqual(before);
    expect(running.metrics.get('detect')?.byLabel('list_refreshes').far).toBeUndefined();
    await running.stop(0);
  });

  async function foreign(): Promise<void> {
    rules('', ['near']);
    answer = gives('/etc/f1\n');
    await run({ state: 'other' });
    rules();
    const others = join(folder, 'other', 'lists');
    copyFileSync(join(others, readdirSync(others)[0] as string), copy());
  }
  function pipe(): void {
    const path = copy();
    rmSync(path);
    execFileSync('mkfifo', [path]);
  }

  test('that cannot be written is a trouble, and the run goes on', async () => {
    mkdirSync(join(folder, 'state'), { mode: 0o700 });
    writeFileSync(lists, '');
    const { code, alerts, said } = await run();
    expect([code, alerts, said.length]).toEqual([0, ['/etc/f0', '/etc/f2'], 1]);
    expect(said[0]).toContain('the list far cannot be kept in the state folder: ');
  });

  test('goes at the start of a run whose rules have no such list, and so does what a kill has left', async () => {
    rules('', ['far', 'near']);
    await run();
    const [one] = copies() as [string];
    copyFileSync(join(lists, one), join(lists, `${one}.new`));
    writeFileSync(join(lists, 'README'), '');
    rules('', ['near']);
    // Another one has the folder: nothing in it is touched.
    const store = await Store.open(join(folder, 'state'), () => {});
    expect((await run()).code).toBe(78);
    expect(copies()).toHaveLength(4);
    await store.close();
    expect((await run()).code).toBe(0);
    expect(copies()).toHaveLength(2);
    expect(copies()).toContain('README');
    answer = down;
    expect((await run()).code).toBe(0);
    rules('', ['far']);
    expect((await run()).code).toBe(75);
  });

  test('of a list that was empty from the beginning is empty', async () => {
    answer = gives('# soon\n');
    expect((await run()).alerts).toEqual([]);
    answer = gives('');
    const empty = [expect.stringContaining('the list far is empty: ')];
    expect(await run()).toMatchObject({ alerts: [], said: empty, problems: [] });
    answer = down;
    const { alerts, said } = await run();
    expect([alerts, said.length]).toEqual([[], 1]);
    expect(said[0]).toContain('goes on with the 0 items of');
  });

  test('that has far more items than the list has now: that is said, once', async () => {
    const items = (count: number) => Array.from({ length: count }, (_, index) => `/etc/f${index}\n`).join('');
    answer = gives(items(100));
    await run();
    answer = gives(items(1));
    const { alerts, said, problems } = await run();
    expect([alerts, problems]).toEqual([['/etc/f0'], []]);
    expect(said).toEqual([expect.stringMatching(/the list far: 100 → 1 item, from /)]);
    expect((await run()).said).toEqual([]);
    answer = gives(`${items(1)}no path\n`);
    expect((await run()).said).toEqual([expect.stringContaining('1 item without / in front, where all had one')]);
  });
});

describe('an address that gives an empty list', () => {
  test.each(['', '\n', '# nothing\n'])(
    '%j: a start goes on with the items that it had, as at a refresh',
    async (body) => {
      await run();
      const before = readFileSync(copy());
      answer = gives(body, { etag: '"empty"' });
      for (const more of ['', ', optional: true']) {
        rules(more);
        const { alerts, said, problems } = await run();
        expect(alerts).toEqual(['/etc/f0', '/etc/f2']);
        expect(said).toEqual([expect.stringMatching(/the list far goes on with the 2 items of .*: it has no items$/)]);
        expect(problems).toEqual([expect.stringMatching(/the list far goes on with .*: it has no items$/)]);
        expect(readFileSync(copy())).toEqual(before);
      }
    },
  );

  test.each(['', ', optional: true'])('a reload goes on with the items that run, and says so; %s', async (more) => {
    rules(more);
    const { running, reload, settled, lines } = await goingOn();
    await settled();
    const before = readFileSync(copy());
    answer = gives('');
    await reload();
    expect(running.metrics.get('detect')?.byLabel('list_items').far).toBe(2);
    expect(running.status().problems).toEqual([
      expect.stringMatching(/the list far stays as it is until a reload reads it: .*: it has no items$/),
    ]);
    expect(lines.filter((line) => line.includes('it has no items'))).toHaveLength(1);
    answer = gives('/etc/f1\n/etc/f3\n');
    await reload();
    expect([running.status().problems, lines.filter((line) => line.includes('→'))]).toEqual([[], []]);
    await running.stop(0);
    await settled();
    expect(readFileSync(copy())).not.toEqual(before);
  });
});

describe('what has not changed is not sent again', () => {
  const past = new Date(Date.now() - 60_000).toUTCString();
  test.each<[string, Record<string, string>, string]>([
    ['ETag', { etag: '"a"' }, 'if-none-match'],
    ['Last-Modified', { 'last-modified': past }, 'if-modified-since'],
  ])('told by %s', async (_, headers, header) => {
    const [value] = Object.values(headers);
    answer = (response, request) =>
      request.headers[header] === value
        ? fails(304)(response, request)
        : gives('/etc/f1\n', headers)(response, request);
    expect((await run()).alerts).toEqual(['/etc/f1']);
    const before = statSync(copy());
    const { alerts, said } = await run();
    expect([alerts, said, asked.map((each) => each.headers[header])]).toEqual([['/etc/f1'], [], [value]]);
    // It is as old as that answer.
    const after = statSync(copy());
    expect(after.ino).toBe(before.ino);
    expect(after.mtimeMs).toBeGreaterThan(before.mtimeMs);
  });

  test('what a new use cannot read of it stays a problem, also when its address has nothing new', async () => {
    answer = (response, request) =>
      request.headers['if-none-match'] === '"a"'
        ? fails(304)(response, request)
        : gives('/etc/f1\n', { etag: '"a"' })(response, request);
    rules(', refresh: 1s');
    const { running, reload, settled } = await goingOn();
    await settled();
    const path = join(folder, 'rules.yaml');
    writeFileSync(path, readFileSync(path, 'utf8').replace('fd.name in', 'fd.snet in'));
    await reload();
    const before = asked.length;
    while (asked.length < before + 2) await sleep(50);
    expect(running.status().problems[0]).toContain('rules that are new see no items of it');
    await running.stop(0);
  });

  test('what has changed in the second in which it was sent may change again', async () => {
    answer = (response, request) =>
      request.headers['if-modified-since'] === undefined
        ? gives('/etc/f1\n', { 'last-modified': new Date().toUTCString() })(response, request)
        : fails(304)(response, request);
    await run();
    await run();
    expect(asked.map((each) => each.headers['if-modified-since'])).toEqual([undefined]);
  });

  test('the items that are kept are those that were sent with what is asked by', async () => {
    answer = gives('/etc/f0\n', { etag: '"a"' });
    await run();
    answer = gives('/etc/f1\n');
    await run();
    await run();
    expect(asked.map((each) => each.headers['if-none-match'])).toEqual([undefined]);
  });
});
