/** The shape of pipeline tests: events into any component, and what must leave another. */

import { z } from 'zod';
import { duration } from '../../core/config.ts';
import { printValue } from '../../rules/index.ts';
import { alertExpectation, fieldExpectation, outcome } from '../expected/shapes.ts';
import { eventKeys, INCONSISTENT, isConsistent, scalar } from '../given-events.ts';

const event = z
  .strictObject({
    into: z.string().describe('The source in whose place the test gives it, or the operator that it gives it to.'),
    ...eventKeys,
    times: z.int().min(1).max(100_000).default(1).describe('How often, each `after` the one before.'),
  })
  .refine(isConsistent, INCONSISTENT);

/** As text, lists too: `(a,b)`. */
const field = z.union([z.array(scalar).transform((list) => printValue(list)), fieldExpectation]);

const { rule, priority, hostname, source } = alertExpectation.shape;

const left = z
  .strictObject({
    rule: rule.describe('Of an alert: its rule.'),
    type: z.string().optional().describe('Of any event: its type, which of an alert is the rule.'),
    source: source.describe('The event source; of an alert that of the event it is about.'),
    priority,
    hostname,
    fields: z.record(z.string(), field).default({}),
    at: duration().optional().describe('When it leaves, since the start of the test.'),
  })
  .transform(({ type, rule: name = type, fields, ...rest }) => ({ ...rest, rule: name, outputFields: fields }));

export type Left = z.output<typeof left>;

const expectation = z.union(
  [
    z.literal('none').transform(() => ({ list: [] as Left[] })),
    z.array(left).transform((list) => ({ list })),
    outcome.safeExtend({ rule: z.string() }).transform(({ rule: name, ...rest }) => ({ rule: name, outcome: rest })),
  ],
  'what leaves a component is `none`, a list, or an outcome with a `rule`',
);

export type Expectation = z.output<typeof expectation>;

const test = z.strictObject({
  name: z.string().min(1).describe('What the test shows.'),
  events: z.array(event).min(1),
  until: duration().optional().describe('When it ends, since its start. Default: with its last event.'),
  expect: z
    .record(z.string(), expectation)
    .refine((value) => Object.keys(value).length > 0, 'say what must leave a component')
    .describe('By component what leaves it; of a sink what reaches it.'),
});

export const pipelineTestsShape = z.strictObject({
  pipeline: z.string().min(1).describe('The file of the pipeline; relative paths start at the folder of this file.'),
  source: z.string().optional().describe('The event source of events where their component has several.'),
  defaults: z
    .record(z.string(), z.record(z.string(), z.unknown()))
    .default({})
    .describe(
      'By event source the fields of every event that does not say otherwise; of cloud events keys of the document.',
    ),
  tests: z.array(test).min(1),
});

export type PipelineTests = z.output<typeof pipelineTestsShape>;
