/** A context and a sensor for the source `ebpf`, without a pipeline and, where wanted, without a kernel. */

import type { Sensor, Counters as SensorCounters, SensorDemand } from '../../../native/index.ts';
import { indexRecords } from '../../../native/record-index.ts';
import type { Demand, SourceContext } from '../../../src/core/component.ts';
import { createLogger } from '../../../src/core/log.ts';
import { Counters } from '../../../src/core/metrics.ts';
import type { Report } from '../../../src/core/report.ts';
import { type Fields, record, ring } from '../../events-kernel/slab-writer.ts';

export type Said = Omit<Report, 'component'>;

export interface TestContext extends SourceContext {
  readonly said: Said[];
  readonly abort: AbortController;
}

/** What a source gets; `said` is what it reported. */
export function contextFor(demand: Demand): TestContext {
  const abort = new AbortController();
  const said: Said[] = [];
  return {
    id: 'node',
    abort,
    said,
    signal: abort.signal,
    log: createLogger({ level: 'silent' }),
    metrics: new Counters(),
    now: () => Date.now(),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    resolve: (path) => path,
    demand: new Map([['syscall', demand]]),
    onDemand: () => () => {},
    unseen: async (ids) => ids,
    committed: async () => {},
    credit: async () => {},
    release: () => {},
    report: (type, fields, summed) => void said.push({ type, fields, ...(summed && { summed }) }),
    reports: () => () => {},
    reject: (text, why) => void said.push({ type: 'drop', fields: { ...why, count: 1, event: text } }),
    trouble: () => {},
    onStop: () => () => {},
    crowded: () => 0,
    books: () => ({ seen: 0, delivered: 0, filtered: 0, dropped: 0, pipeline: 'sha256:0' }),
    position: () => undefined,
    advance: () => {},
  };
}

const zeros = (): Record<string, number> => ({});

/** A sensor whose ring the test fills. */
export class FakeSensor implements Sensor {
  running: Fields[] = [];
  scans: (number | undefined)[] = [];
  /** Bytes in the ring for which it rings; 0: it does not. */
  awaited = 0;
  closed = 0;
  drains = 0;
  readonly counts: Record<keyof SensorCounters, Record<string, number>> = {
    sent: zeros(),
    dropped: zeros(),
    refused: zeros(),
    filtered: zeros(),
    missed: {},
    shortened: zeros(),
  };
  #waiting: Buffer[] = [];
  #rung: () => void = () => {};
  #due: NodeJS.Timeout | undefined;

  ring(): void {
    this.awaited = 0;
    clearTimeout(this.#due);
    this.#rung();
  }

  /** Whether the next record rings. */
  get armed(): boolean {
    return this.awaited === 1;
  }

  get used(): number {
    return this.#waiting.reduce((bytes, { length }) => bytes + length, 0);
  }

  /** Puts one batch of records into the ring, and rings when that was asked for. */
  put(...records: Fields[]): void {
    this.#waiting.push(ring(records.map(record)));
    if (this.awaited > 0 && this.used >= this.awaited) this.ring();
  }

  drain(into: Uint8Array, rows?: Uint32Array): number {
    this.drains++;
    this.awaited = 0;
    clearTimeout(this.#due);
    const bytes = this.#waiting.shift();
    into.set(bytes ?? []);
    const length = bytes?.length ?? 0;
    if (rows) indexRecords(into, length, rows);
    return length;
  }

  arm(bytes = 1, within = 0): boolean {
    this.awaited = this.used < bytes ? bytes : 0;
    clearTimeout(this.#due);
    if (this.awaited > 0 && within > 0) this.#due = setTimeout(() => this.#rung(), within);
    return this.awaited === 0;
  }

  onDoorbell(callback: () => void): void {
    this.#rung = callback;
  }

  scan(tgid?: number): Uint8Array {
    this.scans.push(tgid);
    const found = this.running.filter((process) => tgid === undefined || process.tgid === tgid);
    return Uint8Array.from(ring(found.map((process) => record({ ...process, kind: 'scan' }))));
  }

  counters(): SensorCounters {
    return structuredClone(this.counts);
  }

  lose(name: string, count: number): void {
    this.counts.dropped[name] = (this.counts.dropped[name] ?? 0) + count;
  }

  configured: SensorDemand[] = [];
  configure(demand: SensorDemand): void {
    this.configured.push(demand);
  }

  programs() {
    return [];
  }

  close(): void {
    clearTimeout(this.#due);
    this.closed++;
  }
}
