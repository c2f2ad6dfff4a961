import { NEVER } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineOperator, defineSink, defineSource, where } from '../../../src/core/component.ts';
import { UserError } from '../../../src/core/errors.ts';
import { PipelineDocument } from '../../../src/pipeline/plan/document.ts';
import { pipelineSchema } from '../../../src/pipeline/plan/json-schema.ts';
import { planPipeline } from '../../../src/pipeline/plan/plan.ts';
import { builtIn } from '../../../src/pipeline/plan/registry.ts';

const operator = {
  type: 'mark',
  summary: 'Marks.',
  config: z.strictObject({}),
  examples: [],
  create: () => where(() => true),
};
const source = { ...operator, delivery: 'at_most_once' as const, emits: () => ['syscall'], open: () => NEVER };

/** What is said of a default export that is added. */
function said(exported: unknown): string {
  try {
    builtIn().add(exported, './mine.ts');
    return 'added';
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).exit).toBe(78);
    return (error as UserError).message;
  }
}

describe('a component of one’s own is refused', () => {
  const none =
    './mine.ts: the default export is not a component; export default defineOperator({…}), or an array of such';
  it.each([
    ['nothing', undefined, none],
    ['a function', () => {}, none],
    ['a definition without its helper', operator, none],
    ['a kind that there is not', { ...defineOperator(operator), kind: 'filter' }, none],
    [
      'a type in camelCase',
      defineOperator({ ...operator, type: 'markNight' }),
      './mine.ts: the type "markNight" is not snake_case',
    ],
    [
      'a type that is taken',
      defineOperator({ ...operator, type: 'throttle' }),
      './mine.ts: the operator type throttle is taken; give yours another name',
    ],
    [
      'a configuration that lets misspelt keys pass',
      defineOperator({ ...operator, config: z.object({ a: z.string() }) }),
      './mine.ts: the config of mark must be z.strictObject({…})',
    ],
    [
      'no configuration',
      defineOperator({ ...operator, config: undefined as never }),
      './mine.ts: the config of mark must be z.strictObject({…})',
    ],
    [
      'a key that every operator has',
      defineOperator({ ...operator, config: z.strictObject({ from: z.string() }) }),
      './mine.ts: the config of mark defines "from", a key that every operator has; call yours otherwise',
    ],
    [
      'a key that every sink has',
      defineSink({ ...operator, config: z.strictObject({ retry: z.string() }), open: async () => ({}) as never }),
      './mine.ts: the config of mark defines "retry", a key that every sink has; call yours otherwise',
    ],
    [
      'no create',
      defineOperator({ ...operator, create: undefined as never }),
      './mine.ts: the operator mark has no method create',
    ],
    [
      'no emits',
      defineSource({ ...source, emits: undefined as never }),
      './mine.ts: the source mark has no method emits',
    ],
  ])('%s', (_what, exported, message) => {
    expect(said(exported)).toBe(message);
  });
});

it('a source may have keys that only sinks share', () => {
  expect(said(defineSource({ ...source, config: z.strictObject({ queue: z.string() }) }))).toBe('added');
});

it('a configuration may have rules of its own: they are kept, and the JSON Schema says what it can', () => {
  const config = z
    .strictObject({
      low: z.number(),
      high: z.number(),
      like: z.instanceof(RegExp).optional(),
      when: z.custom<string>(),
    })
    .refine(({ low, high }) => low < high, 'low must be below high');
  const registry = builtIn();
  registry.add(defineOperator({ ...operator, config }), './mine.ts');
  const yaml = (low: number) => `sources: { a: { type: internal } }
operators: { b: { type: mark, from: a, low: ${low}, high: 5, when: x } }
sinks: { c: { type: stdout, from: b } }`;
  const plan = (low: number) => planPipeline(PipelineDocument.parse('p.yaml', yaml(low)), registry);
  expect(plan(1).operators[0]?.config).toEqual({ low: 1, high: 5, when: 'x' });
  expect(() => plan(7)).toThrow('p.yaml has an error');
  expect(JSON.stringify(pipelineSchema(registry))).toContain('"const":"mark"');
});
