/** The operators that come with falco-pipe. */

import type { OperatorDefinition } from '../core/component.ts';

export const operators: readonly OperatorDefinition[] = [];
