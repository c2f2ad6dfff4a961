/** Everything that was lost on the way, by the counters of the kernel programs and of the process table. */

import type { Counters as SensorCounters } from '../../../native/index.ts';
import type { SourceContext } from '../../core/component.ts';
import type { ImageCounts } from '../../events/kernel/process-images.ts';
import { typeOfCounted } from './wanted.ts';

/** Without these the process table is wrong until a new scan. */
const LIFE: readonly string[] = ['fork', 'exec', 'exit', 'cgroup', 'chdir', 'fchdir'];

export class Losses {
  readonly #ctx: Pick<SourceContext, 'report' | 'metrics'>;
  readonly #seen = new Map<string, number>();

  constructor(ctx: Pick<SourceContext, 'report' | 'metrics'>) {
    this.#ctx = ctx;
  }

  /** Reports what the counters say beyond the last call. True when records of processes' lives were among the losses. */
  report(counters: SensorCounters): boolean {
    let life = false;
    for (const [name, count] of Object.entries(counters.dropped)) {
      const dropped = this.#since(`dropped ${name}`, count);
      life ||= dropped > 0 && LIFE.includes(name);
      this.#drop('ring_full', dropped, typeOfCounted(name), 'the ring was full');
    }
    for (const [name, count] of Object.entries(counters.refused)) {
      const refused = this.#since(`refused ${name}`, count);
      this.#drop(
        'ring_pressure',
        refused,
        typeOfCounted(name),
        'the ring was nearly full, the rest is for events that matter more',
      );
    }
    for (const [program, count] of Object.entries(counters.missed)) {
      const missed = this.#since(`missed ${program}`, count);
      this.#drop('program_missed', missed, undefined, `the kernel skipped the program ${program}, which was in use`);
    }
    return life;
  }

  /** Counts what the process table missed. */
  count(counts: ImageCounts): void {
    for (const name of ['missed', 'rescans', 'unknown', 'evicted'] as const) {
      this.#ctx.metrics.add(`process_${name}`, '', this.#since(name, counts[name]));
    }
  }

  /** Records that came out of the ring damaged. */
  damaged(count: number): void {
    this.#drop('damaged_record', count, undefined, 'their records were damaged');
  }

  /** Events that had not been judged at the end. */
  left(count: number): void {
    this.#drop('stopped', count, undefined, 'they waited in the ring when the source stopped');
  }

  #drop(reason: string, count: number, eventType: string | undefined, why: string): void {
    if (count === 0) return;
    const what = eventType === undefined ? '' : ` of type ${eventType}`;
    this.#ctx.report('drop', {
      reason,
      count,
      ...(eventType === undefined ? {} : { event_type: eventType }),
      message: `${count} event${count === 1 ? '' : 's'}${what} lost: ${why}`,
    });
  }

  #since(name: string, value: number): number {
    const before = this.#seen.get(name) ?? 0;
    this.#seen.set(name, value);
    return value - before;
  }
}
