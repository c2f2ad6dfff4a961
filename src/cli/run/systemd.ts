/** What systemd is told of a run, sd_notify(3). */

import { notifySystemd } from '../../../native/index.ts';
import { messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';

/** Sends a state. The addon is loaded for this only when systemd waits: a collector need not have one. */
export function tellSystemd(state: string, log: Logger): void {
  if (process.env.NOTIFY_SOCKET === undefined) return;
  try {
    if (!notifySystemd(state)) throw new Error('nobody receives at $NOTIFY_SOCKET');
  } catch (error) {
    log.warn(`systemd could not be told ${state.replaceAll('\n', ' ')}: ${messageOf(error)}`);
  }
}

/** The state while a configuration is loaded anew: `READY=1` ends it. The time is CLOCK_MONOTONIC's, in us. */
export function reloadingState(): string {
  return `RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`;
}

/** Keeps the watchdog quiet while the event loop turns; the returned function ends it. Nothing without WatchdogSec=. */
export function feedWatchdog(log: Logger): () => void {
  const { WATCHDOG_USEC: time, WATCHDOG_PID: pid } = process.env;
  if (!Number(time) || (pid !== undefined && Number(pid) !== process.pid)) return () => {};
  const timer = setInterval(() => tellSystemd('WATCHDOG=1', log), Number(time) / 2000);
  timer.unref();
  return () => clearInterval(timer);
}
