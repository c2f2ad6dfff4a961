/** Which files an entry of `files` stands for. */

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const NAMES = /\.(?:json|jsonl|ndjson)(?:\.gz)?$/i;

/** A file, or the log files below a folder in the order of their names. Throws the system's error when it is not there. */
export function filesIn(path: string): readonly string[] {
  if (!statSync(path).isDirectory()) return [path];
  const all = readdirSync(path, { recursive: true, withFileTypes: true });
  const files = all.filter((entry) => entry.isFile() && NAMES.test(entry.name));
  return files.map(({ parentPath, name }) => join(parentPath, name)).sort();
}
