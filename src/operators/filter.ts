/** The operator `filter`: events pass that satisfy a condition. */

import { z } from 'zod';
import { bound, defineOperator, where } from '../core/component.ts';
import { boundCondition, conditionOn, conditionReads, type EdgeCondition } from './shared/condition.ts';

const config = z.strictObject({
  condition: z
    .string()
    .min(1)
    .describe("In Falco's filter language; on alerts also their own fields: rule, priority, tags."),
  source: z
    .string()
    .optional()
    .describe('The event source that the condition is for; events of others pass. Default: all here.'),
});

export const filter = defineOperator<typeof config, EdgeCondition>({
  type: 'filter',
  summary: 'Lets events pass that satisfy a condition.',
  config,
  examples: [
    {
      title: 'Alerts that wake somebody up',
      yaml: 'urgent: { type: filter, from: detect, condition: "priority in (Emergency, Alert, Critical)" }',
    },
    {
      title: 'No events of one program',
      yaml: 'calm: { type: filter, from: node, condition: not proc.name = backup }',
    },
  ],
  prepare({ condition, source }, edge) {
    const conditions = conditionOn(edge, condition, source);
    return { state: conditions, reads: conditionReads(edge, conditions) };
  },
  create: (_config, { state }) => bound((form, source) => where(boundCondition(state, form, source) ?? (() => true))),
});
