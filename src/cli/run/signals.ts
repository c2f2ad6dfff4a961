/** The signals of a run: stop in order, stop at once, load anew, open output files again. */

import { exitCode } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';

/** A signal that comes again within so many ms is the same one: timeout(1) sends it to the process and to its group. */
const SAME = 200;

export interface Signals {
  /** Resolves at the first SIGINT or SIGTERM; a second one, not just the echo of it, ends the process at once. */
  readonly stop: Promise<undefined>;
  /**
   * Resolves as `start` does. When it was told to stop, and has not started so many ms later, the process ends: what is being
   * opened may never be, and nothing has come in yet.
   */
  starting<T>(start: Promise<T>, limit: number): Promise<T>;
  /** What has become of the events so far, in words: for the last line when a second one ends it. */
  books: () => string;
  /** SIGUSR1. */
  reopen: () => Promise<void>;
  /** SIGHUP. */
  reload: () => Promise<void>;
  /** SIGHUP came before anybody could reload. */
  early: boolean;
  close(): void;
}

/** Listens until `close`. SIGUSR2, which would end the process, means nothing: so it is said in `log`. */
export function listen(log: Logger): Signals {
  let ask!: () => void;
  const stop = new Promise<undefined>((done) => {
    ask = () => done(undefined);
  });
  let asked: { readonly signal: NodeJS.Signals; readonly at: number } | undefined;
  const onStop = (signal: NodeJS.Signals) => {
    if (asked && asked.signal === signal && performance.now() - asked.at < SAME) return;
    // The second time somebody has lost patience: what is under way stays where it is.
    if (asked) {
      const books = signals.books();
      log.warn(`a second signal ends it at once; what was under way was not waited for${books && `: ${books}`}`);
      process.exit(exitCode.failure);
    }
    asked = { signal, at: performance.now() };
    ask();
  };
  const signals: Signals = {
    stop,
    starting,
    books: () => '',
    reopen: async () => {},
    reload: async () => void (signals.early = true),
    early: false,
    close,
  };
  const handlers = {
    SIGINT: onStop,
    SIGTERM: onStop,
    SIGUSR1: () => void signals.reopen(),
    SIGHUP: () => void signals.reload(),
    SIGUSR2: () => log.info('SIGUSR2 means nothing to falco-pipe; `falco-pipe status` shows what it does'),
  };
  async function starting<T>(start: Promise<T>, limit: number): Promise<T> {
    let isStarting = true;
    let timer: NodeJS.Timeout | undefined;
    const end = () => {
      log.warn(`told to stop ${limit / 1000} s ago, and still not started: it ends; nothing had come in`);
      process.exit(exitCode.failure);
    };
    void stop.then(() => {
      if (isStarting) timer = setTimeout(end, limit);
    });
    try {
      return await start;
    } finally {
      isStarting = false;
      clearTimeout(timer);
    }
  }
  function close(): void {
    for (const [name, handler] of Object.entries(handlers)) process.off(name, handler);
  }
  for (const [name, handler] of Object.entries(handlers)) process.on(name, handler);
  return signals;
}
