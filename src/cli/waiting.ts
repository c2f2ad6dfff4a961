/** Saying what a stop waits for: else the log is silent until the time to stop is over. */

import { counted } from '../core/counted.ts';
import type { Logger } from '../core/log.ts';
import type { Run } from '../pipeline/run.ts';

/** What sinks take within so many ms needs no word. */
const QUIET = 500;

/** Says once which sinks still have events to deliver while `run` stops, and for how long. The returned function ends that. */
export function sayWhatWaits(run: Pick<Run, 'status'>, log: Logger, limit: string): () => void {
  const timer = setTimeout(() => {
    const waiting = run
      .status()
      .components.flatMap(({ id, queue: { events } = { events: 0 } }) => (events > 0 ? [{ id, events }] : []));
    if (waiting.length === 0) return;
    const what = waiting.map(({ id, events }) => `${counted(events, 'event')} to ${id}`).join(', ');
    log.info(`stopping: waiting to deliver ${what}; ${limit}`);
  }, QUIET);
  return () => clearTimeout(timer);
}
