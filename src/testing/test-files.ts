/** Files of tests: found, read as YAML with positions, and given to the kind that recognises them. */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ScalarTag, YAMLError } from 'yaml';
import { type Diagnostic, exitCode, messageOf, suggest, UserError } from '../core/errors.ts';
import { PipelineDocument } from '../pipeline/plan/document.ts';
import type { TestFile, TestKind } from './test-kind.ts';

/** Octal as event-generator's parser reads it: a mode is written 0644. */
const octal: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  test: /^0[0-7]+$/,
  resolve: (text) => Number.parseInt(text, 8),
};

/** `key: %{ item.key }` without quotes is no YAML, but what event-generator's files have, and it is read as it is meant. */
function isBareTemplate({ code, pos }: YAMLError, text: string): boolean {
  return code === 'BAD_SCALAR_START' && text.startsWith('%{', pos[0]);
}

/** Reads a file of tests. @throws UserError (exit 2) when it cannot be read or is no YAML */
export function readTestFile(path: string, rulesOf: (path: string) => readonly string[]): TestFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UserError(`Cannot read the tests ${path}: ${messageOf(error)}`, { exit: exitCode.usage, cause: error });
  }
  const yaml = { customTags: (tags: readonly unknown[]) => [octal, ...tags] as ScalarTag[] };
  const document = PipelineDocument.parse(path, text, [], { yaml, tolerates: isBareTemplate });
  return { path, document, value: document.value(), rules: rulesOf(path) };
}

/** A file and the kind that it is of. */
export interface KnownFile {
  readonly file: TestFile;
  readonly kind: TestKind;
}

/**
 * The files that paths name; of a folder those below it that some kind recognises.
 * @throws UserError (exit 2) for a file that no kind recognises, and when there is nothing to run
 */
export function findTestFiles(
  paths: readonly string[],
  kinds: readonly TestKind[],
  rulesOf: (path: string) => readonly string[],
): readonly KnownFile[] {
  const found = paths.flatMap((path) => {
    if (!isFolder(path)) return [known(readTestFile(path, rulesOf), kinds)];
    const below = yamlBelow(path).flatMap((each) => recognisedIn(each, kinds, rulesOf));
    if (below.length > 0) return below;
    throw new UserError(`There are no tests below ${path}`, { exit: exitCode.usage });
  });
  return found.filter(({ file }, index) => found.findIndex((other) => other.file.path === file.path) === index);
}

function known(file: TestFile, kinds: readonly TestKind[]): KnownFile {
  const kind = kinds.find((each) => each.recognises(file.value));
  if (kind) return { file, kind };
  const names = kinds.map(({ name }) => name).join(', ');
  throw new UserError(`${file.path} is no file of tests; there are ${names}: docs/guides/testing-rules.md`, {
    exit: exitCode.usage,
    diagnostics: [missingIn(file)],
    texts: file.document.texts,
  });
}

/** By which keys a file, and a test in it, is known. */
const OF_FILE = ['tests', 'pipeline'];
const OF_TEST = ['rule', 'events', 'runner'];

/** The place where a file stops to look like one of tests, and what is there in place of what is needed. */
function missingIn({ value, document }: TestFile): Diagnostic {
  const wrong = (
    message: string,
    path: readonly (string | number)[],
    keys: readonly string[],
    known: readonly string[],
  ) => {
    const found = keys.find((key) => !known.includes(key) && suggest(key, known) !== undefined);
    const hint = found === undefined ? undefined : `Did you mean "${suggest(found, known)}"?`;
    const at = found === undefined ? document.place(path) : document.place([...path, found], 'key');
    return { severity: 'error', code: 'TEST_FILE', message, at, ...(hint && { hint }) } as const;
  };
  const { tests } = (value ?? {}) as { readonly tests?: unknown };
  if (tests === undefined) return wrong('There is no key `tests`', [], keysOf(value), OF_FILE);
  const [first] = Array.isArray(tests) ? tests : [];
  if (first === undefined) return wrong('`tests` must be a list of tests', ['tests'], [], []);
  const message =
    'A test of rules has `rule` and `events`, a scenario `runner`; tests of a pipeline name it: `pipeline`';
  const near = wrong(message, [], keysOf(value), OF_FILE);
  return near.hint ? near : wrong(message, ['tests', 0], keysOf(first), OF_TEST);
}

function keysOf(value: unknown): string[] {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value) : [];
}

// A folder has other files too, pipelines and rules: what is no file of tests is not ours to judge.
function recognisedIn(
  path: string,
  kinds: readonly TestKind[],
  rulesOf: (path: string) => readonly string[],
): KnownFile[] {
  const isNamedSo = /\.test\.ya?ml$/.test(path);
  if (!isNamedSo && !hasTests(path)) return [];
  try {
    return [known(readTestFile(path, rulesOf), kinds)];
  } catch (error) {
    if (isNamedSo || !(error instanceof UserError)) throw error;
    return [];
  }
}

/** Whether it is worth while to parse a file. */
function hasTests(path: string): boolean {
  try {
    return /\btests["']?\s*:/.test(readFileSync(path, 'utf8'));
  } catch {
    return false;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function yamlBelow(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => /\.ya?ml$/.test(name) && !name.includes('node_modules'))
    .sort()
    .map((name) => join(folder, name));
}
