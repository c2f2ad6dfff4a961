/** What a run of tests begins with: a temporary folder of its own, in which test files make theirs, and leave nothing. */

import { ownTemporary } from './scratch.ts';

export default (): (() => void) => ownTemporary('falco-pipe-test');
