/** Whether another detector raises what an action is to raise. */

import type { TestResult } from '../test-kind.ts';
import type { Action } from './action.ts';
import type { Performer } from './performer.ts';
import type { ForeignAlert, Receiver } from './receiver.ts';

/** ms by which the clock of events and that of this program may differ. */
const CLOCKS = 1000;

export interface Verification {
  readonly performer: Performer;
  readonly receiver: Receiver;
  /** ms that an alert is waited for, once the action has ended. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

/** Performs an action and waits for its alert. */
export async function verify(action: Action, verification: Verification): Promise<TestResult> {
  const { performer, receiver, timeout, signal } = verification;
  const { file, line } = action.scenario;
  const result = { file: file.path, line, suite: action.rule, name: action.name };
  const began = Date.now();
  const watch = receiver.watch();
  try {
    const { status, because, ms, id } = await performer.perform(action);
    if (status === 'skipped') return { ...result, status, ms, because };
    const isIts = ({ rule, time = began, ids }: ForeignAlert) =>
      rule === action.rule && time >= began - CLOCKS && (ids.length === 0 || ids.includes(id));
    if (await watch.until(isIts, timeout, signal)) return { ...result, status: 'passed', ms, because: [] };
    if (signal.aborted) return { ...result, status: 'skipped', ms, because: ['interrupted'] };
    return { ...result, status: 'failed', ms, because: [missing(action, watch.alerts, verification), ...because] };
  } finally {
    watch.close();
  }
}

function missing({ rule }: Action, alerts: readonly ForeignAlert[], { timeout, receiver }: Verification): string {
  const others = [...new Set(alerts.map((alert) => `"${alert.rule}"`))].sort();
  const late = `"${rule}" did not come within ${timeout / 1000} s`;
  if (others.length > 0) return `${late}; there came ${others.join(', ')}`;
  if (receiver.received > 0) return `${late}; nothing came`;
  const refused = receiver.refused > 0 ? `, but ${receiver.refused} requests without one` : '';
  return `${late}; no alert has come at all${refused}: does the detector send its alerts as JSON to this URL?`;
}
