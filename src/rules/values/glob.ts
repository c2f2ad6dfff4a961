/**
 * Wildcards of `glob` and `iglob`: fnmatch(3) without flags, so `*` and `?` match `/` too. As in Falco, which runs in the
 * C locale, `?` and `[…]` match one byte of UTF-8.
 */

type Token = string | typeof star | ((char: string) => boolean);
const star = Symbol('*');

/** Makes a test for a pattern; `fold` ignores the case of ASCII letters. */
export function globTest(pattern: string, fold = false): (text: string) => boolean {
  const tokens = tokenize(bytesOf(fold ? foldAscii(pattern) : pattern));
  const match = special(tokens) ?? ((text: string) => matchTokens(tokens, text));
  return fold ? (text) => match(bytesOf(foldAscii(text))) : (text) => match(bytesOf(text));
}

/** Whether a text holds wildcards. */
export function hasWildcard(text: string): boolean {
  return /[*?[]/.test(text);
}

/** Whether a pattern has a bracket that is not closed. */
export function hasOpenBracket(pattern: string): boolean {
  for (let at = 0; at < pattern.length; at++) {
    if (pattern[at] === '\\') at++;
    else if (pattern[at] === '[') {
      const set = bracket(pattern, at);
      if (set === undefined) return true;
      at = set.end;
    }
  }
  return false;
}

// Rules look for one word after the other in the same text.
let lastFolded = { text: '', folded: '' };

/** Lower case of ASCII letters only. */
export function foldAscii(text: string): string {
  if (text === lastFolded.text) return lastFolded.folded;
  const folded = /\P{ASCII}/u.test(text)
    ? text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
    : text.toLowerCase();
  lastFolded = { text, folded };
  return folded;
}

/** The text with one character a byte. Most text is ASCII and stays as it is. */
function bytesOf(text: string): string {
  return /\P{ASCII}/u.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
}

/** The common shapes `text`, `text*`, `*text` and `*text*` without walking. */
function special(tokens: readonly Token[]): ((text: string) => boolean) | undefined {
  const first = tokens[0] === star;
  const last = tokens.length > 1 && tokens.at(-1) === star;
  const middle = tokens.slice(first ? 1 : 0, last ? -1 : undefined);
  if (!middle.every((token) => typeof token === 'string')) return undefined;
  const literal = middle.join('');
  if (first && last) return (text) => text.includes(literal);
  if (first) return (text) => text.endsWith(literal);
  if (last) return (text) => text.startsWith(literal);
  return (text) => text === literal;
}

function tokenize(pattern: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at] ?? '';
    if (char === '*') {
      if (tokens.at(-1) !== star) tokens.push(star);
    } else if (char === '?') {
      tokens.push(() => true);
    } else if (char === '\\' && at + 1 < pattern.length) {
      tokens.push(pattern[++at] ?? '');
    } else if (char === '[') {
      const set = bracket(pattern, at);
      tokens.push(set?.test ?? '[');
      at = set?.end ?? at;
    } else {
      tokens.push(char);
    }
  }
  return tokens;
}

const classes: Readonly<Record<string, RegExp>> = {
  alpha: /[a-z]/i,
  digit: /\d/,
  alnum: /[a-z\d]/i,
  upper: /[A-Z]/,
  lower: /[a-z]/,
  space: /[ \t\n\v\f\r]/,
  blank: /[ \t]/,
  punct: /[!-/:-@[-`{-~]/,
  print: /[ -~]/,
  graph: /[!-~]/,
  cntrl: /\p{Cc}/u,
  xdigit: /[\da-f]/i,
};

/** Reads `[…]`; undefined when it is not closed: the bracket then stands for itself. */
function bracket(pattern: string, start: number): { test: (char: string) => boolean; end: number } | undefined {
  let at = start + 1;
  const negated = pattern[at] === '!' || pattern[at] === '^';
  if (negated) at++;
  const members: ((char: string) => boolean)[] = [];
  const first = at;
  for (; at < pattern.length; at++) {
    if (pattern[at] === ']' && at > first) {
      return { test: (char) => members.some((member) => member(char)) !== negated, end: at };
    }
    const named = /^\[:(\w+):\]/.exec(pattern.slice(at, at + 12));
    const known = named && classes[named[1] ?? ''];
    if (named && known) {
      members.push((char) => known.test(char));
      at += named[0].length - 1;
      continue;
    }
    if (pattern[at] === '\\' && at + 1 < pattern.length) at++;
    const from = pattern[at] ?? '';
    if (pattern[at + 1] === '-' && at + 2 < pattern.length && pattern[at + 2] !== ']') {
      const to = pattern[at + 2] ?? '';
      members.push((char) => char >= from && char <= to);
      at += 2;
    } else {
      members.push((char) => char === from);
    }
  }
  return undefined;
}

/** Walks text and pattern; on a mismatch the last star takes one more character. At most length x length steps. */
function matchTokens(tokens: readonly Token[], text: string): boolean {
  let at = 0;
  let token = 0;
  let starToken = -1;
  let starAt = 0;
  while (at < text.length) {
    const current = tokens[token];
    if (current === star) {
      starToken = token++;
      starAt = at;
    } else if (
      current !== undefined &&
      (typeof current === 'string' ? current === text[at] : current(text[at] ?? ''))
    ) {
      token++;
      at++;
    } else if (starToken >= 0) {
      token = starToken + 1;
      at = ++starAt;
    } else {
      return false;
    }
  }
  while (tokens[token] === star) token++;
  return token === tokens.length;
}
