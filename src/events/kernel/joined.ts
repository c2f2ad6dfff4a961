/** Joined paths that were joined before: the same few programs open the same few files. */

import { joinPath } from '../paths.ts';

/** Longer texts come back as new objects each time (text.ts), and are rare: they are not kept. */
const LONGEST = 128;
const MOST = 8192;

let kept = new Map<string, Map<string, string>>();
let size = 0;

/** As `joinPath`. */
export function joined(base: string, path: string): string {
  if (base.length > LONGEST || path.length > LONGEST) return joinPath(base, path);
  let paths = kept.get(base);
  const known = paths?.get(path);
  if (known !== undefined) return known;
  if (++size > MOST) {
    kept = new Map();
    size = 1;
    paths = undefined;
  }
  if (paths === undefined) kept.set(base, (paths = new Map()));
  const result = joinPath(base, path);
  paths.set(path, result);
  return result;
}
