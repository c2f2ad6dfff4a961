/** What became of events on the way here, by the counters of the kernel programs and of the process table. */

import type { Counters as SensorCounters } from '../../../native/index.ts';
import type { SourceContext } from '../../core/component.ts';
import { counted } from '../../core/counted.ts';
import type { ImageCounts } from '../../events/kernel/process-images.ts';
import { typeOfCounted } from './wanted.ts';

/** Without these the process table is wrong until a new scan. */
const LIFE: readonly string[] = ['fork', 'exec', 'exit', 'cgroup', 'chdir', 'fchdir'];
/** Programs that send them; on_call those of chdir and fchdir. */
const LIFE_PROGRAMS: readonly string[] = ['on_fork', 'on_exec', 'on_exit', 'on_cgroup', 'on_call'];

const OF_URING = 'io_uring did them for processes that had ended, or that had too many requests pending at once';
const PRESSED = 'the ring was nearly full, the rest is for events that matter more';

export class Losses {
  readonly #ctx: Pick<SourceContext, 'report' | 'metrics'>;
  readonly #seen = new Map<string, number>();

  constructor(ctx: Pick<SourceContext, 'report' | 'metrics'>) {
    this.#ctx = ctx;
  }

  /**
   * Counts what the counters say beyond the last call, and reports the losses. True when records of processes' lives were
   * among them, or can have been.
   */
  report(counters: SensorCounters): boolean {
    let life = this.#reportSkips(counters.missed);
    for (const fate of ['sent', 'filtered', 'dropped', 'refused', 'shortened'] as const) {
      for (const [name, count] of Object.entries(counters[fate])) {
        if (count === 0) continue;
        const more = this.#since(`${fate} ${name}`, count);
        if (more === 0) continue;
        this.#ctx.metrics.add(`kernel_${fate}`, name, more);
        if (fate === 'dropped') {
          life ||= LIFE.includes(name);
          this.#drop('ring_full', more, typeOfCounted(name), 'the ring was full');
        } else if (fate === 'refused') this.#drop('ring_pressure', more, typeOfCounted(name), PRESSED);
      }
    }
    return life;
  }

  /** A program that is skipped cannot tell whether somebody would have read the event: nobody may have lost anything. */
  #reportSkips({ io_uring: lost = 0, ...programs }: SensorCounters['missed']): boolean {
    this.#drop('uring_lost', this.#since('uring', lost), undefined, OF_URING);
    let life = false;
    for (const [program, count] of Object.entries(programs)) {
      const more = this.#since(`missed ${program}`, count);
      if (more === 0) continue;
      life ||= LIFE_PROGRAMS.includes(program);
      this.#ctx.metrics.add('kernel_missed', program, more);
      const message = `at most ${counted(more, 'event')} not seen: the kernel skipped the program ${program}, which was in use`;
      this.#ctx.report('gap', { reason: 'program_missed', count: more, message });
    }
    return life;
  }

  /** Counts what the process table missed, or could not keep whole. */
  count(counts: ImageCounts): void {
    for (const name of ['missed', 'rescans', 'unknown', 'evicted', 'args_cut', 'env_cut'] as const) {
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
    const summed = (sum: number) => `${counted(sum, 'event')}${what} lost (${reason}): ${why}`;
    const type = eventType === undefined ? {} : { event_type: eventType };
    this.#ctx.report('drop', { reason, count, ...type, message: summed(count) }, summed);
  }

  #since(name: string, value: number): number {
    const before = this.#seen.get(name) ?? 0;
    this.#seen.set(name, value);
    return value - before;
  }
}
