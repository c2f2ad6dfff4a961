/** Reference data that lies beside the repository: tests that need it are skipped, loudly, without it. */

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../shared/', import.meta.url));

/** The parsed JSON file, or undefined (and a line on stderr) when it is not there. */
// biome-ignore lint/suspicious/noExplicitAny: foreign data, its shape is what the tests check.
export function sharedJson(path: string): any {
  const text = sharedText(path);
  return text === undefined ? undefined : JSON.parse(text);
}

/** As `sharedJson`, the text of the file. */
export function sharedText(path: string): string | undefined {
  if (existsSync(root + path)) return readFileSync(root + path, 'utf8');
  process.stderr.write(`SKIPPED: tests over ../shared/${path}, which is not there\n`);
  return undefined;
}
