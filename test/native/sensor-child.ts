/** Run by sensor.test.ts in a process of its own: `trace`, `perf`, `few-files`, `worker`, `leave-open`. Answers with one line of JSON. */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { openSensor, type SensorOptions } from '../../native/index.ts';
import { messageOf, UserError } from '../../src/core/errors.ts';
import { decode } from './harness.ts';

const answer = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`);
const open = (options: Pick<SensorOptions, 'perf'> = {}) =>
  openSensor({
    ...options,
    ringBytes: 65536,
    calls: new Map(),
    real: false,
    file: false,
    env: false,
    scope: { descendantsOf: process.pid },
  });

function trace(options: Pick<SensorOptions, 'perf'> = {}): void {
  try {
    const sensor = open(options);
    const scanned = decode(sensor.scan()).some((record) => record.vpid === process.pid);
    spawnSync('/bin/true');
    const buffer = new Uint8Array(65536);
    const records = decode(buffer.subarray(0, sensor.drain(buffer)));
    const { sent } = sensor.counters();
    const risk = sensor.programs().find((program) => program.risk !== '')?.risk;
    sensor.close();
    const counted = Object.fromEntries(['fork', 'exec', 'exit'].map((name) => [name, sent[name]]));
    answer({ kinds: records.map((record) => record.kind), counted, scanned, risk });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    answer({ error: messageOf(error), exit: error.exit, hint: error.diagnostics[0]?.hint });
  }
}

/** What is said with more and more room for open files, until there is enough; without the same, but for how many, twice in a row. */
function openWithFewFiles(): void {
  spawnSync('prlimit', ['--pid', `${process.pid}`, '--nofile=128:']);
  const taken: number[] = [];
  const said = (options: Pick<SensorOptions, 'perf'>) => {
    try {
      open(options).close();
      return 'open';
    } catch (error) {
      return messageOf(error).replace(/: it needs \d+ and gets \d+$/, '');
    }
  };
  const answers = [{ more: 1 }, { more: 5, perf: true }].map(({ more, ...options }) => {
    fill(taken);
    const all: string[] = [];
    while (all.at(-1) !== 'open') {
      const next = said(options);
      if (next !== all.at(-1)) all.push(next);
      for (const file of taken.splice(-more)) closeSync(file);
    }
    return all;
  });
  answer(answers);
}

/** Opens as many files as may be. */
function fill(taken: number[]): void {
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'));
  } catch {}
}

async function worker(): Promise<void> {
  const thread = new Worker(new URL(import.meta.url));
  const ready = new Promise((done) => thread.once('message', done));
  await ready;
  const woken = new Promise((done) => thread.once('message', done));
  spawnSync('/bin/true');
  await woken;
  await thread.terminate();
  answer({ woken: true });
}

/** In the worker: a sensor that is never closed. */
function sleepInWorker(): void {
  const sensor = open();
  sensor.onDoorbell(() => parentPort?.postMessage('rung'));
  parentPort?.postMessage(sensor.arm() ? 'busy' : 'ready');
}

if (!isMainThread) sleepInWorker();
else if (process.argv[2] === 'worker') await worker();
else if (process.argv[2] === 'few-files') openWithFewFiles();
else if (process.argv[2] === 'leave-open') {
  open().onDoorbell(() => {});
  answer({ open: true });
  process.exit();
} else trace(process.argv[2] === 'perf' ? { perf: true } : {});
