/** What every test file begins with. */

import { configureGlobal } from 'fast-check';

// `make test-long` sets it: property tests then try fifty times as much.
configureGlobal({ numRuns: process.env.FALCO_PIPE_LONG ? 5000 : 100 });
