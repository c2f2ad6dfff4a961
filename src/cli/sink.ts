/** `falco-pipe sink test`: one probe alert to one sink of a pipeline, and what came back. */

import { resolve } from 'node:path';
import { now, sleep } from '../core/clock.ts';
import type { Sink, SinkContext } from '../core/component.ts';
import { exitCode, messageOf, suggest, UserError } from '../core/errors.ts';
import { hostName } from '../core/host.ts';
import { createLogger } from '../core/log.ts';
import { Counters } from '../core/metrics.ts';
import { type Alert, makeAlert } from '../events/alert.ts';
import { loadPlan } from '../pipeline/plan/load.ts';
import { checkNeeds } from '../pipeline/plan/needs.ts';
import type { Plan, PlannedSink } from '../pipeline/plan/planned.ts';
import { originOf } from '../pipeline/run/runtime.ts';
import { say } from './say.ts';

export interface SinkTestOptions {
  readonly output: string;
  readonly set?: readonly string[];
}

const CLOSE = 5000; // ms that a sink may take to close

/** Prints what came back; exit status 0, or 69 when the sink did not take the alert. */
export async function testSink(path: string, id: string, options: SinkTestOptions): Promise<void> {
  const { document, plan } = await loadPlan(path, options.set, new Map(), { fetches: false });
  const planned = plan.sinks.find((sink) => sink.id === id);
  if (!planned) throw unknownSink(path, id, plan.sinks);
  const resolvePath = (each: string) => resolve(document.folder, each);
  checkNeeds({ ...plan, sources: [], operators: [], sinks: [planned] }, document, resolvePath);
  const alert = probeAlert(id);
  const stop = new AbortController();
  const context = contextOf(id, plan, resolvePath, stop.signal);
  const sink = await failingAs('cannot be opened', id, () => planned.definition.open(planned.config, context));
  try {
    const answer = await failingAs('did not take the alert', id, () => send(sink, alert, planned));
    if (options.output === 'json') print(JSON.stringify({ sink: id, type: planned.type, taken: true, answer }));
    else print(`${id} (${planned.type}) took the alert${answer === undefined ? '' : `\n\n${answer}`}`);
  } finally {
    // What it was given may still be on its way to where it belongs.
    await Promise.race([sink.close(), sleep(CLOSE, stop.signal)]).catch(() => {});
    stop.abort(new Error('the test is over'));
  }
}

async function send(sink: Sink, alert: Alert, { delivery }: PlannedSink): Promise<string | undefined> {
  const signal = AbortSignal.timeout(delivery.timeout);
  const sent = sink.probe ? sink.probe([alert], signal) : sink.write([alert], signal).then(() => undefined);
  const { promise: late, reject } = Promise.withResolvers<never>();
  signal.onabort = () => reject(new Error(`no answer within ${delivery.timeout / 1000} s`));
  return Promise.race([sent, late]);
}

function probeAlert(id: string): Alert {
  const host = hostName();
  return makeAlert(BigInt(now()) * 1_000_000n, {
    rule: 'falco-pipe sink test',
    priority: 'Notice',
    tags: ['test'],
    hostname: host,
    output: `A test of the sink ${id} from ${host}: nothing has happened`,
    source: 'internal',
    outputFields: { 'internal.component': id },
  });
}

function contextOf(id: string, plan: Plan, resolvePath: (path: string) => string, signal: AbortSignal): SinkContext {
  const log = createLogger().child({ id });
  const stop = (why: string) => log.warn(why);
  const metrics = new Counters();
  const origin = () => originOf(plan);
  return { id, signal, log, metrics, now, sleep: (ms) => sleep(ms, signal), resolve: resolvePath, origin, stop };
}

async function failingAs<T>(what: string, id: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { exit = exitCode.unavailable } = error as Partial<UserError>;
    throw new UserError(`The sink ${id} ${what}: ${messageOf(error)}`, { exit, cause: error });
  }
}

function unknownSink(path: string, id: string, sinks: readonly PlannedSink[]): UserError {
  const ids = sinks.map((sink) => sink.id);
  const near = suggest(id, ids);
  const hint = near ? `did you mean "${near}"?` : `there are ${ids.join(', ')}`;
  return new UserError(`${path} has no sink "${id}"; ${hint}`, { exit: exitCode.usage });
}

function print(text: string): void {
  say(`${text}\n`);
}
