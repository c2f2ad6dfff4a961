/** The last resort of a run: an exception that nobody caught, of the program or of a component, ends it in order. */

import { exitCode, messageOf } from '../../core/errors.ts';
import { isOfFileLimit, MORE_FILES } from '../../core/files/file-limit.ts';
import type { Logger } from '../../core/log.ts';
import type { Store } from '../../store/store.ts';

/** To write the state there are so many ms: what is broken may be just that. */
const WRITE = 5000;

/**
 * Says in one line what was thrown and where, writes the state and exits with 70; so too when a promise was rejected that
 * nobody waits for. Until the returned function is called.
 */
export function lastResort(log: Logger, store: Store | undefined): () => void {
  let ending = false;
  const end = (error: unknown) => {
    // What is thrown while it ends comes of the same.
    if (ending) return;
    ending = true;
    const [, place = ''] = /\n\s+(at .+)/.exec((error as Error | undefined)?.stack ?? '') ?? [];
    const what = `${messageOf(error).replaceAll('\n', ' ')}${place === '' ? '' : ` (${place})`}`;
    const limit = isOfFileLimit(error) ? `${MORE_FILES}; ` : '';
    const kept = store ? 'the state is still written; ' : '';
    const lost = 'what was on its way comes again only where its source can give it again';
    log.error({ err: error }, `an exception that nobody caught ends the run: ${what}; ${limit}${kept}${lost}`);
    const exit = () => process.exit(exitCode.software);
    setTimeout(exit, WRITE);
    void (store?.close() ?? Promise.resolve()).finally(exit);
  };
  process.on('uncaughtException', end);
  return () => void process.off('uncaughtException', end);
}
