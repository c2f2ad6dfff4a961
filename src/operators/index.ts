/** The operators that come with falco-pipe. */

import type { OperatorDefinition } from '../core/component.ts';
import { correlate } from './correlate/index.ts';
import { dedupe } from './dedupe/index.ts';
import { enrich } from './enrich/index.ts';
import { filter } from './filter.ts';
import { map } from './map.ts';
import { redact } from './redact.ts';
import { route } from './route.ts';
import { rules } from './rules/index.ts';
import { throttle } from './throttle.ts';
import { watch } from './watch/index.ts';

export const operators = [
  correlate,
  dedupe,
  enrich,
  filter,
  map,
  redact,
  route,
  rules,
  throttle,
  watch,
] as unknown as readonly OperatorDefinition[];
