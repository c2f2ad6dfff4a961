/** Sinks in processes of their own, with a standard output or limits that a test file cannot give itself. */

import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Event } from '../../src/core/event.ts';
import { file } from '../../src/sinks/file.ts';
import { stdout } from '../../src/sinks/stdout.ts';
import { alertOf, never, openSink, recordOf } from './shared.ts';

const self = fileURLToPath(import.meta.url);

/** The command line of a deed below, to be used in a shell. */
export function commandOf(deed: string, args: readonly string[] = []): string {
  return [process.execPath, '--no-warnings', self, deed, ...args].map((word) => `'${word}'`).join(' ');
}

/** Runs a deed in a shell under a file size limit that the process may lift. */
export function childOf(deed: string, args: readonly string[]): { stdout: string; stderr: string } {
  const command = `trap '' XFSZ; ulimit -S -f 1; exec ${commandOf(deed, args)}`;
  return spawnSync('bash', ['-c', command], { encoding: 'utf8' });
}

/** An alert and a record that hold a password. */
export function secretEvents() {
  const cmdline = 'mysqldump --password=hunter2 db';
  return [alertOf('secret', 'Notice', `ran ${cmdline}`), recordOf({ 'proc.cmdline': cmdline })];
}

const deeds: Record<string, (...args: string[]) => Promise<void>> = {
  /** Writes four events, more than the limit takes, lifts it, and writes so many from `first` on. */
  async torn(path, first, count) {
    const sink = await openSink(file, { path });
    const alerts = (from: number, length: number) =>
      Array.from({ length }, (_, n) => alertOf(`r${from + n}`, 'Notice', 'x'.repeat(120)));
    const failure = await sink.write(alerts(0, 4), never).catch((error) => error.code);
    console.log(failure);
    execFileSync('prlimit', ['--pid', String(process.pid), '--fsize=unlimited:unlimited']);
    await sink.write(alerts(Number(first), Number(count)), never);
    await sink.close();
  },

  /** Writes so many alerts, in batches of a hundred; the configuration is JSON. */
  async lines(count, config = '{}') {
    const sink = await openSink(stdout, JSON.parse(config));
    for (let n = 0; n < Number(count); n += 100) {
      const alerts = Array.from({ length: Math.min(100, Number(count) - n) }, (_, index) => alertOf(`r${n + index}`));
      await sink.write(alerts, never);
    }
    await sink.close();
  },

  /** Two sinks that write so many alerts at the same time, in batches of a hundred; one is closed before the other, and twice. */
  async twins(count) {
    const sinks = [await openSink(stdout, { format: 'json' }), await openSink(stdout, {})];
    await Promise.all(
      sinks.map(async (sink, index) => {
        for (let n = 0; n < Number(count) * (index + 1); n += 100) {
          await sink.write(
            Array.from({ length: 100 }, (_, each) => alertOf(`r${n + each}`)),
            never,
          );
        }
        for (const _ of [1, 2]) await sink.close();
      }),
    );
  },

  /** Writes what holds a password. */
  async secrets(config = '{}') {
    const sink = await openSink(stdout, JSON.parse(config));
    await sink.write(secretEvents(), never);
    await sink.close();
  },

  /** Writes until nobody reads for a while, gives the write up, and says so. */
  async stalled() {
    const sink = await openSink(stdout, {});
    const alerts = Array.from({ length: 20_000 }, (_, n) => alertOf(`r${n}`));
    const tries: string[] = [];
    for (let index = 0; index < 3; index++) {
      const error = await sink.write(alerts, AbortSignal.timeout(200)).catch((reason) => reason);
      tries.push(error?.name ?? 'written');
    }
    await sink.close();
    console.error(tries.join(' '));
  },

  /** Writes so many alerts to a reader that is too slow for one write; tells whether there was more than one. */
  async slow(count) {
    const sink = await openSink(stdout, {});
    let left: readonly Event[] = Array.from({ length: Number(count) }, (_, n) => alertOf(`r${n}`));
    let tries = 0;
    for (; left.length > 0; tries++) {
      const error = await sink.write(left, AbortSignal.timeout(50)).catch((reason) => reason);
      left = error ? (error.again ?? left) : [];
    }
    await sink.close();
    console.error(tries > 3 ? 'several' : 'at once');
  },

  /** Writes to a reader that has gone away. */
  async gone() {
    const why: string[] = [];
    const sink = await openSink(stdout, {}, (reason) => why.push(reason));
    let error: unknown;
    while (!error) error = await sink.write([alertOf('r')], never).catch((reason) => reason.code);
    console.error(`${error}: ${why}`);
  },
};

if (process.argv[1] === self) await deeds[process.argv[2] ?? '']?.(...process.argv.slice(3));
