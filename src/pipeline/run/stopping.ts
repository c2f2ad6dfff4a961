/** Stopping in order: sources first, then what is under way is delivered; what is said of losses goes out last. */

import { sleep } from '../../core/clock.ts';
import type { Plan } from '../plan/planned.ts';
import type { Live } from './graph.ts';
import type { LiveSink } from './live-sink.ts';
import type { Reports } from './reports.ts';
import type { Retiring } from './retiring.ts';

/** When the time to stop is over, what is said then has this many ms. */
const LAST_WORDS = 1000;

/** Whether what waits on disk has gone where it belongs is looked at this often, in ms. */
const LOOK = 10;

/** How a run ends. */
export interface Ending {
  /** What is under way when it is aborted is given up. */
  readonly signal: AbortSignal;
  /** Whether somebody waits for the end. */
  readonly presses: () => boolean;
  readonly retiring: Retiring;
  readonly reports: Reports;
}

/**
 * Resolves when all is closed. What gets no events of a source of type `internal` closes first, for those that do are told
 * what was lost there. First sinks get what waits for them on disk, as far as they take it, and, unless it presses, operators.
 */
export async function stopInOrder(live: Live, { signal, presses, retiring, reports }: Ending): Promise<void> {
  const { plan, sources } = live;
  const operators = [...live.operators.values()];
  await until(() => presses() || operators.every(({ hasMore }) => !hasMore));
  const own = new Set(plan.sources.filter(({ type }) => type === 'internal').map(({ id }) => id));
  const told = reachedFrom(own, plan);
  for (const [id, source] of sources) if (!own.has(id)) source.stop();
  await deliver(live, { signal, presses }, (id) => !told.has(id));
  await retiring.over();
  reports.flush();
  for (const id of own) sources.get(id)?.stop();
  const last = signal.aborted ? new AbortController() : undefined;
  const timer = last && setTimeout(() => last.abort(signal.reason), LAST_WORDS);
  await deliver(live, { signal: last?.signal ?? signal, presses }, (id) => told.has(id));
  clearTimeout(timer);
  await Promise.all([...sources.values()].map((source) => source.finish(AbortSignal.abort())));
  for (const each of [...live.sinks.values(), ...live.operators.values()]) each.sayWhatStays();
}

/** The operators and sinks that events of these sources can come to. */
function reachedFrom(sources: ReadonlySet<string>, { operators, sinks }: Plan): ReadonlySet<string> {
  const reached = new Set(sources);
  // Upstream before downstream: what one reads from was looked at before it.
  for (const { id, from } of [...operators, ...sinks]) if (from.some((each) => reached.has(each))) reached.add(id);
  return reached;
}

async function deliver(
  live: Live,
  { signal, presses }: Pick<Ending, 'signal' | 'presses'>,
  which: (id: string) => boolean,
): Promise<void> {
  const operators = live.plan.operators.flatMap(({ id }) => (which(id) ? (live.operators.get(id) ?? []) : []));
  const sinks = [...live.sinks].filter(([id]) => which(id)).map(([, sink]) => sink);
  // Upstream first: what one stream still emits may go through the next.
  for (const operator of operators) await operator.close(signal);
  // Nobody who waits for the end waits for a sink that is down.
  const isLeft = ({ hasMore, delivery }: LiveSink) => !hasMore || (presses() && delivery.problem !== undefined);
  await until(() => signal.aborted || sinks.every(isLeft));
  await Promise.all(sinks.map((sink) => sink.close(signal)));
  // Nothing is on its way any more: what a stream has not settled by now it never will.
  await Promise.all(operators.map((operator) => operator.finish(AbortSignal.abort())));
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(LOOK);
}
