/** The operators that come with falco-pipe. */

import type { OperatorDefinition } from '../core/component.ts';
import { filter } from './filter.ts';
import { map } from './map.ts';
import { rules } from './rules/index.ts';
import { throttle } from './throttle.ts';

export const operators = [filter, map, rules, throttle] as unknown as readonly OperatorDefinition[];
