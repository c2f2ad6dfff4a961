/** Paths that were joined or split before: the same few programs open the same few files. */

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

/** A file's path in two. */
export interface SplitPath {
  /** The part before the last slash, `/` for a file in the root directory and where there is no slash. */
  readonly directory: string;
  /** The part after the last slash; Falco's `/` when there is none. */
  readonly filename: string;
}

// An event is asked for both parts one after the other. More is not kept: finding it would cost as much as splitting.
let last = '';
let lastSplit: SplitPath = { directory: '/', filename: '/' };

/** The folder and the last name of a path; what was made of the last path is kept. */
export function split(path: string): SplitPath {
  if (path === last) return lastSplit;
  const at = path.lastIndexOf('/');
  lastSplit = { directory: at <= 0 ? '/' : path.slice(0, at), filename: at < 0 ? '/' : path.slice(at + 1) };
  last = path;
  return lastSplit;
}
