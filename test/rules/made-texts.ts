/** Conditions, formats and files of rules, made at random: of parts that mean something, and of real ones with parts changed. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Catalogue, Value } from '../../src/events/field.ts';
import { exactText } from './exact-text.ts';
import type { Random } from './millions.ts';
import { catalogue, load, rule, syscall, type Values } from './support.ts';

/** The fields of the test catalogue and those of system calls. */
export const everyField: Catalogue = {
  ...syscall,
  fields: [...catalogue.fields, ...syscall.fields],
  find: (text) => catalogue.find(text) ?? syscall.find(text),
};

const host = readFileSync(join(import.meta.dirname, '../../rules/host.yaml'), 'utf8');
const { rules, parsedMacros } = load(host);

/** Conditions that people have written: our own, as far as they are not long. */
const conditions = [
  'evt.type in (open, openat) and fd.name startswith /etc and not proc.name in (sshd, "a b")',
  't.s contains "x" or (t.i >= -5 and not t.list intersects (a, b)) and tolower(t.s) != val(t.other)',
  't.ends = 10.0.0.1 and t.net in (10.0.0.0/8, ::1/64) or t.buf bcontains 00ff and t.anc[1] = anyof (a, b)',
  'join("/", (t.s, t.other)) regex "^a(b|c)+$" and getopt(t.list, "ab:")[a] exists and t.s pmatch (/usr/*, /bin)',
  ...parsedMacros
    .values()
    .map(({ resolved, ast }) => exactText(resolved ?? ast))
    .filter((text) => text.length < 300),
];

const formats = [
  '%t.s and %10t.i, %tolower(t.s)',
  '*%t.list %t.anc[1] %t.dyn.x|',
  ...rules.map(({ output }) => output.text),
];

/** A small file with one of everything, and the parts of a large one. */
const small = `- required_engine_version: 0.31.0
- list: l
  items: [a, "b c"]
- macro: m
  condition: proc.name in (l)
${rule({ condition: 'evt.type=openat and m', output: 'o %proc.name', exceptions: '[{name: e, fields: proc.pid, values: [1]}]' })}- rule: r1
  condition: and fd.name pmatch (/etc)
  override: {condition: append}
`;
const parts = host.split(/^(?=- (?:list|macro|rule): )/m).slice(1);

const words = (text: string) => text.split(' ');
const tokens = [
  ...words('t.s t.i t.list t.buf t.ip t.net t.b t.dyn.x t.anc t.anc[1] t.ends t.port proc.name fd.name evt.type'),
  ...words('and or not ( ) , = != > <= in contains startswith regex glob pmatch intersects exists anyof oneof allof'),
  ...words('val( tolower( join( getopt( len( concat( " \' \\ \\x [ ] * 1 -1 abc 10.0.0.1 10.0.0.0/8 ::1 true'),
  ...words('{ % # 0x . ? open 99999999999999999999 $ | + {2,9} [[:alpha:]] é \u{1f600} \0 \u2028'),
  '\n',
  '',
];
const pieces = [
  ...words('- : [ ] { } " \' | > &a *a # ! % --- ... null ~ 1 append replace rule list macro override items ( é'),
  '',
  '\n',
  '\n\n',
  '  ',
  '\n  ',
  '\n- ',
  '\t',
  '\r\n',
  ' #',
  ': ',
  '- rule: x\n',
  '\ufeff',
];

/** Any bytes, or any units of UTF-16. */
function noise(random: Random, most: number): string {
  const limit = random.pick([128, 256, 0x1_0000]);
  return String.fromCharCode(...random.several(most, () => random.below(limit)));
}

/** A text with one to four parts of it changed. */
function changed(random: Random, text: string, put: readonly string[]): string {
  let result = text;
  for (let left = 1 + random.below(4); left > 0; left--) {
    const at = random.below(result.length + 1);
    const part = random.below(4) === 0 ? noise(random, 3) : random.pick(put);
    result = result.slice(0, at) + part + result.slice(at + random.below(10));
  }
  return result;
}

const soup = (random: Random) => random.several(14, () => random.pick(tokens)).join(random.pick([' ', '']));

export function someCondition(random: Random): string {
  const kind = random.below(8);
  if (kind === 0) return noise(random, 60);
  if (kind < 4) return soup(random);
  // Two that are right make one that is right, until something in it is changed.
  const text = kind < 7 ? random.pick(conditions) : `${random.pick(conditions)} or not (${random.pick(conditions)})`;
  return random.below(8) === 0 ? text : changed(random, text, tokens);
}

export function someFormat(random: Random): string {
  const kind = random.below(4);
  if (kind === 0) return noise(random, 30);
  if (kind === 1) return changed(random, random.pick(formats), ['%', '%', ...tokens]);
  return random.several(8, () => (random.below(3) === 0 ? '%' : random.pick(tokens))).join('');
}

export function someFile(random: Random): string {
  const kind = random.below(4);
  if (kind === 0) return changed(random, small, pieces);
  if (kind === 1) return changed(random, random.pick(parts), pieces);
  if (kind === 2) return `- rule: x\n${random.several(12, () => random.pick(pieces)).join('')}`;
  return changed(random, `${small}${random.pick(parts)}`, [...pieces, ...tokens]);
}

export const someText = (random: Random): string =>
  random.below(2) === 0 ? noise(random, 100) : random.several(20, () => random.pick(pieces)).join('');

/** Values of some of the fields, now and then not of the type that the field has. */
export function someValues(random: Random): Values {
  const values: Record<string, Value> = {};
  const word = () => (random.below(4) === 0 ? noise(random, 8) : random.pick(tokens));
  const kinds: readonly (() => Value)[] = [
    word,
    () => random.below(2 ** 32) - 2 ** 31,
    () => random.several(3, word),
    () => Uint8Array.from(random.several(8, () => random.below(256))),
    () => random.pick(['10.0.0.1', '::1', '127.0.0.1', 'fe80::1%eth0']),
    () => random.below(2) === 0,
    () => BigInt(random.below(2 ** 32)) ** 2n,
  ];
  const usual: Readonly<Record<string, number>> = {
    't.s': 0,
    't.other': 0,
    't.i': 1,
    't.list': 2,
    't.buf': 3,
    't.ip': 4,
    't.net': 4,
    't.b': 5,
    't.dyn.x': 0,
    't.anc': 2,
    'proc.name': 0,
    'fd.name': 0,
    'fd.num': 1,
  };
  for (const [field, kind] of Object.entries(usual)) {
    if (random.below(4) === 0) continue;
    const make = kinds[random.below(8) === 0 ? random.below(kinds.length) : kind];
    if (make !== undefined) values[field] = make();
  }
  return values;
}
