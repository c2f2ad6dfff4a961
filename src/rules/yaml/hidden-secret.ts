/** Lines of rules files that are not to be quoted. */

import type { Context } from './issue.ts';

/** Hides the line of a place when it may have a secret: the login or the query of an address, a header. */
export function hiddenSecret({ file: { content }, start }: Context): { readonly hidden?: true } {
  const end = content.indexOf('\n', start);
  const line = content.slice(content.lastIndexOf('\n', start - 1) + 1, end < 0 ? content.length : end);
  return /\burl\b.*[?@]|\bheaders\b/.test(line) ? { hidden: true } : {};
}
