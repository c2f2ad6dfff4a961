/** Fields of the event source `alert`: what every alert has besides the fields that its rule prints. */

import type { Field } from './field.ts';
import { defineFields } from './field-table.ts';

export const alertFields: readonly Field[] = defineFields('alert', [
  ['rule', 'CHARBUF', 'The name of the rule that matched.'],
  ['priority', 'CHARBUF', 'How urgent the rule says it is: `Emergency`, `Alert`, `Critical`, `Error`, …'],
  ['tags', 'CHARBUF', 'The tags of the rule, sorted.', { list: true }],
  ['hostname', 'CHARBUF', 'The machine that raised it.'],
  ['output', 'CHARBUF', 'The message of the rule, filled in; time and priority are not part of it.'],
  ['source', 'CHARBUF', 'The event source of the event that matched.'],
  ['id', 'CHARBUF', 'The same 32 hex digits each time this rule matches this event: to tell repetitions.'],
]);
