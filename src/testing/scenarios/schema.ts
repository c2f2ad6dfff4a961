/** The shape of event-generator's descriptions, both dialects. */

import { isIP } from 'node:net';
import { z } from 'zod';
import { suggest } from '../../core/errors.ts';
import { outcome, words } from '../expected/shapes.ts';
import { parseCapabilities } from './capabilities.ts';
import { type Arg, bindingOf, howArgs, stepForms } from './steps.ts';
import { numberOf, type SymbolSet, symbols } from './symbols.ts';

const text = z.string();
const name = z.string().regex(/^[^\s.]+$/, 'a name has neither blanks nor dots');
const path = z.string().startsWith('/', 'a path begins with /');

/** `HOST:PORT`, `[V6]:PORT`, or `unix://PATH`. */
const address = z.string().refine(isAddress, 'an address is 192.0.2.1:80, [2001:db8::1]:80 or unix:///path');

export function isAddress(value: string): boolean {
  if (value.startsWith('unix:///')) return true;
  const [, v6, v4, port] = /^(?:\[([^\]]+)\]|([\d.]+)):(\d{1,5})$/.exec(value) ?? [];
  return Number(port) <= 65_535 && (v6 === undefined ? isIP(v4 ?? '') === 4 : isIP(v6) === 6);
}

function numbers(set: SymbolSet | undefined) {
  const named = z.string().transform((value, context) => {
    if (bindingOf(value)) return value;
    const number = set === undefined ? literal(value) : numberOf(value, set);
    if ('value' in number) return number.value;
    const near = set === undefined ? undefined : suggest(number.unknown, symbols[set].keys());
    const message = `${number.unknown} is no number here${near === undefined ? '' : `; did you mean ${near}?`}`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
  return z.union([z.int(), named]);
}

function literal(value: string): { value: number } | { unknown: string } {
  const number = Number(value);
  return Number.isSafeInteger(number) && value.trim() !== '' ? { value: number } : { unknown: value };
}

const bound = z
  .string()
  .refine((value) => bindingOf(value) !== undefined, 'only what a resource or a step above gives can stand here');
const bytes = z.union([
  z.string().transform((value) => Buffer.from(value)),
  z.array(z.int().min(0).max(255)).transform((value) => Buffer.from(value)),
]);

function argShape({ form, optional }: Arg): z.ZodType {
  const shape = {
    text: () => text,
    address: () => address,
    bytes: () => bytes,
    bound: () => bound,
    number: () => numbers('symbols' in form ? form.symbols : undefined),
  }[form.kind]();
  return optional ? shape.optional() : shape;
}

function argsShape(args: Readonly<Record<string, Arg>>): z.ZodObject {
  return z.strictObject(Object.fromEntries(Object.entries(args).map(([key, arg]) => [key, argShape(arg)])));
}

const [firstStep, ...otherSteps] = Object.entries(stepForms).map(([call, { args }]) => {
  const shape = call === 'openat2' ? argsShape(args).extend({ how: argsShape(howArgs).optional() }) : argsShape(args);
  return z.strictObject({
    type: z.literal('syscall'),
    name,
    syscall: z.literal(call),
    args: shape,
    mayFail: z.boolean().optional().describe('The attempt is what matters: the test goes on when the call fails.'),
  });
});

/** What is said of a kind that there is not. */
const oneOf = (what: string, names: readonly string[]) => ({ error: () => `${what} is one of ${names.join(', ')}` });

const step = z.discriminatedUnion(
  'syscall',
  [firstStep as NonNullable<typeof firstStep>, ...otherSteps],
  oneOf('a step', Object.keys(stepForms)),
);

const environment = z
  .record(z.string().regex(/^[^=\0]+$/), words)
  .refine(
    (values) => !Object.keys(values).some((key) => /^FALCO_(EVENT_GENERATOR|PIPE)_|^SUITE$/.test(key)),
    'variables that begin with FALCO_EVENT_GENERATOR_ or FALCO_PIPE_, and SUITE, are not for tests',
  );
const comm = z.string().regex(/^[^/\0]+$/, 'the name of a program has no slash');

const resourceKinds = [
  z.strictObject({
    type: z.literal('clientServer'),
    name,
    l4Proto: z.enum(['udp4', 'udp6', 'tcp4', 'tcp6', 'unix']),
    address: z.union([z.literal(''), address]).optional(),
  }),
  z.strictObject({
    type: z.literal('fd'),
    name,
    subtype: z.enum(['file', 'directory', 'pipe', 'event', 'signalfd', 'eventpoll', 'inotify', 'memfd']),
    // One template may serve several subtypes: what is of another is passed over.
    filePath: path.optional(),
    dirPath: path.optional(),
    fileName: text.optional(),
  }),
  z.strictObject({
    type: z.literal('process'),
    name,
    exePath: path.optional(),
    args: words.optional(),
    exe: text.optional(),
    procName: comm.optional(),
    env: environment.optional(),
    fileLess: z.boolean().optional(),
  }),
] as const;
const resource = z.discriminatedUnion('type', resourceKinds, oneOf('a resource', ['clientServer', 'fd', 'process']));

const capabilities = z.string().transform((value, context) => {
  try {
    return parseCapabilities(value);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
    return z.NEVER;
  }
});

const process = z.strictObject({
  exePath: path.optional(),
  args: words.optional(),
  exe: text.optional(),
  name: comm.optional(),
  env: environment.optional(),
  user: words.optional(),
  capabilities: capabilities.optional(),
  terminal: z.boolean().optional().describe('It has a terminal of its own.'),
});

const runIf = z.strictObject({ arch: z.strictObject({ op: z.enum(['eq', 'ne']), val: text }) });

/** A test whose templates are filled in. */
export const scenarioShape = z.strictObject({
  name: text.min(1),
  runner: z.literal('HostRunner'),
  rule: text.min(1).describe('The rule that the test is about.'),
  description: text.optional(),
  runIf: runIf.nullish(),
  before: text.optional(),
  after: text.optional(),
  context: z
    .strictObject({
      container: z
        .strictObject({ image: text.optional(), name: text.optional(), env: environment.optional() })
        .nullish(),
      processes: z.array(process).min(1).nullish(),
      scratch: z
        .array(path)
        .optional()
        .describe('Its network is its own, and files are read-only for it, but scratch copies of these folders.'),
      pidNamespace: z.boolean().optional().describe('The first process is number 1 of a pid namespace of its own.'),
    })
    .nullish(),
  resources: z.array(resource).nullish(),
  steps: z.array(step).nullish(),
  expectedOutcome: outcome.nullish(),
});

export type ScenarioShape = z.output<typeof scenarioShape>;

/** What is looked at before templates are filled in. */
export const casesShape = z
  .array(
    z.discriminatedUnion('strategy', [
      z.strictObject({ strategy: z.literal('vector'), values: z.record(z.string(), z.unknown()) }),
      z.strictObject({ strategy: z.literal('matrix'), values: z.record(z.string(), z.array(z.unknown()).min(1)) }),
    ]),
  )
  .nullish();
