/** `falco-pipe run`: a pipeline from start to orderly stop. */

import { resolve } from 'node:path';
import type { z } from 'zod';
import { trimMemory } from '../../../native/index.ts';
import { wait } from '../../core/config.ts';
import { exitCode, messageOf, UserError } from '../../core/errors.ts';
import { createLogger } from '../../core/log.ts';
import { address } from '../../core/net/address.ts';
import { type GivenHere, loadPlan } from '../../pipeline/plan/load.ts';
import { checkNeeds } from '../../pipeline/plan/needs.ts';
import type { Plan } from '../../pipeline/plan/planned.ts';
import type { Given } from '../../pipeline/plan/planner.ts';
import type { Contents } from '../../pipeline/plan/watch.ts';
import { rehearse } from '../../pipeline/run/rehearse.ts';
import { Run } from '../../pipeline/run/run.ts';
import { markBegin, markEnd } from '../../store/mark.ts';
import { Store } from '../../store/store.ts';
import { books, sayWarnings } from '../books.ts';
import { fail } from '../fail.ts';
import { lastResort } from './last-resort.ts';
import { sayWhenReady } from './readiness.ts';
import { Reloader } from './reload.ts';
import { Servers } from './server.ts';
import { listen } from './signals.ts';
import { stateLog } from './state-log.ts';
import { feedWatchdog, tellSystemd } from './systemd.ts';
import { sayWhatWaits } from './waiting.ts';

export interface RunOptions {
  readonly output: string;
  readonly set?: readonly string[];
  readonly state?: string;
  readonly stopTimeout: string;
  readonly watch: boolean;
  readonly http?: string;
}

/** Runs a pipeline; returns when it has ended, with the exit status set. */
export async function run(path: string, options: RunOptions): Promise<void> {
  const deadline = checked('--stop-timeout', wait(), options.stopTimeout);
  const http = checked('--http', address('127.0.0.1:8765').optional(), options.http);
  const json = options.output === 'json';
  const log = createLogger(json ? { style: 'json' } : {});
  const given: Given = { http, state: options.state === undefined ? undefined : resolve(options.state), here: true };
  const contents: Contents = new Map();
  const load = async (read: Contents, before: Pick<GivenHere, 'running' | 'copies'> = {}) => {
    const { document, plan, copies } = await loadPlan(path, options.set, read, { ...given, ...before });
    checkNeeds(plan, document, (each) => resolve(document.folder, each));
    return { folder: document.folder, plan: json ? withJson(plan) : plan, copies };
  };
  const { folder, plan, copies } = await load(contents);
  if (plan.closed.length > 0) log.info(`sources that \`only\` leaves closed: ${plan.closed.join(', ')}`);
  sayWarnings(log, options.set ?? [], plan);
  const { state } = plan;
  const { failed, recovered } = stateLog(log, state ?? '');
  const store = state === undefined ? undefined : await Store.open(state, failed, recovered);
  await copies?.sweep().catch((error) => log.warn(`old copies of lists cannot be removed: ${messageOf(error)}`));
  const resort = lastResort(log, store);
  const signals = listen(log);
  let servers: Servers | undefined;
  try {
    await rehearse();
    const start = Run.start(plan, { log, resolve: (each) => resolve(folder, each), ...(store ? { store } : {}) });
    const running = await signals.starting(start, deadline);
    signals.reopen = () => running.reopen();
    signals.books = () => books(running.totals.summary());
    const reload = () => reloader.reload('asked for');
    const serving = new Servers({ run: running, log, pipeline: resolve(path), state, store, reload });
    servers = serving;
    const reloader = new Reloader({
      run: running,
      log,
      load: async (read) => (await load(read, { running: running.plan, copies })).plan,
      sets: options.set ?? [],
      around: async (next, work) => {
        refuseMove(state, next.state);
        await serving.listen(next.http, work);
        trimMemory();
      },
      contents,
      watch: options.watch,
    });
    signals.reload = () => reloader.reload('SIGHUP');
    await serving.control();
    await serving.listen(plan.http).catch(async (error) => {
      reloader.close();
      await running.stop(0);
      throw error;
    });
    if (store) sayWhetherKilled(running, markBegin(store, Date.now()));
    const starting = sayWhenReady(running, log);
    const rest = feedWatchdog(log);
    const watches = [running.watchHeld(), running.watchHealth()];
    // Until lists from the web are kept, the answers that they came in are needed.
    void Promise.all([running.ready(), copies?.settled()]).then(giveBack);
    if (signals.early) void signals.reload();
    // At the end of the sources nothing presses; a signal means that somebody waits.
    void signals.stop.then(() => running.hurry(deadline));
    const end = await Promise.race([running.over, signals.stop]);
    reloader.close();
    starting();
    rest();
    for (const end of watches) end();
    tellSystemd('STOPPING=1', log);
    const presses = end === undefined || end.pressing;
    const quiet = sayWhatWaits(running, log, presses ? deadline : undefined);
    await running.stop(end?.pressing ? deadline : undefined);
    quiet();
    await copies?.settled();
    if (store) markEnd(store);
    await store?.close();
    const summary = running.closed();
    log.info({ ...summary }, books(summary));
    if (end?.error !== undefined) fail(end.error);
    else if (end?.pressing === false && haveSinksLost(running)) process.exitCode = exitCode.failure;
  } finally {
    servers?.close();
    await store?.close();
    signals.close();
    resort();
  }
}

// Throws a UserError (exit 2) that names the option.
function checked<Shape extends z.ZodType>(option: string, shape: Shape, given: unknown): z.output<Shape> {
  const result = shape.safeParse(given);
  if (result.success) return result.data;
  throw new UserError(`${option}: ${result.error.issues[0]?.message}`, { exit: exitCode.usage });
}

// Who runs it in a script for what it delivers has to learn of that; a service that is stopped has told it long since.
function haveSinksLost({ plan, metrics }: Run): boolean {
  return plan.sinks.some(({ id }) =>
    Object.values(metrics.get(id)?.byLabel('dropped') ?? {}).some((count) => count > 0),
  );
}

// What is in flight and on disk belongs to the folder that the run began with.
function refuseMove(from: string | undefined, to: string | undefined): void {
  if (from === to) return;
  const named = (folder: string | undefined) => folder ?? 'none';
  const message = `\`state\` has changed from ${named(from)} to ${named(to)}, which a running program cannot follow`;
  throw new UserError(`${message}: start it again, or take the change back`, { exit: exitCode.config });
}

function withJson(plan: Plan): Plan {
  const sinks = plan.sinks.map((sink) =>
    sink.type === 'stdout' ? { ...sink, config: { ...(sink.config as object), format: 'json' } } : sink,
  );
  return { ...plan, sinks };
}

// `began`: the last run, when that did not end in order.
function sayWhetherKilled(run: Run, began: number | undefined): void {
  if (began === undefined) return;
  const when = new Date(began).toISOString();
  const message =
    `the last run, of ${when}, did not end in order: what it had of live sources only in memory, if anything, is lost; ` +
    'what waited on disk is delivered, and replayable sources give again what was not settled';
  run.report('gap', { reason: 'unclean_end', to: BigInt(Date.now()) * 1_000_000n, message });
}

/** What only the start needed; else V8 collects it at some moment of the next seconds, while an alert waits. */
function giveBack(): void {
  globalThis.gc?.(); // the launcher gives us that
  trimMemory();
}
