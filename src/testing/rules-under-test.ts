/** The rules that tests are about: loaded once for all files of tests that share them. */

import { readFileSync } from 'node:fs';
import { exitCode, messageOf, UserError } from '../core/errors.ts';
import { catalogues } from '../events/catalogue.ts';
import { readItems, withFetchedItems } from '../operators/rules/lists/fetched-items.ts';
import { type LoadResult, loadRules, type RulesFile } from '../rules/index.ts';
import type { TestFile } from './test-kind.ts';

interface Loading {
  readonly files: readonly RulesFile[];
  readonly result: Promise<LoadResult>;
}

const loaded = new Map<string, Loading>();

/** @throws UserError (exit 2) when there are none, or they have errors */
export function rulesUnderTest({ path, rules }: Pick<TestFile, 'path' | 'rules'>): Promise<LoadResult> {
  if (rules.length === 0) {
    const message = `There are no rules beside ${path}; name them with --rules FILE`;
    return Promise.reject(new UserError(message, { exit: exitCode.usage }));
  }
  const key = JSON.stringify(rules);
  const files = rules.map(read);
  const before = loaded.get(key);
  if (before && files.every((file, index) => isSame(file, before.files[index]))) return before.result;
  const result = load(files);
  loaded.set(key, { files, result });
  return result;
}

function isSame({ content, unreadable }: RulesFile, other: RulesFile | undefined): boolean {
  return content === other?.content && unreadable === other.unreadable;
}

async function load(files: readonly RulesFile[]): Promise<LoadResult> {
  const result = await withFetchedItems(() => loadRules(files, { catalogues, items: readItems }));
  if (result.ok) return result;
  throw new UserError(`The rules ${files.map(({ name }) => name).join(', ')} have errors`, {
    exit: exitCode.usage,
    diagnostics: result.diagnostics.filter(({ severity }) => severity === 'error'),
    texts: files.map(({ name, content }) => ({ name, text: content })),
  });
}

function read(name: string): RulesFile {
  try {
    return { name, content: readFileSync(name, 'utf8') };
  } catch (error) {
    return { name, content: '', unreadable: messageOf(error) };
  }
}
