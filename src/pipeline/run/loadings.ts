/** Loadings of a pipeline that runs: how they ended, for people on call. */

import { now } from '../../core/clock.ts';
import type { InternalFields, ReportType } from '../../core/report.ts';
import type { Reports } from './reports.ts';

export interface LoadingsStatus {
  readonly done: number;
  readonly failed: number;
  /** Whether the last one failed. */
  readonly refused: boolean;
  /** When it was loaded as it runs: s since the epoch. */
  readonly last_done: number;
}

export class Loadings {
  readonly #reports: Reports;
  #done = 0;
  #failed = 0;
  #at = now();
  #refusal: string | undefined;

  constructor(reports: Reports) {
    this.#reports = reports;
  }

  get status(): LoadingsStatus {
    return { done: this.#done, failed: this.#failed, refused: this.#refusal !== undefined, last_done: this.#at / 1000 };
  }

  /** What is wrong as long as the last one was refused. */
  get problems(): string[] {
    return this.#refusal === undefined ? [] : [this.#refusal];
  }

  /** Notes one that went well, and is logged: what runs now, for people. */
  done(message: string): void {
    this.#done++;
    this.#at = now();
    this.#refusal = undefined;
    this.#tell('health', { reason: 'reloaded', message });
  }

  /** Notes one that was refused, and is logged: why, in one line, and whether all is as before. */
  refused(why: string, asBefore = true): void {
    this.#failed++;
    const message = `not reloaded, it runs as before${asBefore ? '' : ' but for sources that are not open yet'}: ${why}`;
    this.#refusal = message;
    this.#tell('error', { reason: 'reload_refused', message });
  }

  #tell(type: ReportType, fields: InternalFields): void {
    this.#reports.tell({ component: 'falco-pipe', type, fields });
  }
}
