/** The shape of rule tests: records in, alerts out. */

import { z } from 'zod';
import { duration } from '../../core/config.ts';
import { printValue } from '../../rules/index.ts';
import { alertExpectation, fieldExpectation, outcome } from '../scenarios/schema.ts';

const scalar = z.union([z.string(), z.number(), z.boolean()]);

/** The value of a field of an event; null: the event has none, whatever the defaults say. */
const value = z.union([scalar, z.array(scalar)]).nullable();

const event = z
  .strictObject({
    source: z.string().optional().describe('Its event source, where it is not that of the file.'),
    type: z.string().optional().describe('Its event type; a document tells its own.'),
    after: duration().optional().describe('How long after the event before it happened. Default: 1 ms.'),
    fields: z.record(z.string(), value).optional().describe('Its fields, beside the defaults.'),
    document: z.record(z.string(), z.unknown()).optional().describe('A cloud event as its service writes it.'),
  })
  .refine(({ fields, document }) => fields === undefined || document === undefined, 'fields or a document, not both');

/** As text, lists too: `(a,b)`. */
const field = z.union([z.array(scalar).transform((list) => printValue(list)), fieldExpectation]);

const { rule, priority } = alertExpectation.shape;

export const ruleTestShape = z
  .strictObject({
    rule: z.string().min(1).describe('The rule that the test is about.'),
    name: z.string().min(1).describe('What the test shows.'),
    events: z.array(event).min(1),
    alerts: z
      .array(z.strictObject({ rule: rule.unwrap(), priority, fields: z.record(z.string(), field).default({}) }))
      .min(1)
      .optional()
      .describe('All alerts that all rules raise, in order.'),
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
export type RuleTestEvent = z.output<typeof event>;
