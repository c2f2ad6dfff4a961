/** The log of a program whose standard error is not read, or cannot be written: the program goes on, and says what was lost. */

import { execFileSync, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, closeSync, constants, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { describe, expect, test, vi } from 'vitest';
import { scratch } from '../scratch.ts';

const LINES = 3000; // of a thousand bytes each: more than a pipe and what is kept can hold
const PREAMBLE = `const { createLogger } = await import(${JSON.stringify(resolve('src/core/log.ts'))});
  const log = createLogger();
  let count = 0;
  const say = () => log.info({ n: count++, pad: 'x'.repeat(1000) }, 'a line');`;

/** Runs a program that logs, with the standard error given. */
function run(script: string, stderr: number): SpawnSyncReturns<string> {
  const args = ['--input-type=module', '-e', `${PREAMBLE}\n${script}`];
  return spawnSync(process.execPath, args, { stdio: ['ignore', 'pipe', stderr], encoding: 'utf8', timeout: 20_000 });
}

test('a full disk under the standard error costs lines, not the program', () => {
  const full = openSync('/dev/full', 'w');
  const { status, stdout } = run("say(); setTimeout(() => { say(); console.log('went on'); }, 10);", full);
  closeSync(full);
  expect({ status, stdout }).toEqual({ status: 0, stdout: 'went on\n' });
});

test('once there is room again the log says how many lines were lost, and no line is torn', ({ skip }) => {
  const folder = scratch();
  const { status: mounted } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]);
  skip(mounted !== 0, 'a small disk cannot be mounted here');
  try {
    const log = join(folder, 'log');
    const fd = openSync(log, 'a');
    const script = `const { rmSync, writeFileSync } = await import('node:fs');
      writeFileSync('${folder}/ballast', 'x'.repeat(40_000));
      for (let n = 0; n < 100; n++) say();
      rmSync('${folder}/ballast');
      say();`;
    expect(run(script, fd).status).toBe(0);
    closeSync(fd);
    const lines = readFileSync(log, 'utf8').trim().split('\n');
    // The line that met the end of the disk is there in part.
    const whole = lines.filter((line) => line.endsWith('}')).map((line) => JSON.parse(line));
    expect(lines.length - whole.length).toBeLessThanOrEqual(1);
    const { lost, level, msg } = whole.at(-2);
    expect([level, msg]).toEqual([50, `${lost} lines of this log were lost: the standard error could not be written`]);
    expect(whole.at(-1).n).toBe(100);
    expect(lost).toBe(101 - (whole.length - 1));
  } finally {
    execFileSync('umount', [folder]);
  }
});

/** A pipe or socket pair: the end for the program, and ours, from which nothing is read yet. */
const ends = {
  'a pipe': () => {
    const path = join(scratch(), 'fifo');
    execFileSync('mkfifo', [path]);
    const ours = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return { theirs: openSync(path, constants.O_WRONLY), ours: new Socket({ fd: ours, writable: false }) };
  },
  'a socket': () => ({ theirs: 'pipe' as const, ours: undefined }),
};

test.each(Object.keys(ends) as (keyof typeof ends)[])(
  '%s that nobody reads holds nothing up; when it is read, lines come in order, and what is missing is said',
  async (kind) => {
    const { theirs, ours } = ends[kind]();
    const script = `for (let n = 0; n < ${LINES}; n++) say();
      console.log('went on');
      process.stdin.once('data', () => setInterval(say, 5));
      process.stdin.once('end', () => { process.stdout.write(String(count)); process.exit(0); });`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', `${PREAMBLE}\n${script}`], {
      stdio: ['pipe', 'pipe', theirs],
    });
    if (typeof theirs === 'number') closeSync(theirs);
    const stderr = (ours ?? child.stderr) as Readable;
    let said = '';
    child.stdout?.on('data', (data) => (said += data));
    while (!said.includes('went on')) await once(child.stdout as Readable, 'data');
    child.stdin?.write('go\n');
    let text = '';
    stderr.on('data', (data) => (text += data));
    while (!text.includes('"lost"')) await once(stderr, 'data');
    child.stdin?.end();
    await Promise.all([once(child, 'close'), ...(ours ? [once(ours, 'close')] : [])]);
    expect(tally(text)).toBe(Number(said.replace('went on\n', '')));
  },
);

test('what was lost is said also when nothing follows, and no line is torn', async () => {
  const { theirs, ours } = ends['a pipe']();
  const script = `for (let n = 0; n < 300; n++) log.info({ n, pad: 'x'.repeat(9000) }, 'a long line');
    console.log('went on');
    process.stdin.once('end', () => process.exit(0)).resume();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', `${PREAMBLE}\n${script}`], {
    stdio: ['pipe', 'pipe', theirs],
  });
  closeSync(theirs);
  await once(child.stdout as Readable, 'data');
  const text = await readUntil(ours, '"lost"');
  child.stdin?.end();
  await once(child, 'close');
  expect(tally(text)).toBe(300);
});

describe.skipIf(process.getuid?.() !== 0)("another user's terminal (skipped unless root: it takes two users)", () => {
  /** Runs a program as another user on a terminal of root's, as `su` does; what the terminal shows is read from it later. */
  const onTerminal = (script: string, session = 'exec') => {
    const folder = scratch();
    const program = join(folder, 'program.mjs');
    writeFileSync(program, `${PREAMBLE.replace('createLogger()', "createLogger({ style: 'json' })")}\n${script}`);
    chmodSync(folder, 0o777);
    const command = `${session} setpriv --reuid=65534 --regid=65534 --clear-groups ${process.execPath} ${program}`;
    return { folder, child: spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] }) };
  };

  test("nobody reads it, and it is the session's: that does not keep the program from its end", async () => {
    const { folder, child } = onTerminal(`const { writeFileSync } = await import('node:fs');
      for (let n = 0; n < ${LINES}; n++) say();
      writeFileSync(new URL('pid', import.meta.url), String(process.pid));`);
    // Who started it waits for the terminal: it is not taken away yet.
    const hasEnded = () => {
      const pid = readFileSync(join(folder, 'pid'), 'utf8');
      expect(readFileSync(`/proc/${pid}/stat`, 'utf8')).toMatch(/\) Z /);
    };
    await vi.waitFor(hasEnded, { timeout: 20_000 });
    child.stdout.resume();
    await once(child, 'close');
  });

  test('nobody reads it, and it is of no session: that holds nothing up, and what is missing is said', async () => {
    const { folder, child } = onTerminal(
      `const { writeFileSync } = await import('node:fs');
      for (let n = 0; n < ${LINES}; n++) say();
      setTimeout(() => writeFileSync(new URL('went-on', import.meta.url), ''), 10);`,
      'setsid -w',
    );
    await vi.waitFor(() => statSync(join(folder, 'went-on')), { timeout: 20_000 });
    const closed = once(child, 'close');
    const text = await readUntil(child.stdout, '"lost"');
    await closed;
    expect(tally(text)).toBe(LINES);
  });

  test('a program that ends at once has said all', async () => {
    for (const session of ['exec', 'setsid -w']) {
      const { child } = onTerminal('for (let n = 0; n < 20; n++) say(); process.exit(0);', session);
      const closed = once(child, 'close');
      const text = await readUntil(child.stdout, '"n":19');
      await closed;
      expect(tally(text)).toBe(20);
    }
  });
});

/** What comes until, and with, a line that has that. */
async function readUntil(from: Readable, mark: string): Promise<string> {
  let text = '';
  for await (const data of from.iterator({ destroyOnReturn: false })) {
    text += data;
    if (text.endsWith('\n') && text.includes(mark)) break;
  }
  from.resume();
  return text;
}

/** The lines of a log that are there, in order and whole, and those of which it says that they are lost. */
function tally(text: string): number {
  const lines = text
    .trimEnd()
    .split(/\r?\n/)
    .map((line) => JSON.parse(line) as { n?: number; lost?: number });
  const numbers = lines.flatMap(({ n }) => n ?? []);
  expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  return lines.reduce((sum, { lost = 1 }) => sum + lost, 0);
}

test('who reads nothing at all does not keep the program from its end', () => {
  const path = join(scratch(), 'fifo');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY);
  const { status, signal } = run(`for (let n = 0; n < ${LINES}; n++) say();`, writer);
  closeSync(writer);
  closeSync(reader);
  expect({ status, signal }).toEqual({ status: 0, signal: null });
});
