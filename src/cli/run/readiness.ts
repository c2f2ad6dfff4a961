/** Saying that a run is ready: that its sources are open, and its state can be written. */

import { counted } from '../../core/counted.ts';
import type { Logger } from '../../core/log.ts';
import type { Run } from '../../pipeline/run/run.ts';
import { rulesOf } from '../books.ts';
import { tellSystemd } from './systemd.ts';

/** How often it is looked, in ms. */
const EVERY = 200;
/** After so many ms systemd is told that the start is over all the same: else it would end what works of it. */
const LIMIT = 30_000;

/** Says what keeps a run from being ready, and when nothing does, to systemd too. The returned function ends that. */
export function sayWhenReady(run: Run, log: Logger): () => void {
  const why = () => `not ready: ${run.status().problems.join('; ')}`;
  const tell = (state: string) => tellSystemd(`STATUS=${state.replaceAll(/\s+/g, ' ')}`, log);
  if (run.status().ready) {
    say(run, log, 'ready:');
    tellSystemd('READY=1', log);
    return () => {};
  }
  say(run, log, `${why()};`);
  tell(why());
  let late = false;
  const limit = setTimeout(() => {
    late = true;
    log.warn(`after ${LIMIT / 1000} s still ${why()}`);
    tell(why());
    tellSystemd('READY=1', log);
  }, LIMIT);
  const timer = setInterval(() => {
    if (!run.status().ready) return;
    end();
    say(run, log, 'ready:');
    if (!late) tellSystemd('READY=1', log);
    tell('ready');
  }, EVERY);
  const end = () => {
    clearTimeout(limit);
    clearInterval(timer);
  };
  return end;
}

function say(run: Run, log: Logger, state: string): void {
  const { digest } = run.plan;
  const programs = [...run.metrics.values()].reduce((sum, counters) => sum + counters.total('programs'), 0);
  const counts = { programs, rules: rulesOf(run.plan), pipeline: `sha256:${digest}` };
  const { rules, pipeline } = counts;
  log.info(counts, `${state} ${counted(programs, 'program')}, ${counted(rules, 'rule')}, pipeline ${pipeline}`);
}
