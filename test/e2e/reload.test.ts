/** A pipeline that is loaded anew while it runs: by every way in which files change, and without a gap in what is seen. */

import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { scratch } from '../scratch.ts';
import { cannotTrace, Program, repository, Stage } from './program.ts';

const record = (n: number) =>
  JSON.stringify({
    source: 'syscall',
    time: 1_700_000_000_000_000_000,
    type: 'open',
    fields: { 'proc.name': `p${n}` },
  });

/** A source that goes on for long, and a field that tells which version of the file is at work. */
const versioned = (version: string, more = '') => `sources: { past: { type: replay, files: events.jsonl, rate: 200 } }
operators: { mark: { type: map, from: past, set: { v: '${version}' } }${more} }
sinks: { out: { type: stdout, from: ${more ? 'last' : 'mark'}, format: json } }
`;

const runs: Program[] = [];
afterEach(async () => {
  for (const run of runs.splice(0)) if (run.code === null) await run.stop('SIGKILL');
});

function folderWithEvents(): string {
  const folder = scratch();
  writeFileSync(join(folder, 'events.jsonl'), Array.from({ length: 20_000 }, (_, n) => `${record(n)}\n`).join(''));
  return folder;
}

async function started(path: string, ...more: string[]): Promise<Program> {
  const run = Program.start(['run', path, ...more]);
  runs.push(run);
  await run.ready();
  return run;
}

/** Waits for texts in a file that grows, one after the other. */
class Growing {
  readonly #path: string;
  #at = 0;
  #latest = '';

  constructor(path: string) {
    this.#path = path;
  }

  async until(text: string): Promise<void> {
    for (this.#read(); !this.#latest.includes(text); this.#read()) await sleep(20);
  }

  #read(): void {
    const file = openSync(this.#path, 'r');
    const bytes = Buffer.alloc(1 << 20);
    for (let count = 1; count > 0; this.#at += count) {
      count = readSync(file, bytes, 0, bytes.length, this.#at);
      this.#latest = (this.#latest + bytes.toString('latin1', 0, count)).slice(-2 * bytes.length);
    }
    closeSync(file);
  }
}

/** Waits until events show that a version is at work. */
const shows = (run: Program, version: string) => run.until(({ stdout }) => stdout.includes(`"v":"${version}"`));

/** The numbers of the events, in the order in which they came. */
const numbers = (run: Program) => [...run.stdout.matchAll(/"proc\.name":"p(\d+)"/g)].map(([, n]) => Number(n));

/** Every event once, in order: none missing, none twice. */
function expectSeamless(run: Program): void {
  const seen = numbers(run);
  expect(seen).toEqual(seen.map((_, index) => index));
}

describe('a pipeline file that changes', () => {
  test('by a write, a rename, a folder that is replaced, a signal: each is loaded, and no event is lost', async () => {
    const folder = folderWithEvents();
    const path = join(folder, 'pipeline.yaml');
    writeFileSync(path, versioned('one'));
    const run = await started(path);
    await shows(run, 'one');
    writeFileSync(path, versioned('two'));
    await shows(run, 'two');
    writeFileSync(`${path}.new`, versioned('three'));
    renameSync(`${path}.new`, path);
    await shows(run, 'three');
    renameSync(path, `${path}~`); // as editors do
    writeFileSync(path, versioned('four'));
    await shows(run, 'four');
    run.child.kill('SIGHUP');
    await run.until(({ stderr }) => stderr.includes('reloaded (SIGHUP)'));
    expect(run.stderr).toContain('as before');
    expect(await run.stop()).toBe(0);
    expectSeamless(run);
  });

  test('by a ConfigMap, whose ..data link is turned to another folder', async () => {
    const folder = folderWithEvents();
    const put = (name: string, text: string) => {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'pipeline.yaml'), text.replace('events.jsonl', join(folder, 'events.jsonl')));
      symlinkSync(name, join(folder, '..data_tmp'));
      renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
    };
    put('..2026_1', versioned('one'));
    symlinkSync('..data/pipeline.yaml', join(folder, 'pipeline.yaml'));
    const run = await started(join(folder, 'pipeline.yaml'));
    await shows(run, 'one');
    put('..2026_2', versioned('two'));
    rmSync(join(folder, '..2026_1'), { recursive: true });
    await shows(run, 'two');
    put('..2026_3', versioned('three'));
    rmSync(join(folder, '..2026_2'), { recursive: true });
    await shows(run, 'three');
    expect(await run.stop()).toBe(0);
    expectSeamless(run);
  });

  test('to something wrong: that is said with its place, the old one goes on; what it names and lacks is waited for', async () => {
    const folder = folderWithEvents();
    const path = join(folder, 'pipeline.yaml');
    writeFileSync(path, versioned('one'));
    const run = await started(path);
    writeFileSync(path, versioned('two').replace('type: map', 'type: mapp'));
    await run.until(({ stderr }) =>
      stderr.includes('not reloaded (a file has changed), the pipeline goes on as before'),
    );
    expect(run.stderr).toContain('pipeline.yaml:2:');
    expect(run.stderr).toContain('Did you mean \\"map\\"?');
    const judged = `, detect: { type: rules, from: mark, files: mine.yaml }, last: { type: filter, from: mark, condition: evt.type = open }`;
    const text = versioned('three', judged).replace('from: last', 'from: [last, detect]');
    writeFileSync(path, text);
    await run.until(({ stderr }) => stderr.includes('Cannot read mine.yaml'));
    expect(run.stdout).not.toContain('"v":"three"');
    const rule = (name: string) =>
      `- rule: ${name}\n  desc: d\n  condition: proc.name startswith p\n  output: "%proc.name"\n  priority: INFO\n`;
    writeFileSync(join(folder, 'mine.yaml'), rule('first'));
    await run.until(({ stdout }) => stdout.includes('"rule":"first"'));
    // A rules file alone may change as well.
    writeFileSync(join(folder, 'mine.yaml'), rule('second'));
    await run.until(({ stdout }) => stdout.includes('"rule":"second"'));
    // One that is cut short silences no rule.
    const status = async () => (await Program.run(['status', path])).stdout;
    expect(await status()).not.toContain('not reloaded');
    writeFileSync(join(folder, 'mine.yaml'), '');
    await run.until(({ stderr }) => stderr.includes('mine.yaml:1:1: error: The file is empty'));
    expect(await status()).toContain(
      'problem: not reloaded, it runs as before: mine.yaml:1:1: error: The file is empty',
    );
    writeFileSync(join(folder, 'mine.yaml'), rule('third'));
    await run.until(({ stdout }) => stdout.includes('"rule":"third"'));
    expect(await status()).not.toContain('not reloaded');
    expect(await run.stop()).toBe(0);
  });

  test('when a list has other items in the file that a rules file names; one that is read again by itself needs no reload', async () => {
    const folder = folderWithEvents();
    const path = join(folder, 'pipeline.yaml');
    const rule = (name: string, from: string) =>
      `- list: ${name}s\n  items_from: { ${from} }\n- rule: ${name}\n  desc: d\n  condition: proc.name in (${name}s)\n  output: "%proc.name"\n  priority: INFO\n`;
    writeFileSync(
      join(folder, 'rules.yaml'),
      rule('listed', 'file: list.txt') + rule('fresh', 'file: own.txt, refresh: 1s'),
    );
    const items = (name: string, from: number, to: number) =>
      writeFileSync(join(folder, name), Array.from({ length: to - from }, (_, n) => `p${from + n}\n`).join(''));
    items('list.txt', 0, 1);
    items('own.txt', 0, 1);
    const judged = `, detect: { type: rules, from: mark, files: rules.yaml }, last: { type: filter, from: mark, condition: evt.type = open }`;
    writeFileSync(path, versioned('one', judged).replace('from: last', 'from: [last, detect]'));
    const run = await started(path);
    await run.until(({ stdout }) => stdout.includes('"rule":"listed"'));
    items('own.txt', 0, 20_000);
    await run.until(({ stdout }) => (stdout.match(/"rule":"fresh"/g) ?? []).length > 100);
    expect(run.stderr).not.toContain('reloaded');
    items('list.txt', 0, 20_000);
    await run.until(({ stdout }) => (stdout.match(/"rule":"listed"/g) ?? []).length > 100);
    expect(run.stderr).toMatch(/reloaded \(a file has changed\): sha256:[0-9a-f]{64}, 2 rules"/);
    expect(await run.stop()).toBe(0);
  });

  test('when a file comes to a folder of rules, or leaves it', async () => {
    const folder = folderWithEvents();
    const path = join(folder, 'pipeline.yaml');
    mkdirSync(join(folder, 'rules.d'));
    const rule = (name: string) =>
      `- rule: ${name}\n  desc: d\n  condition: evt.type = open\n  output: o\n  priority: INFO\n`;
    writeFileSync(join(folder, 'rules.d/b.yaml'), rule('second'));
    writeFileSync(join(folder, 'rules.d/README.md'), 'not rules');
    const judged =
      ', detect: { type: rules, from: mark, files: rules.d, matching: first }, last: { type: filter, from: mark, condition: evt.type = close }';
    writeFileSync(path, versioned('one', judged).replace('from: last', 'from: [last, detect]'));
    const run = await started(path);
    await run.until(({ stdout }) => stdout.includes('"rule":"second"'));
    // By name: what sorts before it is judged before it.
    writeFileSync(join(folder, 'rules.d/a.yml'), rule('first'));
    await run.until(({ stdout }) => stdout.includes('"rule":"first"'));
    rmSync(join(folder, 'rules.d/a.yml'));
    await run.until(({ stderr }) => (stderr.match(/reloaded \(a file has changed\)/g) ?? []).length === 2);
    expect(await run.stop()).toBe(0);
  });

  test('not when that is not wanted', async () => {
    const folder = folderWithEvents();
    const path = join(folder, 'pipeline.yaml');
    writeFileSync(path, versioned('one'));
    const run = await started(path, '--no-watch');
    writeFileSync(path, versioned('two'));
    const before = numbers(run).length;
    await run.until(() => numbers(run).length > before + 100);
    expect(run.stderr).not.toContain('reloaded');
    run.child.kill('SIGHUP');
    await shows(run, 'two');
    expect(await run.stop()).toBe(0);
  });
});

test('a component of ones own that changes, or a file that it imports, is loaded anew; one with a fault is not', async () => {
  const folder = folderWithEvents();
  writeFileSync(
    join(folder, 'mine.ts'),
    `import { change, defineOperator, EventRecord } from 'falco-pipe';
import { z } from 'zod';
import { word } from './word.ts';
export default defineOperator({ type: 'mine', summary: 's', config: z.strictObject({}), examples: [], reads: [],
  create: () => change((e) => new EventRecord(e.source, e.type, e.time, { 'proc.name': e.get('proc.name'), v: word } as never)) });`,
  );
  const word = (text: string) => writeFileSync(join(folder, 'word.ts'), `export const word: string = ${text};\n`);
  word("'one'");
  const path = join(folder, 'pipeline.yaml');
  writeFileSync(
    path,
    `${versioned('x').replace(/mark: \{[^}]*\} \}/, 'mark: { type: mine, from: past }')}components: [./mine.ts]\n`,
  );
  const run = await started(path);
  await shows(run, 'one');
  word("'two'");
  await shows(run, 'two');
  word('nowhere');
  await run.until(({ stderr }) => stderr.includes('not reloaded'));
  expect(run.stderr).toContain('nowhere is not defined');
  word("'three'");
  await shows(run, 'three');
  expect(await run.stop()).toBe(0);
  expectSeamless(run);
});

describe.skipIf(cannotTrace)(`kernel events${cannotTrace ? ` (skipped: ${cannotTrace})` : ''}`, () => {
  test('under load: through twenty reloads every file of a series is seen once, and no record is dropped', async () => {
    const folder = scratch();
    const stage = new Stage();
    const path = join(folder, 'pipeline.yaml');
    const rules = join(folder, 'rules.yaml');
    // Every other version wants of the kernel what the one before did not.
    const more = (n: number) =>
      `- rule: Folder ${n}\n  desc: d\n  condition: evt.type in (mkdir, mkdirat) and evt.rawres >= 0\n  output: "made"\n  priority: INFO\n`;
    const write = (n: number) => {
      writeFileSync(
        rules,
        `- rule: Series ${n}\n  desc: d\n  condition: evt.type in (open, openat, openat2, creat) and fd.name contains series-\n  output: "%fd.name"\n  priority: INFO\n${n % 2 ? more(n) : ''}`,
      );
    };
    write(0);
    writeFileSync(
      path,
      `sources: { node: { type: ebpf, ring: 64MiB, scope: { descendants_of: ${stage.pid} } } }
operators: { detect: { type: rules, from: node, files: [rules.yaml, ${repository}/rules/host.yaml] } }
sinks: { out: { type: file, path: alerts.jsonl, from: detect, queue: { events: 1000000, size: 1GiB } } }
`,
    );
    const run = await started(path);
    const files = join(folder, 'files');
    mkdirSync(files);
    await stage.run(`(i=0; while [ ! -e ${folder}/enough ]; do : > ${files}/series-$i-; i=$((i+1)); done) &`);
    const raised = new Growing(join(folder, 'alerts.jsonl'));
    for (let n = 1; n <= 20; n++) {
      write(n);
      // Files are made all the time: their alerts tell which version is in force.
      await raised.until(`"Series ${n}"`);
      await stage.run(`mkdir ${folder}/made-${n}`);
      // What still waits in the ring at a reload is judged by the new rules.
      if (n % 2 === 1) await raised.until(`"Folder ${n}"`);
    }
    writeFileSync(join(folder, 'enough'), '');
    await stage.run('wait');
    const total = readdirSync(files).length;
    await stage.run(`: > ${files}/series-end-`);
    while (!readFileSync(join(folder, 'alerts.jsonl'), 'utf8').includes('series-end-')) await sleep(100);
    expect(await run.stop()).toBe(0);
    expect(run.stderr).toContain('dropped 0');
    await stage.close();
    const alerts = readFileSync(join(folder, 'alerts.jsonl'), 'utf8');
    const seen = [...alerts.matchAll(/"output":"[^"]*series-(\d+)-"/g)].map(([, n]) => Number(n));
    expect(seen).toEqual(Array.from({ length: total }, (_, n) => n));
    // The last version is in force; and each that asked for more of the kernel got it.
    expect(alerts).toContain('"rule":"Series 20"');
    const made = [...alerts.matchAll(/"rule":"Folder (\d+)"/g)].map(([, n]) => Number(n));
    expect(made).toEqual([1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
  }, 120_000);
});
