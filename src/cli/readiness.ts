/** Saying that a run is ready: that its sources are open, and its state can be written. */

import { counted } from '../core/counted.ts';
import type { Logger } from '../core/log.ts';
import type { Run } from '../pipeline/run.ts';
import { rulesOf } from './books.ts';
import { tellSystemd } from './systemd.ts';

/** How often it is looked, in ms. */
const EVERY = 200;
/** After so many ms systemd is told that the start is over all the same: else it would end what works of it. */
const LIMIT = 30_000;

/** Says what keeps a run from being ready, and when nothing does, to systemd too. The returned function ends that. */
export function sayWhenReady(run: Run, log: Logger): () => void {
  let told = false;
  const tell = () => {
    if (!told) tellSystemd('READY=1', log);
    told = true;
  };
  const look = (): boolean => {
    const { ready } = run.status();
    if (ready) {
      say(run, log, 'ready');
      tell();
    }
    return ready;
  };
  if (look()) return () => {};
  const status = `not ready: ${run.status().problems.join('; ')}`;
  say(run, log, status);
  tellSystemd(`STATUS=${status.replaceAll(/\s+/g, ' ')}`, log);
  const limit = setTimeout(tell, LIMIT);
  const timer = setInterval(() => {
    if (!look()) return;
    tellSystemd('STATUS=ready', log);
    end();
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
  log.info(
    counts,
    `${state}${state === 'ready' ? ':' : ';'} ${counted(programs, 'program')}, ${counted(rules, 'rule')}, pipeline ${pipeline}`,
  );
}
