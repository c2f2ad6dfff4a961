/** Secrets that people put on command lines, taken out of texts before they leave the machine. */

import { Alert, toAlert } from './alert.ts';
import { alertFields } from './alert-fields.ts';
import type { Scalar, Value } from './field.ts';
import { EventRecord } from './record.ts';

/** What stands in the place of a secret. */
export const REDACTED = '[redacted]';

/** Replaces what a text has to hide. */
export type Redactor = (text: string) => string;

const NAME = '(?:password|passwd|passphrase|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|credential)';
// Where such a name says that the secret is elsewhere, its value is no secret: --password-stdin, --token-file=PATH.
const ELSEWHERE = '(?![\\w-]{0,24}(?:stdin|file|path|env))';
// In JSON, and in what a shell gives a shell, quotes have backslashes before them.
const ESC = '\\\\{0,3}';
const QUOTE = `(?:${ESC}["'])`;
// No secret, but the character that a reader of JSON did not expect: "Unexpected token 'o'".
const UNEXPECTED = `(?<!Unexpected (?=token '(?:[^]|[\\ud800-\\udbff][\\udc00-\\udfff])'))`;

/*
 * Command lines are an attacker's to choose, so every pattern begins with something fixed and every repetition before
 * the secret is bounded: the time grows with the length of the text. Group 1 stays, the rest is replaced.
 */
const PATTERNS: readonly RegExp[] = [
  // What is quoted ends where the quote does, however far: --password="two words", TOKEN='x y'. The next begins behind it.
  new RegExp(`(${NAME}${ELSEWHERE}[\\w-]{0,24}${QUOTE}?\\s{0,3}[=:\\s]\\s{0,3}${ESC}")[^"]+?(?=${ESC}")`, 'gi'),
  new RegExp(
    `(${UNEXPECTED}${NAME}${ELSEWHERE}[\\w-]{0,24}${QUOTE}?\\s{0,3}[=:\\s]\\s{0,3}${ESC}')[^']+?(?=${ESC}')`,
    'gi',
  ),
  // --password=x, PGPASSWORD=x, "token": "x", secret: x
  new RegExp(`(${NAME}${ELSEWHERE}[\\w-]{0,24}${QUOTE}?\\s{0,3}[=:]\\s{0,3}${QUOTE}?)(?:(?!${QUOTE})[^\\s&;,])+`, 'gi'),
  // --password x, -token x
  new RegExp(
    `((?:^|\\s)--?[\\w-]{0,24}${NAME}${ELSEWHERE}[\\w-]{0,24}\\s{1,8}${QUOTE}?)(?!-)(?:(?!${QUOTE})[^\\s])+`,
    'gi',
  ),
  // mysql -pSECRET; sshpass -p SECRET; curl -u user:SECRET
  /(\bmysql\w{0,8}\s[^|;&]{0,256}?(?<=\s)-p)[^\s]+/g,
  /(\bsshpass\s{1,8}-p\s{0,8})[^\s]+/g,
  /(\bcurl\s[^|;&]{0,512}?(?<=\s)(?:-u|--user|--proxy-user)[\s=]{0,3}["']?[^\s:"']{1,128}:)[^\s"']+/g,
  // https://user:SECRET@host
  /(:\/\/[^\s:@/]{0,128}:)[^\s@/]{1,256}(?=@)/g,
  // Authorization: Bearer SECRET
  /(authorization["']?\s{0,3}[:=]\s{0,3}["']?(?:(?:basic|bearer|token|digest|apikey)\s{1,3})?)[^\s"']+/gi,
  /(\bbearer\s{1,3})[\w.~+/=-]{16,}/gi,
  // Secrets that are known by their looks; of AWS key ids the first letters tell whose key it is.
  /(\b(?:AKIA|ASIA)[A-Z0-9]{4})[A-Z0-9]{12}\b/g,
  /(\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|sk_live_|npm_))[\w-]{10,}/g,
  /(\bAIza)[\w-]{35}/g,
  // Of the places in a word where one may begin the first is as good as any: no other is tried, which took time by the square.
  /(?<![\w-])(?=((?:[\w-]*?-)??eyJ))\1[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]+/g,
  /(-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----)[^-]*/g,
];

// Most texts have none of it: a look or two are enough. What is not known by its looks stands behind one of these letters.
const SEPARATOR = /[=:\s]/;
const KNOWN_BY_LOOKS = /A[KS]IA|gh[pousr]_|github_pat_|glpat-|xox|sk_live_|npm_|AIza|eyJ/;
const WORTH_A_LOOK =
  /pass|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|credential|mysql|curl|:\/\/|authorization|bearer|A[KS]IA|gh[pousr]_|github_pat|glpat|xox|sk_live|npm_|AIza|eyJ|PRIVATE KEY/i;
/** The shortest text that may hide something: `token=x`. */
const SHORTEST = 7;

/** Replaces common secrets in a text: passwords and tokens of options, assignments, addresses and headers; AWS keys. */
export function redactCommon(text: string): string {
  if (text.length < SHORTEST) return text;
  if (!(SEPARATOR.test(text) ? WORTH_A_LOOK : KNOWN_BY_LOOKS).test(text)) return text;
  return PATTERNS.reduce((rest, pattern) => rest.replace(pattern, `$1${REDACTED}`), text);
}

/** What readers of JSON quote of it: a piece out of the middle, without the name that would tell a secret in it. */
const QUOTED_PIECE = /(?<=Unexpected token '.{1,2}'), (?:\.{3})?".{0,64}?"(?:\.{3})?(?= is not valid JSON)/gs;

/** A message of what went wrong without secrets, and without what it quotes of JSON that cannot be read. */
export function redactMessage(message: string): string {
  return redactCommon(message.replace(QUOTED_PIECE, ''));
}

const OWN: ReadonlySet<string> = new Set(alertFields.map(({ name }) => name));

/** The event with every text among its fields (of an alert its output too) redacted; the event itself if nothing was found. */
export function redacted(event: EventRecord, redact: Redactor): EventRecord {
  if (event.source !== 'alert') {
    const fields = redactAll(event.fields, redact);
    return fields === event.fields ? event : new EventRecord(event.source, event.type, event.time, fields);
  }
  const alert = toAlert(event);
  const given = String(alert.fields.output ?? '');
  const output = redact(given);
  const fields = redactAll(alert.outputFields, redact);
  if (fields === alert.outputFields && output === given) return event;
  const own = Object.fromEntries(Object.entries(alert.fields).filter(([name]) => OWN.has(name)));
  // It stays the same alert, whatever its texts were.
  return new Alert(alert.time, { ...own, output }, fields, () => alert.id);
}

type Fields = Readonly<Record<string, Value | null>>;

function redactAll<F extends Fields>(fields: F, redact: Redactor): F {
  let clean: Record<string, Value | null> | undefined;
  for (const name in fields) {
    const value = fields[name] ?? null;
    const own = value === null ? null : redactValue(value, redact);
    if (own === value) continue;
    clean ??= { ...fields };
    clean[name] = own;
  }
  return (clean as F | undefined) ?? fields;
}

function redactValue(value: Value, redact: Redactor): Value {
  if (typeof value === 'string') return redact(value);
  if (!Array.isArray(value)) return value;
  const items = value.map((item: Scalar) => (typeof item === 'string' ? redact(item) : item));
  return items.every((item, index) => item === value[index]) ? value : items;
}
