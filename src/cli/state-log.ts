/** What the log says of a state file that cannot be written: at once, then once in a while; and that it can be again. */

import { now } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { counted } from './books.ts';

/** The same failure is said again after so many ms: the log may be on the same disk. */
const AGAIN = 300_000;

/** What `Store.open` tells; `folder` is that of the state. */
export function stateLog(log: Logger, folder: string) {
  let since: number | undefined;
  let said: { readonly message: string; readonly at: number } | undefined;
  return {
    failed(error: unknown, lost?: number): void {
      const message = `the state could not be written to ${folder}: ${messageOf(error)}`;
      since ??= now();
      if (lost !== undefined) {
        log.error(`${message}; ${counted(lost, 'event')} on the way there lost, positions stay behind`);
      } else if (said?.message !== message || now() - said.at >= AGAIN) {
        said = { message, at: now() };
        log.error(`${message}; trying again each second`);
      }
    },
    recovered(): void {
      log.info(`the state is written again, after ${Math.ceil((now() - (since ?? now())) / 1000)} s`);
      since = said = undefined;
    },
  };
}
