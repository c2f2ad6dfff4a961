/** The signals of a run: stop in order, stop at once, load anew, open output files again. */

import { exitCode } from '../core/errors.ts';

export interface Signals {
  /** Resolves at the first SIGINT or SIGTERM; a second one ends the process at once. */
  readonly stop: Promise<undefined>;
  /** SIGUSR1. */
  reopen: () => Promise<void>;
  /** SIGHUP. */
  reload: () => Promise<void>;
  /** SIGHUP came before anybody could reload. */
  early: boolean;
  close(): void;
}

/** Listens until `close`. */
export function listen(): Signals {
  let ask!: () => void;
  const stop = new Promise<undefined>((done) => {
    ask = () => done(undefined);
  });
  let asked = false;
  const onStop = () => {
    // The second time somebody has lost patience: what is under way stays where it is.
    if (asked) process.exit(exitCode.failure);
    asked = true;
    ask();
  };
  const signals: Signals = {
    stop,
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
  };
  function close(): void {
    for (const [name, handler] of Object.entries(handlers)) process.off(name, handler);
  }
  for (const [name, handler] of Object.entries(handlers)) process.on(name, handler);
  return signals;
}
