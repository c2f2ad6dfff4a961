import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Event } from '../../src/core/event.ts';
import type { WriteError } from '../../src/core/failure/write-error.ts';
import { file } from '../../src/sinks/file.ts';
import { recordedLog } from '../core/shared.ts';
import { scratch } from '../scratch.ts';
import { childOf } from './children.ts';
import { alertOf, never, openSink, recordOf } from './shared.ts';

let folder = '';
beforeEach(() => {
  folder = scratch();
});

const rulesIn = (path: string) =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line).rule);

describe('the sink file', () => {
  it('appends JSON lines to a file, which it makes with its folder and mode', async () => {
    const path = join(folder, 'made', 'alerts.jsonl');
    for (const rules of [['a', 'b'], ['c']]) {
      const sink = await openSink(file, { path, mode: '640' });
      await sink.write(
        rules.map((rule) => alertOf(rule)),
        never,
      );
      await sink.close();
    }
    expect(rulesIn(path)).toEqual(['a', 'b', 'c']);
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(readFileSync(path, 'utf8')).toMatch(/\}\n$/);
  });

  it('writes text when asked to, and keeps the mode of a file that is there', async () => {
    const path = join(folder, 'alerts.log');
    writeFileSync(path, '', { mode: 0o604 });
    const sink = await openSink(file, { path, format: 'text', iso8601: true });
    await sink.write([alertOf('a'), recordOf({ 'proc.name': 'cat' })], never);
    await sink.close();
    expect(readFileSync(path, 'utf8').split('\n')).toEqual([
      expect.stringMatching(/^2023.*: Warning a happened/),
      expect.stringMatching(/^2023.*: syscall open proc.name=cat$/),
      '',
    ]);
    expect(statSync(path).mode & 0o777).toBe(0o604);
  });

  it('after a rotation goes on in a new file; nothing is lost, nothing twice', async () => {
    const path = join(folder, 'alerts.jsonl');
    const sink = await openSink(file, { path });
    for (let n = 0; n < 20; n++) {
      const writing = sink.write([alertOf(`rule ${n}`)], never);
      if (n % 5 === 4) {
        renameSync(path, `${path}.${n}`);
        // SIGUSR1 comes whenever it comes, also in the middle of a write.
        await Promise.all([writing, sink.reopen?.()]);
      }
      await writing;
    }
    await sink.close();
    const all = [4, 9, 14, 19].map((n) => rulesIn(`${path}.${n}`));
    expect([...all.flat(), ...rulesIn(path)]).toEqual(Array.from({ length: 20 }, (_, n) => `rule ${n}`));
    expect(all.every((rules) => rules.length > 0)).toBe(true);
  });

  it('that is a pipe is written as long as somebody reads it; else that is said, and a write that waits can be given up', async () => {
    const path = join(folder, 'pipe');
    execFileSync('mkfifo', [path]);
    const sink = await openSink(file, { path });
    const reader = () => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const chunk = Buffer.alloc(1 << 20);
    const got = (fd: number) => chunk.toString('utf8', 0, readSync(fd, chunk)).trim();
    for (const rule of ['a', 'b']) {
      await expect(sink.write([alertOf('lost')], never)).rejects.toThrow(`nobody reads ${path}`);
      const fd = reader();
      await sink.write([alertOf(rule)], never);
      expect(JSON.parse(got(fd)).rule).toBe(rule);
      closeSync(fd);
    }
    const fd = reader();
    const more = Array.from({ length: 2000 }, (_, n) => alertOf(`r${n}`));
    await expect(sink.write(more, AbortSignal.timeout(100))).rejects.toThrow('timeout');
    await sink.reopen?.();
    got(fd);
    await sink.write([alertOf('c')], never);
    expect(JSON.parse(got(fd)).rule).toBe('c');
    await sink.close();
    closeSync(fd);
  });

  it('that is a pipe whose reader is slow has each line once: a write that is given up says what is there', async () => {
    const path = join(folder, 'pipe');
    execFileSync('mkfifo', [path]);
    const sink = await openSink(file, { path });
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const all = Array.from({ length: 2000 }, (_, n) => alertOf(`r${n}`));
    const chunk = Buffer.alloc(1 << 20);
    const text: string[] = [];
    let tries = 0;
    for (let left: readonly Event[] = all; left.length > 0; tries++) {
      const error: WriteError | undefined = await sink.write(left, AbortSignal.timeout(30)).then(
        () => undefined,
        (reason) => reason,
      );
      left = error ? (error.again ?? left) : [];
      text.push(chunk.toString('utf8', 0, readSync(fd, chunk)));
    }
    await sink.close();
    closeSync(fd);
    expect(tries).toBeGreaterThan(3);
    const lines = text.join('').trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).rule)).toEqual(all.map(({ type }) => type));
  });

  it('that was removed is made anew before more is written; that cannot be, and nothing counts as written', async () => {
    const path = join(folder, 'logs', 'alerts.jsonl');
    for (const more of [{}, { rotate: { size: '1MiB' } }]) {
      const { log, lines } = recordedLog();
      const sink = await openSink(file, { path, ...more }, undefined, { log, lines });
      await sink.write([alertOf('a')], never);
      rmSync(path);
      await sink.write([alertOf('b')], never);
      expect(rulesIn(path)).toEqual(['b']);
      rmSync(join(folder, 'logs'), { recursive: true });
      writeFileSync(join(folder, 'logs'), 'no folder');
      for (let again = 0; again < 3; again++)
        await expect(sink.write([alertOf('c')], never)).rejects.toThrow('ENOTDIR');
      expect(lines).toHaveLength(1);
      rmSync(join(folder, 'logs'));
      await sink.write([alertOf('c')], never);
      await sink.close();
      expect(lines).toEqual(Array(2).fill(`warn: ${path} was removed by somebody: it was made anew`));
      expect(rulesIn(path)).toEqual(['c']);
      rmSync(path);
    }
  });

  it('a file without a name, given by its descriptor, is written as it is', async () => {
    const path = join(folder, 'nameless');
    const fd = openSync(path, 'w+');
    rmSync(path);
    const sink = await openSink(file, { path: `/proc/self/fd/${fd}` });
    await sink.write([alertOf('a')], never);
    await sink.write([alertOf('b')], never);
    await sink.close();
    expect(readFileSync(fd, 'utf8').trim().split('\n')).toHaveLength(2);
    closeSync(fd);
  });

  it('that may not be opened, or not be opened again, says what and goes on where it was', async () => {
    await expect(openSink(file, { path: join(folder, 'a', 'b', 'c.log') })).rejects.toThrow(/ENOENT.*c\.log/);
    await expect(openSink(file, { path: folder })).rejects.toThrow(/EISDIR/);
    const path = join(folder, 'alerts.jsonl');
    const sink = await openSink(file, { path });
    renameSync(path, `${path}.1`);
    execFileSync('mkdir', [path]);
    await expect(sink.reopen?.()).rejects.toThrow(/EISDIR/);
    await sink.write([alertOf('after')], never);
    await sink.close();
    expect(rulesIn(`${path}.1`)).toEqual(['after']);
  });

  it('a full disk is an error; the next try goes on where it tore a line', async () => {
    const full = await openSink(file, { path: '/dev/full' });
    await expect(full.write([alertOf('a')], never)).rejects.toThrow(/ENOSPC/);
    await full.close();
    // Under a limit of 1 KiB two lines fit and a third is torn; then the limit is lifted.
    for (const count of [4, 6]) {
      const path = join(folder, `again-${count}.jsonl`);
      expect(childOf('torn', [path, '0', String(count)]).stdout).toBe('EFBIG\n');
      expect(rulesIn(path)).toEqual(Array.from({ length: count }, (_, n) => `r${n}`));
    }
  });

  it('a line that was torn by a full disk stays alone when something else comes, and what comes is whole', () => {
    const path = join(folder, 'alerts.jsonl');
    expect(childOf('torn', [path, '7', '2']).stdout).toBe('EFBIG\n');
    const lines = readFileSync(path, 'utf8').split('\n');
    const torn = 1024 - (lines[0]?.length ?? 0) - (lines[1]?.length ?? 0) - 2;
    expect(lines.map((line) => /"rule":"(r\d)".*\}$/.exec(line)?.[1] ?? line.length)).toEqual([
      ...['r0', 'r1', torn, 'r7', 'r8', 0],
    ]);
  });

  it('a line that a run left torn when it was killed stays alone, at the start and after a rotation', async () => {
    const path = join(folder, 'alerts.jsonl');
    writeFileSync(path, '{"rule":"a"}\n{"ru');
    const sink = await openSink(file, { path });
    await sink.write([alertOf('b')], never);
    renameSync(path, `${path}.1`);
    writeFileSync(path, '{"rul');
    await sink.reopen?.();
    await sink.write([alertOf('c')], never);
    await sink.close();
    const linesOf = (name: string) => readFileSync(name, 'utf8').split('\n');
    expect(linesOf(`${path}.1`)).toEqual(['{"rule":"a"}', '{"ru', expect.stringMatching(/"rule":"b".*\}$/), '']);
    expect(linesOf(path)).toEqual(['{"rul', expect.stringMatching(/"rule":"c".*\}$/), '']);
  });

  it('writes nothing for a write that was given up', async () => {
    const path = join(folder, 'alerts.jsonl');
    const sink = await openSink(file, { path });
    await expect(sink.write([alertOf('a')], AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late');
    await sink.close();
    expect(readFileSync(path, 'utf8')).toBe('');
  });

  it('reads a mode as octal digits only', () => {
    for (const mode of ['600', '0640', '777']) expect(file.config.safeParse({ path: 'x', mode }).success).toBe(true);
    for (const mode of ['888', '0o600', 600, 'rw', ''])
      expect(file.config.safeParse({ path: 'x', mode }).success).toBe(false);
  });
});
