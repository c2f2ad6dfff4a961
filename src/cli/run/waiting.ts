/** Saying what a stop waits for: else the log is silent until the time to stop is over. */

import { counted } from '../../core/counted.ts';
import type { Logger } from '../../core/log.ts';
import type { Run } from '../../pipeline/run/run.ts';

/** What sinks take within so many ms needs no word. */
const QUIET = 500;

/**
 * Says once which sinks still have events to deliver while `run` stops, and for how long. The returned function ends that.
 * `limit`: after so many ms the rest is left behind; without it what is on disk is waited for too.
 */
export function sayWhatWaits(run: Pick<Run, 'status'>, log: Logger, limit: number | undefined): () => void {
  const timer = setTimeout(() => {
    const waiting = run.status().components.flatMap(({ id, queue }) => {
      const events = queue ? queue.events + (limit === undefined ? queue.on_disk : 0) : 0;
      return events > 0 ? [`${counted(events, 'event')} to ${id}`] : [];
    });
    if (waiting.length === 0) return;
    const time = limit === undefined ? 'until they are taken or given up' : `at most ${limit / 1000} s more`;
    log.info(`stopping: waiting to deliver ${waiting.join(', ')}; ${time}`);
  }, QUIET);
  return () => clearTimeout(timer);
}
