/** What zod finds wrong with a pipeline file, said so that one knows what to write, and where. */

import type { z } from 'zod';
import { type Diagnostic, suggest } from '../../core/errors.ts';
import { PLAIN_SECRET } from '../../core/secret.ts';
import type { Path, PipelineDocument } from './document.ts';

/** Names of types in messages. */
const WORDS: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
};

/** Messages that zod has by itself; any other is our own, written for people. */
const ZODS = /^(Invalid|Too (small|big)|Unrecognized)/;

/** Where an issue is: in a value of the document at `base`, which has a shape. */
interface Scene {
  readonly shape: z.ZodType;
  readonly base: Path;
  readonly document: Pick<PipelineDocument, 'value' | 'place'>;
}

/** The diagnostics of issues. A key that is missing because it is misspelt is said once. */
export function explain(issues: readonly z.core.$ZodIssue[], scene: Scene): Diagnostic[] {
  const meant = new Set<string | undefined>();
  for (const issue of issues) {
    if (issue.code !== 'unrecognized_keys') continue;
    const known = keysAt(scene.shape, issue.path as Path);
    for (const key of issue.keys) meant.add([...issue.path, suggest(key, known)].join('.'));
  }
  const value = (path: PropertyKey[]) => valueAt(scene.document.value(), [...scene.base, ...(path as Path)]);
  const said = issues.filter(({ path }) => value(path) !== undefined || !meant.has(path.join('.')));
  return said.flatMap((issue) => explainOne(issue, scene));
}

function explainOne(issue: z.core.$ZodIssue, scene: Scene): Diagnostic[] {
  const { shape, base, document } = scene;
  const inner = issue.path.filter((part) => typeof part !== 'symbol');
  const path = [...base, ...inner];
  const value = valueAt(document.value(), path);
  const hint = () => described(shape, inner, valueAt(document.value(), path.slice(0, -1)));
  const error = (code: string, message: string, at = document.place(path), hint?: string): Diagnostic[] => [
    { severity: 'error', code, message, at, ...(hint ? { hint } : {}) },
  ];
  if (issue.code === 'unrecognized_keys') return issue.keys.flatMap((key) => unknownKey(key, inner, scene));
  if (issue.code === 'invalid_key') {
    const why = issue.issues[0]?.message ?? '';
    return error('CONFIG_ID', `"${path.at(-1)}" cannot be an id`, document.place(path, 'key'), why);
  }
  if (value === undefined && path.length > 0) {
    const above = path.slice(0, -1);
    const at = above.length > 0 ? ` at ${above.join('.')}` : '';
    const place = document.place(above, 'key');
    return error('CONFIG_MISSING_KEY', `Missing key "${path.at(-1)}"${at}`, place, hint());
  }
  // Without errors of its own it is one of kinds, of which none is named so: its message tells.
  const isUnion = issue.code === 'invalid_union' && issue.errors.length > 0;
  if (isUnion && issue.message !== PLAIN_SECRET) return explainUnion(issue, scene);
  if (issue.message === PLAIN_SECRET) {
    const [diagnostic] = error('CONFIG_SECRET', `${path.join('.')}: ${issue.message}`);
    return [{ ...(diagnostic as Diagnostic), hidden: true }];
  }
  if (issue.message && !ZODS.test(issue.message)) {
    return error(
      'CONFIG_VALUE',
      `${path.join('.')}: ${issue.message}${typeof value === 'object' ? '' : `, not ${named(value)}`}`,
    );
  }
  if (issue.code === 'too_small' && named(value) === 'empty') {
    return error('CONFIG_VALUE', `${path.join('.')} must not be empty`, document.place(path), hint());
  }
  const must = path.length > 0 ? `${path.join('.')} must be` : 'A pipeline file must be';
  const values = valuesOf(issue)?.map(String);
  if (values) {
    const hint = typeof value === 'string' ? didYouMean(value, values) : undefined;
    return error('CONFIG_VALUE', `${must} ${oneOf(values)}, not ${named(value)}`, document.place(path), hint);
  }
  return error('CONFIG_VALUE', `${must} ${wanted(issue)}, not ${named(value)}`, document.place(path), hint());
}

// What it may be: of a union that is told apart by a key, the values of that.
function valuesOf(issue: z.core.$ZodIssue): readonly unknown[] | undefined {
  if (issue.code === 'invalid_value') return issue.values;
  return (issue as { options?: readonly unknown[] }).options;
}

function keysAt(shape: z.ZodType, path: Path): string[] {
  return shapesAt(shape, path).flatMap((each) => Object.keys((each as Parts).shape ?? {}));
}

function unknownKey(key: string, inner: Path, { shape, base, document }: Scene): Diagnostic[] {
  const known = keysAt(shape, inner).filter((each) => each !== key);
  const path = [...base, ...inner];
  const message = `Unknown key "${key}"${path.length > 0 ? ` at ${path.join('.')}` : ''}`;
  const hint = didYouMean(key, known) ?? `Known keys: ${known.join(', ')}`;
  return [{ severity: 'error', code: 'CONFIG_UNKNOWN_KEY', message, at: document.place([...path, key], 'key'), hint }];
}

// Of the forms that a value may have, what it comes nearest to is what was meant.
function explainUnion(issue: z.core.$ZodIssueInvalidUnion, scene: Scene): Diagnostic[] {
  const within = (each: z.core.$ZodIssue): z.core.$ZodIssue => ({ ...each, path: [...issue.path, ...each.path] });
  const errors = formsOf(issue);
  const unknown = errors.flat().filter((each) => each.code === 'unrecognized_keys');
  const known = keysAt(scene.shape, issue.path as Path);
  const strange = unknown.find(({ keys }) => keys.some((key) => !known.includes(key)));
  if (strange) return explainOne(within(strange), scene);
  // A key of another form shows that this one was not meant.
  const depth = (issues: readonly z.core.$ZodIssue[]) =>
    issues.some(({ code }) => code === 'unrecognized_keys') ? 0 : Math.max(...issues.map(({ path }) => path.length));
  const [first, ...others] = errors;
  const nearest = others.reduce((best, each) => (depth(each) > depth(best) ? each : best), first ?? []);
  const own = errors.flat().find(({ message }) => !ZODS.test(message));
  if (depth(nearest) > 0 || own) return (own ? [own] : nearest).flatMap((each) => explainOne(within(each), scene));
  if (unknown[0]) return explainOne(within(unknown[0]), scene);
  const forms = errors.flatMap((issues) => issues.map(wanted));
  const message = [...new Set(forms)].join(' or ');
  const path = [...scene.base, ...(issue.path as Path)];
  const given = named(valueAt(scene.document.value(), path));
  const isEmpty = given === 'empty' && errors.flat().some(({ code }) => code === 'too_small');
  const said = isEmpty ? 'must not be empty' : `must be ${message}, not ${given}`;
  const at = scene.document.place(path);
  const hint = described(scene.shape, issue.path as Path, valueAt(scene.document.value(), path.slice(0, -1)));
  const diagnostic = {
    severity: 'error',
    code: 'CONFIG_VALUE',
    message: `${path.join('.')} ${said}`,
    at,
  } as const;
  return [hint ? { ...diagnostic, hint } : diagnostic];
}

/** What is wrong by each of the forms that a value may have; one that is several forms itself counts as those. */
function formsOf({ errors }: z.core.$ZodIssueInvalidUnion): z.core.$ZodIssue[][] {
  return errors.flatMap((issues) => {
    const [inner] = issues;
    const isUnion = inner?.code === 'invalid_union' && inner.errors.length > 0 && inner.message !== PLAIN_SECRET;
    if (issues.length > 1 || !isUnion) return [issues];
    return formsOf(inner).map((each) => each.map((issue) => ({ ...issue, path: [...inner.path, ...issue.path] })));
  });
}

function wanted(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return WORDS[issue.expected] ?? issue.expected;
  if (issue.code === 'too_small') {
    const { minimum, inclusive, origin } = issue;
    if (origin === 'string' || origin === 'array') return `${minimum} long at least`;
    return inclusive === false ? `more than ${minimum}` : `at least ${minimum}`;
  }
  if (issue.code === 'too_big') {
    const { maximum, inclusive, origin } = issue;
    if (origin === 'string' || origin === 'array') return `${maximum} long at most`;
    return inclusive === false ? `less than ${maximum}` : `at most ${maximum}`;
  }
  if (issue.code === 'invalid_value') return oneOf(issue.values.map(String));
  return 'something else';
}

function oneOf(values: readonly string[]): string {
  return values.length > 1 ? `one of ${values.join(', ')}` : (values[0] ?? '');
}

function named(value: unknown): string {
  if (value === null || value === undefined || value === '') return 'empty';
  if (Array.isArray(value)) return value.length > 0 ? 'a list' : 'empty';
  if (typeof value === 'object') return 'a map';
  return typeof value === 'string' ? `"${value.length > 40 ? `${value.slice(0, 40)}…` : value}"` : String(value);
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((inner, part) => (inner as Record<string | number, unknown> | null)?.[part], value);
}

/** "Did you mean …?", or undefined when nothing is near. */
export function didYouMean(name: string, candidates: Iterable<string>): string | undefined {
  const near = suggest(name, candidates);
  return near === undefined ? undefined : `Did you mean "${near}"?`;
}

/** What zod schemas are made of, as far as it is needed here. */
interface Parts {
  readonly def?: {
    readonly innerType?: unknown;
    readonly in?: unknown;
    readonly options?: readonly unknown[];
    readonly element?: unknown;
    readonly valueType?: unknown;
    readonly values?: readonly unknown[];
  };
  readonly shape?: Record<string, unknown>;
  readonly description?: string;
}

// default, prefault, optional, transform and the like wrap what is wanted; a union has several of it.
function unwrapped(schema: unknown): unknown[] {
  const { innerType, in: input, options } = (schema as Parts | undefined)?.def ?? {};
  if (options) return options.flatMap(unwrapped);
  const inside = innerType ?? input;
  return inside ? unwrapped(inside) : schema ? [schema] : [];
}

function below(schema: unknown, part: string | number): unknown[] {
  return unwrapped(schema).flatMap((each) => {
    const { shape, def } = each as Parts;
    const found = shape?.[part] ?? def?.element ?? def?.valueType;
    return found ? [found] : [];
  });
}

function shapesAt(schema: unknown, path: Path): unknown[] {
  const found = path.reduce<unknown[]>((schemas, part) => schemas.flatMap((each) => below(each, part)), [schema]);
  return found.flatMap(unwrapped);
}

/** What the schema says of the value, which is in `parent`: of itself, else of the list or map that it is in. */
function described(schema: unknown, path: Path, parent: unknown): string | undefined {
  if (path.length === 0) return (schema as Parts).description;
  const above = path
    .slice(0, -1)
    .reduce<unknown[]>((schemas, part) => schemas.flatMap((each) => below(each, part)), [schema]);
  const meant = above.flatMap(unwrapped).filter((each) => isOfType(each, parent));
  const found = meant.flatMap((each) => below(each, path.at(-1) as string)).map((each) => (each as Parts).description);
  return found.find((each) => each !== undefined);
}

// Of several forms that have a type each: the one that the value has.
function isOfType(schema: unknown, value: unknown): boolean {
  const { values } = ((schema as Parts).shape?.type as Parts | undefined)?.def ?? {};
  return !values || values.includes((value as { type?: unknown } | undefined)?.type);
}
