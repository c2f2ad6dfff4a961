/** What can be expected of alerts, whatever the kind of test. */

import { z } from 'zod';
import { duration } from '../../core/config.ts';
import { parsePriority } from '../../rules/index.ts';

/** What YAML reads as a number may be meant as text. */
export const words = z.union([z.string(), z.number()]).transform(String);

/** A pattern, checked when the file is read. */
const regex = z.string().transform((value, context) => {
  try {
    return new RegExp(value, 'v');
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
    return z.NEVER;
  }
});

/** What a field must be: equal, as text; or one of our forms. */
export const fieldExpectation = z.union([
  z.union([z.string(), z.number(), z.boolean()]).transform(String),
  z.strictObject({ regex }),
  z.strictObject({ contains: words }),
  z.strictObject({ startswith: words }),
  z.strictObject({ in: z.array(z.union([z.string(), z.number(), z.boolean()]).transform(String)).min(1) }),
]);

export type FieldExpectation = z.output<typeof fieldExpectation>;

const priority = z.string().transform((value, context) => {
  const known = parsePriority(value);
  if (known !== undefined) return known;
  context.addIssue({
    code: 'custom',
    message: 'a priority is Emergency, Alert, Critical, Error, Warning, Notice, Informational or Debug',
  });
  return z.NEVER;
});

const alertKeys = {
  source: z.string().optional(),
  hostname: z.string().optional(),
  priority: priority.optional(),
  outputFields: z.record(z.string(), fieldExpectation).nullish(),
};

export const alertExpectation = z.strictObject({ rule: z.string().optional(), ...alertKeys });

export type AlertExpectation = z.output<typeof alertExpectation>;

export const outcome = z
  .strictObject({
    ...alertKeys,
    none: z.boolean().optional().describe('The rule must not fire.'),
    count: z
      .union([z.int().min(0), z.strictObject({ gte: z.int().min(0).optional(), lte: z.int().min(0).optional() })])
      .optional()
      .describe('How many such alerts.'),
    within: duration().optional().describe('From the system call to its alert, at most.'),
    sequence: z.array(alertExpectation).min(1).optional().describe('Alerts in this order; others may be between them.'),
    only: z.boolean().optional().describe('Nothing else is raised, by any rule.'),
  })
  .refine(
    ({ none, count, within, sequence }) => !none || [count, within, sequence].every((each) => each === undefined),
    '`none` stands without count, within and sequence',
  );

export type Outcome = z.output<typeof outcome>;
