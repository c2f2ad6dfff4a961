/** The shape of rule tests: records in, alerts out. */

import { z } from 'zod';
import { printValue } from '../../rules/index.ts';
import { alertExpectation, fieldExpectation, outcome } from '../expected/shapes.ts';
import { eventShape, scalar } from '../given-events.ts';

/** As text, lists too: `(a,b)`. */
const field = z.union([z.array(scalar).transform((list) => printValue(list)), fieldExpectation]);

const { rule, priority } = alertExpectation.shape;

const alert = z
  .strictObject({ rule: rule.unwrap(), priority, fields: z.record(z.string(), field).default({}) })
  .transform(({ fields, ...rest }) => ({ ...rest, outputFields: fields }));

const ruleTestShape = z
  .strictObject({
    rule: z.string().min(1).describe('The rule that the test is about.'),
    name: z.string().min(1).describe('What the test shows.'),
    events: z.array(eventShape).min(1),
    alerts: z.array(alert).min(1).optional().describe('All alerts that all rules raise, in order.'),
    none: z.literal(true).optional().describe('No rule raises an alert.'),
    expectedOutcome: outcome.optional().describe('What the rule raises, whatever others do; as in scenarios.'),
  })
  .refine(
    ({ alerts, none, expectedOutcome }) =>
      [alerts, none, expectedOutcome].filter((each) => each !== undefined).length === 1,
    'a test says one of `alerts`, `none` and `expectedOutcome`',
  );

export const ruleTestsShape = z.strictObject({
  source: z.string().default('syscall').describe('The event source of the events.'),
  matching: z
    .enum(['all', 'first'])
    .default('all')
    .describe('Whether all rules that match raise an alert, or the first.'),
  defaults: z
    .record(z.string(), z.unknown())
    .default({})
    .describe('Fields of every event that does not say otherwise; for cloud events, keys of the document.'),
  tests: z.array(ruleTestShape).min(1),
});

export type RuleTests = z.output<typeof ruleTestsShape>;
