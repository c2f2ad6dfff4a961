/** `node --import …/register.js --test mark-night.test.ts`: tests of people's components import what the program gives them. */

import { hookImports } from './import-hooks.ts';

hookImports();
