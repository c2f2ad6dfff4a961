/** Texts written as constants of conditions (spec/falco-engine.md §1.3, §1.5, §2.2). */

import { findWord } from './substitute-lists.ts';

/** What needs no quotes, neither here nor in Falco. */
const BARE = /^-?[\p{L}\p{N}_/][\p{L}\p{N}_/.:@%+~-]*$/u;
const MODIFIER = /^(?:oneof|anyof|allof)$/;
/** What cannot be seen, or would be something else in quotes. */
const SPECIAL = /["\\\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;

const escapes: Readonly<Record<string, string>> = { '"': '\\"', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * A constant that means exactly that text, also where the names of lists are put in place. Undefined where no constant can:
 * a text cannot hold a NUL, nor half of a character.
 */
export function constantText(text: string, lists: ReadonlySet<string>): string | undefined {
  if (text.includes('\0') || !text.isWellFormed()) return undefined;
  if (BARE.test(text) && !MODIFIER.test(text) && !lists.has(text)) return text;
  let written = `"${text.replace(SPECIAL, (char) => escapes[char] ?? hex(char))}"`;
  // Names of lists are replaced within quotes too, unless a letter of them is written otherwise.
  for (const name of lists) {
    for (let at = findWord(written, name, 0); at >= 0; at = findWord(written, name, at)) {
      const first = String.fromCodePoint(written.codePointAt(at) as number);
      written = written.slice(0, at) + hex(first) + written.slice(at + first.length);
    }
  }
  return written;
}

function hex(char: string): string {
  return Array.from(Buffer.from(char), (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
}
