/** What the log says of a state file that cannot be written: at once, then once in a while; and that it can be again. */

import { counted } from '../../core/counted.ts';
import { messageOf } from '../../core/errors.ts';
import { Outage } from '../../core/failure/outage.ts';
import type { Logger } from '../../core/log.ts';

/** What `Store.open` tells; `folder` is that of the state. */
export function stateLog(log: Logger, folder: string) {
  const outage = new Outage();
  return {
    failed(error: unknown, lost?: number): void {
      const message = `the state could not be written to ${folder}: ${messageOf(error)}`;
      const isNew = outage.failed(message);
      const gone = lost ? `${counted(lost, 'event')} on the way there lost, ` : '';
      if (lost !== undefined) log.error(`${message}; ${gone}positions stay behind`);
      else if (isNew) log.error(`${message}; trying again each second`);
    },
    recovered(): void {
      log.info(`the state is written again, after ${outage.over() ?? 0} s`);
    },
  };
}
