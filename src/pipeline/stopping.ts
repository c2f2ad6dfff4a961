/** Stopping in order: sources first, then what is under way is delivered; what is said of losses goes out last. */

import { sleep } from '../core/clock.ts';
import type { Live } from './graph.ts';
import type { Plan } from './plan.ts';
import type { Reports } from './reports.ts';
import type { Retiring } from './retiring.ts';

/** When the time to stop is over, what is said then has this many ms. */
const LAST_WORDS = 1000;

/** Whether operators have been given what was put back for them is looked at this often, in ms. */
const LOOK = 10;

/** Resolves when operators have been given what was put back for them, as far as it can be now, or when it `presses`. */
export async function givePutBack({ operators }: Live, presses: () => boolean): Promise<void> {
  while (!presses() && [...operators.values()].some(({ hasMore }) => hasMore)) await sleep(LOOK);
}

/**
 * Resolves when all is closed. What gets no events of a source of type `internal` closes first, for those that do are told
 * what was lost there. What is under way when `signal` is aborted is given up.
 */
export async function stopInOrder(
  live: Live,
  signal: AbortSignal,
  retiring: Retiring,
  reports: Reports,
): Promise<void> {
  const { plan, sources } = live;
  const own = new Set(plan.sources.filter(({ type }) => type === 'internal').map(({ id }) => id));
  const told = reachedFrom(own, plan);
  for (const [id, source] of sources) if (!own.has(id)) source.stop();
  await deliver(live, signal, (id) => !told.has(id));
  await retiring.over();
  reports.flush();
  for (const id of own) sources.get(id)?.stop();
  const last = signal.aborted ? new AbortController() : undefined;
  const timer = last && setTimeout(() => last.abort(signal.reason), LAST_WORDS);
  await deliver(live, last?.signal ?? signal, (id) => told.has(id));
  clearTimeout(timer);
  await Promise.all([...sources.values()].map((source) => source.finish(AbortSignal.abort())));
  for (const operator of live.operators.values()) operator.sayWhatStays();
}

/** The operators and sinks that events of these sources can come to. */
function reachedFrom(sources: ReadonlySet<string>, { operators, sinks }: Plan): ReadonlySet<string> {
  const reached = new Set(sources);
  // Upstream before downstream: what one reads from was looked at before it.
  for (const { id, from } of [...operators, ...sinks]) if (from.some((each) => reached.has(each))) reached.add(id);
  return reached;
}

async function deliver(live: Live, signal: AbortSignal, which: (id: string) => boolean): Promise<void> {
  const operators = live.plan.operators.flatMap(({ id }) => (which(id) ? (live.operators.get(id) ?? []) : []));
  const sinks = [...live.sinks].filter(([id]) => which(id)).map(([, sink]) => sink);
  // Upstream first: what one stream still emits may go through the next.
  for (const operator of operators) await operator.close(signal);
  await Promise.all(sinks.map((sink) => sink.close(signal)));
  // Nothing is on its way any more: what a stream has not settled by now it never will.
  await Promise.all(operators.map((operator) => operator.finish(AbortSignal.abort())));
}
