import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Context, Sink } from '../../src/core/component.ts';
import { WriteError } from '../../src/core/failure/write-error.ts';
import { Counters } from '../../src/core/metrics.ts';
import { program } from '../../src/sinks/program.ts';
import { Child } from '../../src/sinks/shared/child.ts';
import { recordedLog } from '../core/shared.ts';
import { scratch } from '../scratch.ts';
import { until } from './servers.ts';
import { alertOf, never, openSink } from './shared.ts';

let folder = '';
beforeEach(() => {
  folder = scratch();
});

const shell = (script: string): Promise<Sink> =>
  openSink(program, { command: ['sh', '-c', script, 'sh', join(folder, 'out')] });
const out = () => (existsSync(join(folder, 'out')) ? readFileSync(join(folder, 'out'), 'utf8') : '');
const rules = () =>
  out()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line).rule);

describe('the sink program', () => {
  it('gives lines to a program, which ends with its input', async () => {
    const sink = await shell('cat > "$1"');
    await sink.write([alertOf('a'), alertOf('b')], never);
    await sink.write([alertOf('c')], never);
    await sink.close();
    expect(rules()).toEqual(['a', 'b', 'c']);
  });

  it('takes arguments as they are: no shell reads them', async () => {
    const path = join(folder, 'out');
    const sink = await openSink(program, { command: ['tee', path, `${folder}/$(id) x`], format: 'text' });
    await sink.write([alertOf('a')], never);
    await sink.close();
    expect(existsSync(`${folder}/$(id) x`)).toBe(true);
    expect(out()).toMatch(/Warning a happened \(user=root\)\n$/);
  });

  it('says when a program cannot be run, and not that it has ended', async () => {
    const { log, lines } = recordedLog();
    const opening = openSink(program, { command: ['/no/such/program'] }, undefined, { log, lines });
    await expect(opening).rejects.toThrow('/no/such/program cannot be run: spawn /no/such/program ENOENT');
    // What Node tells of it later it has told by then.
    for (let time = 0; time < 3; time++) {
      const another = spawn('/no/such/program', { stdio: ['pipe', 'ignore', 'pipe'] }).on('error', () => {});
      another.stderr.resume();
      await new Promise((done) => another.once('close', done));
    }
    expect(lines).toEqual([]);
  });

  it('says how a program has ended, with its last words, and starts it again after a wait', async () => {
    const sink = await shell('if [ -e "$1" ]; then exec cat >> "$1"; fi; : > "$1"; echo sorry >&2; exit 3');
    await until(() => existsSync(join(folder, 'out')));
    const failures: WriteError[] = [];
    // The first write may meet it while it ends.
    await until(() => {
      if (failures.at(-1) instanceof WriteError) return true;
      void sink.write([alertOf('a')], never).catch((error) => failures.push(error));
      return false;
    });
    const { message, wait } = failures.at(-1) as WriteError;
    expect(message).toBe('the program has ended with status 3: sorry');
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(1000);
    await sink.close();
  });

  it('waits for the end of the program alone, not for what that leaves behind', async () => {
    const sink = await shell('sleep 1000 & echo $! > "$1.pid"; exec cat > "$1"');
    await sink.write([alertOf('a')], never);
    await sink.close();
    const left = Number(readFileSync(join(folder, 'out.pid'), 'utf8'));
    expect(process.kill(left, 'SIGKILL')).toBe(true);
    expect(rules()).toEqual(['a']);
  });

  it('leaves none behind that does not heed SIGTERM', async () => {
    const { log, lines } = recordedLog();
    const end = new AbortController();
    const given = { signal: end.signal, log, metrics: new Counters(), now: Date.now, resolve: String };
    const ctx = given as Partial<Context> as Context;
    const deaf = 'trap "" TERM; : > "$1"; while :; do sleep 0.05; done';
    const child = await Child.start(['sh', '-c', deaf, 'sh', join(folder, 'out')], ctx);
    await until(() => existsSync(join(folder, 'out')));
    end.abort();
    await until(() => lines.join().includes('ended by SIGKILL'));
    await child.close();
  });

  it('a program that does not read is ended, and what it was given is not given up for good', async () => {
    const sink = await shell('if [ -e "$1" ]; then exec cat >> "$1"; fi; : > "$1"; exec sleep 1000');
    await until(() => existsSync(join(folder, 'out')));
    const many = Array.from({ length: 2000 }, (_, n) => alertOf(`r${n}`));
    await expect(sink.write(many, AbortSignal.timeout(50))).rejects.toThrow();
    // As Delivery would: again, until it is taken.
    for (let tries = 0; tries < 500; tries++) {
      const error: WriteError | undefined = await sink.write(many, never).catch((reason) => reason);
      if (!error) break;
      expect(error.message).toMatch(/SIGKILL|does not read/);
      await new Promise((done) => setTimeout(done, 10));
    }
    await sink.close();
    expect(rules()).toEqual(many.map(({ type }) => type));
  });
});
