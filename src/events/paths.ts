/** Paths as text: made absolute and normalised as Falco does it (spec/falco-engine.md §6.3), without the file system. */

/**
 * `path` if it is absolute, else below `base`; `//`, `.` and a trailing slash are dropped, `..` takes its directory with
 * it. An empty path stays empty. A long one stays whole, unlike in Falco: a long way round must not hide a file.
 */
export function joinPath(base: string, path: string): string {
  if (path === '') return '';
  return normalise(path.startsWith('/') ? path : base === '' || base.endsWith('/') ? base + path : `${base}/${path}`);
}

function normalise(path: string): string {
  if (isPlain(path)) return path;
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return (path.startsWith('/') ? '/' : '') + parts.join('/');
}

/** Most paths: nothing to drop, and nothing to allocate. */
function isPlain(path: string): boolean {
  const first = path.charCodeAt(0);
  const last = path.charCodeAt(path.length - 1);
  return first !== DOT && (last !== SLASH || path.length === 1) && !/\/[/.]/.test(path);
}

const DOT = 46;
const SLASH = 47;
