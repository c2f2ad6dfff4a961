/** Tests that run again when what they are made of changes: those of a changed file, and those that a changed rule touches. */

import { type FSWatcher, statSync, watch } from 'node:fs';
import { resolve } from 'node:path';
import { type Contents, contentOf, digestOf, Watcher } from '../pipeline/plan/watch.ts';
import type { Rule } from '../rules/index.ts';
import { type LoadedFile, loadTests, runLoaded, type TestOptions } from './run-tests.ts';

/** ms in which a file that has come is written. */
const WRITTEN = 200;

export interface WatchOptions extends Omit<TestOptions, 'reporter'> {
  /** Makes a reporter for each run. */
  readonly reporter: () => TestOptions['reporter'];
  /** Told what runs again, and of how many tests. */
  readonly again: (count: number, of: number) => void;
  /** Told of files that have errors: nothing runs then until they are mended. */
  readonly wrong: (error: unknown) => void;
}

/**
 * Runs all tests, then those that a change touches, until `signal` is aborted.
 * @throws UserError (exit 2) when the files have errors from the start
 */
export async function watchTests(paths: readonly string[], options: WatchOptions): Promise<void> {
  const { reporter, again, wrong, rulesOf, ...context } = options;
  const { signal } = options;
  const changes = new Changes(signal, wrong);
  // Watching alone keeps no program alive.
  const alive = setInterval(() => {}, 2 ** 30);
  try {
    let files = await loadTests(paths, rulesOf);
    changes.watch(contentsOf(files));
    for (const path of paths) changes.watchFolder(path);
    await runLoaded(files, { ...context, reporter: reporter() });
    while (await changes.next()) {
      try {
        const before = files;
        files = await loadTests(paths, rulesOf);
        changes.watch(contentsOf(files));
        const touched = files.flatMap((file) => touchedOf(file, before) ?? []);
        const count = countOf(touched);
        if (count === 0) continue;
        again(count, countOf(files));
        await runLoaded(touched, { ...context, reporter: reporter() });
      } catch (error) {
        wrong(error);
      }
    }
  } finally {
    clearInterval(alive);
    changes.close();
  }
}

/** Of a file the tests that have to run again; undefined: none. */
export function touchedOf(file: LoadedFile, before: readonly LoadedFile[]): LoadedFile | undefined {
  const { kind, suite } = file;
  const old = before.find((each) => each.file.path === file.file.path);
  if (old === undefined || !isSameText(file, old) || !isSameReads(suite.reads, old.suite.reads)) return file;
  const changed = changedRules(suite.rules ?? [], old.suite.rules ?? []);
  if (changed.size === 0) return undefined;
  const touched = kind.touched?.(suite, changed) ?? suite;
  return touched.count === 0 ? undefined : { ...file, suite: touched };
}

function isSameText({ file, kind }: LoadedFile, old: LoadedFile): boolean {
  const textOf = (one: LoadedFile['file']) => one.document.texts[0]?.text;
  return kind === old.kind && textOf(file) === textOf(old.file);
}

function isSameReads(reads: Contents = new Map(), old: Contents = new Map()): boolean {
  return reads.size === old.size && [...reads].every(([path, digest]) => old.get(path) === digest);
}

/** The names of rules that are new, gone, or say something else. */
function changedRules(rules: readonly Rule[], old: readonly Rule[]): ReadonlySet<string> {
  const texts = new Map(rules.map((rule) => [rule.name, textOf(rule)]));
  const oldTexts = new Map(old.map((rule) => [rule.name, textOf(rule)]));
  return new Set([...texts.keys(), ...oldTexts.keys()].filter((name) => texts.get(name) !== oldTexts.get(name)));
}

function textOf({ source, priority, tags, enabled, condition, output }: Rule): string {
  return JSON.stringify([source, priority, tags, enabled, condition.compiled, output.text]);
}

function countOf(files: readonly LoadedFile[]): number {
  return files.reduce((sum, { suite }) => sum + suite.count, 0);
}

/** Everything that the tests are made of, as it was read. */
function contentsOf(files: readonly LoadedFile[]): Contents {
  const contents: Contents = new Map();
  for (const { file, suite } of files) {
    contents.set(resolve(file.path), digestOf(file.document.texts[0]?.text));
    for (const path of file.rules) contents.set(resolve(path), contentOf(path));
    for (const [path, digest] of suite.reads ?? []) contents.set(path, digest);
  }
  return contents;
}

/** Changes of files, one after the other; those that come while tests run are one. */
class Changes {
  readonly #watcher: Watcher;
  readonly #folders: FSWatcher[] = [];
  readonly #failed: (error: unknown) => void;
  readonly #signal: AbortSignal;
  #pending = false;
  #soon: NodeJS.Timeout | undefined;
  #wake: (() => void) | undefined;

  constructor(signal: AbortSignal, failed: (error: unknown) => void) {
    this.#signal = signal;
    this.#failed = failed;
    this.#watcher = new Watcher(this.#changed, failed);
    signal.addEventListener('abort', () => this.#wake?.(), { once: true });
  }

  watch(contents: Contents): void {
    this.#watcher.watch(contents);
  }

  /** Where a path is a folder: files of tests that come into it or below it, or go, are a change too. */
  watchFolder(path: string): void {
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
    try {
      const told = (_event: string, name: string | null) => {
        if (!/\.ya?ml$/.test(name ?? '')) return;
        clearTimeout(this.#soon);
        this.#soon = setTimeout(this.#changed, WRITTEN);
      };
      this.#folders.push(watch(path, { persistent: false, recursive: true }, told).on('error', this.#failed));
    } catch (error) {
      this.#failed(error);
    }
  }

  readonly #changed = () => {
    this.#pending = true;
    this.#wake?.();
  };

  /** Resolves with true at the next change, with false when there is no more of it. */
  async next(): Promise<boolean> {
    while (!this.#pending && !this.#signal.aborted) {
      const { promise, resolve: wake } = Promise.withResolvers<void>();
      this.#wake = wake;
      await promise;
    }
    this.#pending = false;
    return !this.#signal.aborted;
  }

  close(): void {
    this.#watcher.close();
    clearTimeout(this.#soon);
    for (const folder of this.#folders) folder.close();
  }
}
