/** A folder that stands for the files in it, as Falco takes one of rules (spec/falco-engine.md §1.1). */

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The names of the `*.yaml` and `*.yml` in a folder, sorted, without those of tests (`*.test.yaml`) and those that begin
 * with a dot, as links of editors do; not of what is below. Undefined: it is no folder, or cannot be read.
 */
export function yamlNamesIn(folder: string): string[] | undefined {
  try {
    if (!statSync(folder).isDirectory()) return undefined;
    return readdirSync(folder)
      .filter((name) => /^[^.].*(?<!\.test)\.ya?ml$/.test(name) && mayBeFile(join(folder, name)))
      .sort();
  } catch {
    return undefined;
  }
}

/** The files that a path names: itself, or those of the folder that it is. `absolute` finds it from where it is named. */
export function yamlFilesOf(path: string, absolute: string = path): string[] {
  return yamlNamesIn(absolute)?.map((name) => join(path, name)) ?? [path];
}

// What may not be looked at, or is a link to nowhere, is taken: reading says why, and nothing is left out silently.
function mayBeFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return true;
  }
}
