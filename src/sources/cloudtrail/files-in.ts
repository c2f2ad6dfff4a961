/** Which files an entry of `files` stands for. */

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isDigest } from './key.ts';

/** What the names of log files below a folder end in, in whatever case. */
export const ENDINGS: readonly string[] = ['.json', '.jsonl', '.ndjson'].flatMap((each) => [each, `${each}.gz`]);

/** A file, or the log files below a folder in the order of their names. Throws the system's error when it is not there. */
export function filesIn(path: string): readonly string[] {
  if (!statSync(path).isDirectory()) return [path];
  const all = readdirSync(path, { recursive: true, withFileTypes: true });
  const files = all.filter((entry) => entry.isFile() && isLogFile(entry.name));
  return files.map(({ parentPath, name }) => join(parentPath, name)).sort();
}

function isLogFile(name: string): boolean {
  return ENDINGS.some((ending) => name.toLowerCase().endsWith(ending)) && !isDigest(name);
}
