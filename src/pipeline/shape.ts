/** The shape of a pipeline file: what zod finds wrong becomes diagnostics at the right characters. */

import { z } from 'zod';
import { deliveryKeys } from '../core/delivery.ts';
import { type Diagnostic, suggest } from '../core/errors.ts';
import type { Path, PipelineDocument } from './document.ts';

const id = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_-]*$/, 'An id begins with a letter and has letters, digits, _ and - only');
const component = z.looseObject({ type: z.string().describe('The type of the component.') });

/** One id, or a list of them. */
export const from = z
  .union([z.string(), z.array(z.string()).min(1)])
  .transform((value) => (Array.isArray(value) ? value : [value]))
  .describe('The id, or a list of ids, of the sources and operators it reads from.');

/** The top of the file; components are checked by their own schemas. */
export const fileShape = z.strictObject({
  sources: z.record(id, component).describe('Where events come from, by id.'),
  operators: z.record(id, component).default({}).describe('What is done with events, by id.'),
  sinks: z.record(id, component).describe('Where events go, by id.'),
  components: z
    .array(z.string())
    .default([])
    .describe('Modules with components of your own: a path (./my-operator.ts) or the name of an installed package.'),
  state: z.string().optional().describe('Folder that remembers where replayable sources stood; as --state.'),
});

export type PipelineFile = z.output<typeof fileShape>;

/** The kinds of component, by the name of their section. */
export const sectionKeys = {
  sources: {},
  operators: { from },
  sinks: { from, ...deliveryKeys },
} as const;

export type Section = keyof typeof sectionKeys;

/** The whole schema of one component in a file: its own keys and those of its section. */
export function componentShape(section: Section, type: string, config: z.ZodType): z.ZodObject {
  const own = config as z.ZodObject;
  return own.safeExtend({ type: z.literal(type), ...sectionKeys[section] }) as z.ZodObject;
}

/** Parses a value of the document; what is wrong is reported and undefined returned. `what` names it in messages. */
export function parseShape<Shape extends z.ZodType>(
  shape: Shape,
  value: unknown,
  base: Path,
  document: PipelineDocument,
  report: (diagnostic: Diagnostic) => void,
): z.output<Shape> | undefined {
  const result = shape.safeParse(value);
  if (result.success) return result.data;
  for (const issue of result.error.issues) for (const each of explain(issue, shape, base, document)) report(each);
  return undefined;
}

function explain(issue: z.core.$ZodIssue, shape: z.ZodType, base: Path, document: PipelineDocument): Diagnostic[] {
  const inner = issue.path.filter((part) => typeof part !== 'symbol') as (string | number)[];
  const path = [...base, ...inner];
  const where = path.length > 0 ? ` at ${path.join('.')}` : '';
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(shape, inner);
    return issue.keys.map((key) => ({
      severity: 'error',
      code: 'CONFIG_UNKNOWN_KEY',
      message: `Unknown key "${key}"${where}`,
      at: document.place([...path, key], 'key'),
      hint: didYouMean(key, known) ?? `Known keys: ${known.join(', ')}`,
    }));
  }
  const at = document.place(path);
  if (issue.code === 'invalid_value') {
    const values = issue.values.map(String);
    const given = String(issue.input ?? valueAt(document.value(), path));
    const hint = didYouMean(given, values);
    const message = `"${given}"${where} is not one of ${values.join(', ')}`;
    return [{ severity: 'error', code: 'CONFIG_VALUE', message, at, ...(hint ? { hint } : {}) }];
  }
  if (issue.code === 'invalid_type' && valueAt(document.value(), path) === undefined) {
    const key = String(path.at(-1));
    const above = path.slice(0, -1);
    const message = `Missing key "${key}"${above.length > 0 ? ` at ${above.join('.')}` : ''} (${issue.expected})`;
    return [{ severity: 'error', code: 'CONFIG_MISSING_KEY', message, at: document.place(above, 'key') }];
  }
  return [{ severity: 'error', code: 'CONFIG_VALUE', message: `${issue.message}${where}`, at }];
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((inner, part) => (inner as Record<string | number, unknown> | undefined)?.[part], value);
}

/** "Did you mean …?", or undefined when nothing is near. */
export function didYouMean(name: string, candidates: Iterable<string>): string | undefined {
  const near = suggest(name, candidates);
  return near === undefined ? undefined : `Did you mean "${near}"?`;
}

function keysAt(shape: z.ZodType, path: Path): string[] {
  let inner: unknown = unwrap(shape);
  for (const part of path) {
    const { shape: keys, valueType } = (inner ?? {}) as { shape?: Record<string, z.ZodType>; valueType?: z.ZodType };
    inner = unwrap(keys?.[part] ?? valueType);
  }
  return Object.keys((inner as { shape?: object } | undefined)?.shape ?? {});
}

// default, prefault, optional and the like wrap the object whose keys are wanted.
function unwrap(shape: unknown): unknown {
  const inner = (shape as { def?: { innerType?: unknown } } | undefined)?.def?.innerType;
  return inner ? unwrap(inner) : shape;
}
