/**
 * What a run of tests begins with: a temporary folder of its own, in which test files make theirs, and leave nothing; and
 * a cache of compiled code, since the program is started some hundred times.
 */

import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { OWNER, own, removeAbandoned } from './abandoned.ts';
import { isOfFile, ownTemporary } from './scratch.ts';

const NAME = 'falco-pipe-test-';

export default (): (() => void) => {
  process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, '../.build/compile-cache');
  removeAbandoned(NAME);
  // Of a file whose tests are all skipped the folder is still there: no hook is called at its end.
  const end = ownTemporary('the run', NAME, (path) => basename(path) === OWNER || isOfFile(path));
  own(tmpdir());
  process.once('exit', end); // also when the run is interrupted
  return () => {
    process.off('exit', end);
    const left = end();
    if (left) throw new Error(left);
  };
};
