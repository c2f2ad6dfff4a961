/** Loading a pipeline anew while it runs: at SIGHUP, and when one of its files has changed. */

import { statSync } from 'node:fs';
import { setImmediate as breathe, setTimeout as sleep } from 'node:timers/promises';
import { counted } from '../../core/counted.ts';
import { messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { Plan } from '../../pipeline/plan/planned.ts';
import { type Contents, Watcher } from '../../pipeline/plan/watch.ts';
import { HalfUndone } from '../../pipeline/run/half-undone.ts';
import type { Run } from '../../pipeline/run/run.ts';
import { rulesOf, sayWarnings } from '../books.ts';
import { failure } from '../fail.ts';
import { refuseSilence, sayDoubtfulLists } from './silenced.ts';
import { reloadingState, tellSystemd } from './systemd.ts';

/** A file that was written less than so many ms ago may be half of what it will be. */
const REST = 100;
/** How often files are read anew while they are written. */
const TRIES = 20;

export interface ReloaderOptions {
  readonly run: Run;
  readonly log: Logger;
  /** Loads the plan; notes the files it is made of, also when it fails. */
  readonly load: (read: Contents) => Promise<Plan>;
  /** The `--set` with which it does. */
  readonly sets: readonly string[];
  /** Does what follows from another plan beside the graph, around `work`; throws when that cannot be. */
  readonly around: (plan: Plan, work: () => Promise<void>) => Promise<void>;
  /** What the running plan was made of. */
  readonly contents: Contents;
  /** Whether files are watched. */
  readonly watch: boolean;
}

export class Reloader {
  readonly #options: ReloaderOptions;
  readonly #watcher: Watcher | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(options: ReloaderOptions) {
    this.#options = options;
    const { log, watch, contents } = options;
    if (!watch) return;
    const changed = () => void this.reload('a file has changed');
    this.#watcher = new Watcher(changed, (error) =>
      log.warn(`changes of files will not be seen: ${messageOf(error)}; SIGHUP reloads`),
    );
    this.#watcher.watch(contents);
  }

  /** Loads and goes on with what was loaded, or says why not and changes nothing. One after the other. */
  reload(why: string): Promise<void> {
    this.#last = this.#last.then(() => this.#reload(why));
    return this.#last;
  }

  close(): void {
    this.#watcher?.close();
  }

  /** Loads once nobody writes its files any more: to go over to half of a file would silence the rules of its other half. */
  async #loadAtRest(read: Contents): Promise<Plan> {
    for (let tries = 1; ; tries++) {
      read.clear();
      const loaded = await Promise.allSettled([this.#options.load(read)]);
      if (tries < TRIES && isRestless(read.keys())) await sleep(REST);
      else if (loaded[0].status === 'fulfilled') return loaded[0].value;
      else throw loaded[0].reason;
    }
  }

  async #reload(why: string): Promise<void> {
    const { run, log, around, contents } = this.#options;
    const read: Contents = new Map();
    tellSystemd(reloadingState(), log);
    try {
      const before = run.plan;
      const plan = await this.#loadAtRest(read);
      refuseSilence(plan, before);
      // Sources have their turn between the two halves of the work.
      await breathe();
      await around(plan, () => run.reload(plan));
      const digest = `sha256:${plan.digest}`;
      contents.clear();
      const same = plan.digest === before.digest ? ', as before' : '';
      const [rules, then] = [rulesOf(plan), rulesOf(before)];
      const change = rules === then ? '' : `, before: ${then}`;
      const now = { pipeline: digest, rules };
      const what = `reloaded (${why}): ${digest}${same}, ${counted(rules, 'rule')}${change}`;
      log.info(now, what);
      run.loadings.done(what);
      sayWarnings(log, this.#options.sets, plan, before);
      sayDoubtfulLists(log, plan, before);
    } catch (error) {
      const what = failure(error);
      const asBefore = !(error instanceof HalfUndone);
      run.loadings.refused(what.split('\n')[0] as string, asBefore);
      const goesOn = asBefore ? 'the pipeline goes on as before' : 'the pipeline does not go on as before yet';
      log.error(`not reloaded (${why}), ${goesOn}:\n${what}`);
    }
    // After a failure the files of the running plan too: to take a change back is a change.
    for (const [path, content] of read) contents.set(path, content);
    this.#watcher?.watch(contents);
    tellSystemd('READY=1', log);
  }
}

function isRestless(paths: Iterable<string>): boolean {
  const now = Date.now();
  // A time that is still to come tells nothing.
  const isFresh = (ms: number | undefined) => ms !== undefined && ms <= now && now - ms < REST;
  return [...paths].some((path) => isFresh(statSync(path, { throwIfNoEntry: false })?.mtimeMs));
}
