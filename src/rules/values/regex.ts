/**
 * Regular expressions with RE2's POSIX syntax (spec/falco-engine.md §2.5): matched against the whole text, in linear time.
 * re2js reads Perl syntax, so what POSIX reads otherwise is rewritten or refused here first.
 */

import { RE2JS } from 're2js';

/** RE2's own words for what re2js complains about. */
const reasons: readonly (readonly [ours: string, theirs: string])[] = [
  ['missing closing ]', 'missing ]'],
  ['missing closing )', 'missing )'],
  ['missing argument to repetition operator', 'no argument for repetition operator'],
  ['invalid repeat count', 'invalid repetition size'],
  ['invalid nested repetition operator', 'bad repetition operator'],
  ['invalid or unsupported Perl syntax', 'invalid perl operator'],
  ['trailing backslash at end of expression', 'trailing \\'],
];

/**
 * Makes a test for a pattern.
 * @throws Error whose message is the reason, in RE2's words
 */
export function regexTest(pattern: string): (text: string) => boolean {
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(fromPosix(pattern), RE2JS.MULTILINE);
  } catch (error) {
    throw new Error(reasonOf(error));
  }
  return (text) => compiled.matches(text);
}

function reasonOf(error: unknown): string {
  const text = (error instanceof Error ? error.message : String(error)).replace(/^error parsing regexp: /, '');
  const found = reasons.find(([ours]) => text.startsWith(ours));
  // What re2js shows of a pattern begins with the flag that it is compiled with.
  return (found === undefined ? text : found[1] + text.slice(found[0].length)).replaceAll('`', '').replace('(?m)', '');
}

/** Rewrites POSIX syntax as Perl syntax of the same meaning. */
function fromPosix(pattern: string): string {
  let out = '';
  let atomStart = -1;
  let repeated = false;
  const groups: number[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const start = out.length;
    const char = pattern[at] ?? '';
    if (char === '\\') {
      const sequence = readEscape(pattern, at);
      out += sequence;
      at += sequence.length - 1;
    } else if (char === '[') {
      const end = bracketEnd(pattern, at);
      out += pattern.slice(at, end);
      at = end - 1;
    } else if (char === '(') {
      if (pattern[at + 1] === '?') throw new Error('no argument for repetition operator: ?');
      groups.push(start);
      out += char;
      atomStart = -1;
      repeated = false;
      continue;
    } else if (char === ')') {
      out += char;
      atomStart = groups.pop() ?? -1;
      repeated = false;
      continue;
    } else if (
      atomStart >= 0 &&
      (char === '*' || char === '+' || char === '?' || /^\{\d+(?:,\d*)?\}/.test(pattern.slice(at)))
    ) {
      // POSIX reads a doubled operator as a repeated repetition; Perl would read it as lazy, or refuse.
      if (repeated) out = `${out.slice(0, atomStart)}(?:${out.slice(atomStart)})`;
      const operator = char === '{' ? pattern.slice(at, pattern.indexOf('}', at) + 1) : char;
      out += operator;
      at += operator.length - 1;
      repeated = true;
      continue;
    } else {
      out += char;
      atomStart = char === '|' || char === '^' ? -1 : start;
      repeated = false;
      continue;
    }
    atomStart = start;
    repeated = false;
  }
  return out;
}

/** An escape, checked: POSIX has no classes such as `\s`, no `\b`, no `\Q`. */
function readEscape(pattern: string, at: number): string {
  const char = pattern[at + 1];
  if (char === undefined) throw new Error('trailing \\');
  if (/[dDsSwWbBAzZQEC]/.test(char)) throw new Error(`invalid escape sequence: \\${char}`);
  if (char === 'p' || char === 'P') return /^\\[pP](?:\{[^}]*\}|.)/.exec(pattern.slice(at))?.[0] ?? `\\${char}`;
  if (char === 'x') return /^\\x(?:\{[^}]*\}|..)/.exec(pattern.slice(at))?.[0] ?? '\\x';
  return `\\${char}`;
}

/** Where the class that opens at an offset ends. */
function bracketEnd(pattern: string, start: number): number {
  let at = start + 1;
  if (pattern[at] === '^') at++;
  if (pattern[at] === ']') at++;
  while (at < pattern.length && pattern[at] !== ']') {
    if (pattern.startsWith('[:', at)) {
      const close = pattern.indexOf(':]', at + 2);
      at = close < 0 ? at + 2 : close + 2;
    } else if (pattern[at] === '\\') {
      readEscape(pattern, at);
      at += 2;
    } else {
      at++;
    }
  }
  if (at >= pattern.length) throw new Error(`missing ]: ${pattern.slice(start)}`);
  return at + 1;
}

/**
 * Whether a pattern is plain text with at most one of an anchor and `.*`, `.+`, `.?` at either end, as Falco looks at it: a
 * simpler operator would do.
 */
export function isSimpleRegex(pattern: string): boolean {
  return /^(?:\^|\.[*+?])?[^\\.^$*+?()[\]{}|]*(?:\$|\.[*+?])?$/.test(pattern);
}
