/** What components report: counted at once, said at most once in a while, and offered to sources of type `internal`. */

import type { Logger } from '../../core/log.ts';
import type { Report, ReportType } from '../../core/report.ts';
import { rfc3339 } from '../../events/time.ts';

/** The same kind of report is said once in this many ms; what comes between is said together. */
const EVERY = 10_000;

interface Pending {
  report: Report;
  count: number;
  timer: NodeJS.Timeout;
}

export class Reports {
  readonly #log: Logger;
  readonly #counted: (report: Report) => void;
  readonly #listeners = new Set<(report: Report) => void>();
  readonly #pending = new Map<string, Pending>();

  /** @param counted told of each report, also of those that are said together */
  constructor(log: Logger, counted: (report: Report) => void) {
    this.#log = log;
    this.#counted = counted;
  }

  /** Says a report, now or together with those like it. */
  add(report: Report): void {
    const { component, type, fields } = report;
    this.#counted(report);
    const key = JSON.stringify([component, type, fields.reason, fields.event_type]);
    const pending = this.#pending.get(key);
    if (pending) {
      pending.report = pending.count > 0 ? since(report, pending.report.fields.from) : report;
      pending.count += fields.count ?? 1;
      return;
    }
    const timer = setTimeout(() => this.#end(key), EVERY);
    timer.unref();
    this.#pending.set(key, { report, count: 0, timer });
    this.#say(report);
  }

  /** Offers a report that is in the log already. */
  tell(report: Report): void {
    for (const listener of this.#listeners) listener(report);
  }

  /** Calls `listener` with what is said, until the returned function is called. */
  listen(listener: (report: Report) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Says what is still held back. */
  flush(): void {
    for (const key of [...this.#pending.keys()]) this.#end(key);
  }

  #end(key: string): void {
    const pending = this.#pending.get(key);
    this.#pending.delete(key);
    clearTimeout(pending?.timer);
    if (!pending || pending.count === 0) return;
    const { report, count } = pending;
    const { message, count: own = 1 } = report.fields;
    // The last report speaks of its own events only.
    const all =
      count === own ? message : (report.summed?.(count) ?? `${message} (${count} in all since this was last said)`);
    this.#say({ ...report, fields: { ...report.fields, count, message: all } });
  }

  #say(report: Report): void {
    const { component, type, fields } = report;
    const { from, to, ...rest } = fields;
    const span = {
      ...(from === undefined ? {} : { from: rfc3339(from) }),
      ...(to === undefined ? {} : { to: rfc3339(to) }),
    };
    this.#log[LEVEL[type]]({ id: component, report: type, ...rest, ...span }, fields.message);
    this.tell(report);
  }
}

/** Several gaps that are said together reach from the first on. */
function since(report: Report, from: bigint | undefined): Report {
  if (from === undefined || report.fields.from === undefined || from >= report.fields.from) return report;
  return { ...report, fields: { ...report.fields, from } };
}

const LEVEL: Record<ReportType, 'info' | 'warn' | 'error'> = {
  drop: 'error',
  error: 'error',
  gap: 'warn',
  health: 'info',
};
