/**
 * Makes native/bpf/records.h (C), native/kinds.ts and src/events/kernel/layout.ts (byte offsets) from
 * native/records.yaml, the one table of what the kernel programs send, and the table of system calls from
 * native/calls.yaml: `node native/generate.ts`. All are committed; a test holds them fresh.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parse } from 'yaml';
import { generateCalls } from './generate-calls.ts';

interface Field {
  readonly name: string;
  readonly type: keyof typeof SIZE;
  readonly count?: number;
  readonly doc?: string;
}

interface Text {
  readonly name: string;
  readonly max: number;
  /** Bytes of its end that are kept when it is cut. */
  readonly tail?: number;
  readonly doc?: string;
}

interface KindEntry {
  readonly kind: number;
  readonly changes: boolean;
  readonly also?: Readonly<Record<string, number>>;
  readonly fixed: readonly Field[];
  readonly texts: readonly Text[];
}

interface Table {
  readonly header: readonly Field[];
  readonly flags: Readonly<Record<string, number>>;
  readonly kinds: Readonly<Record<string, KindEntry>>;
  readonly blocks: Readonly<Record<string, Pick<KindEntry, 'fixed'>>>;
}

const SIZE = { u8: 1, char: 1, u16: 2, u32: 4, s32: 4, u64: 8, s64: 8 } as const;

const C_TYPE = {
  u8: '__u8',
  char: 'char',
  u16: '__u16',
  u32: '__u32',
  s32: '__s32',
  u64: '__u64',
  s64: '__s64',
} as const;

interface Placed {
  readonly field: Field;
  readonly offset: number;
}

const KEYS = new Set(['name', 'type', 'count', 'max', 'tail', 'doc']);

/** An unquoted comma in a doc would silently become a key of the flow mapping. */
function checkKeys(entries: readonly (Field | Text)[]): void {
  for (const entry of entries) {
    const unknown = Object.keys(entry).find((key) => !KEYS.has(key));
    if (unknown !== undefined)
      throw new Error(`records.yaml: ${entry.name} has the unknown key "${unknown}": quote the doc`);
  }
}

/** Each field at its natural alignment, in order, as a C compiler places them. */
function place(fields: readonly Field[], from: number): { placed: Placed[]; end: number } {
  checkKeys(fields);
  let offset = from;
  const placed = fields.map((field) => {
    const size = SIZE[field.type];
    if (size === undefined) throw new Error(`records.yaml: field ${field.name} has the unknown type ${field.type}`);
    offset = Math.ceil(offset / size) * size;
    const here = offset;
    offset += size * (field.count ?? 1);
    return { field, offset: here };
  });
  return { placed, end: offset };
}

interface PlacedKind extends KindEntry {
  readonly name: string;
  readonly placed: readonly Placed[];
  /** Where the u16 length of each text is. */
  readonly lengths: number;
  /** Where the first text begins. */
  readonly first: number;
}

interface PlacedBlock {
  readonly name: string;
  readonly placed: readonly Placed[];
  readonly size: number;
}

interface PlacedTable {
  readonly blocks: readonly PlacedBlock[];
  readonly header: readonly Placed[];
  readonly headerSize: number;
  readonly flags: Readonly<Record<string, number>>;
  readonly kinds: readonly PlacedKind[];
  readonly numbers: readonly (readonly [string, number])[];
  /** A bit by number, set for those that change their process. */
  readonly changes: number;
}

function placeTable(table: Table): PlacedTable {
  const { placed: header, end: headerSize } = place(table.header, 0);
  if (headerSize % 8 !== 0) throw new Error(`records.yaml: the header has ${headerSize} bytes, not a multiple of 8`);
  const kinds = Object.entries(table.kinds).map(([name, entry]) => {
    const { placed, end } = place(entry.fixed, headerSize);
    checkKeys(entry.texts);
    const lengths = Math.ceil(end / 2) * 2;
    return { ...entry, name, placed, lengths, first: lengths + 2 * entry.texts.length };
  });
  const numbered = kinds.flatMap(({ name, kind, also, changes }) =>
    [[name, kind] as const, ...Object.entries(also ?? {})].map(([each, number]) => ({ name: each, number, changes })),
  );
  const numbers = numbered.map(({ name, number }) => [name, number] as const).sort((a, b) => a[1] - b[1]);
  const changing = numbered.reduce((word, { name, number, changes }) => {
    if (typeof changes !== 'boolean') throw new Error(`records.yaml: the kind ${name} lacks changes: true or false`);
    if (number > 31) throw new Error(`records.yaml: the number of the kind ${name} is above 31`);
    return changes ? (word | (1 << number)) >>> 0 : word;
  }, 0);
  const blocks = Object.entries(table.blocks).map(([name, { fixed }]) => {
    const { placed, end: size } = place(fixed, 0);
    if (size % 8 !== 0) throw new Error(`records.yaml: the block ${name} has ${size} bytes, not a multiple of 8`);
    return { name, placed, size };
  });
  return { blocks, header, headerSize, flags: table.flags, kinds, numbers, changes: changing };
}

const NOTE = 'Made from native/records.yaml by `node native/generate.ts`: do not edit.';

const bits = (word: number) => `0b${word.toString(2)}`;

function cHeader(table: PlacedTable): string {
  const member = ({ field }: Placed) =>
    `  ${C_TYPE[field.type]} ${field.name}${field.count ? `[${field.count}]` : ''};`;
  const lines = [`// ${NOTE}`, '#pragma once', '', 'enum record_kind {'];
  for (const [name, number] of table.numbers) lines.push(`  KIND_${name.toUpperCase()} = ${number},`);
  lines.push(
    `  KIND_END = ${Math.max(...table.numbers.map(([, number]) => number)) + 1},`,
    '};',
    '',
    '// By number of the kind: whether it makes of its process another.',
    `#define CHANGES_PROCESS ${bits(table.changes)}u`,
    '',
    'enum record_flag {',
  );
  for (const [name, bit] of Object.entries(table.flags)) lines.push(`  FLAG_${name.toUpperCase()} = ${bit},`);
  lines.push('};', '', 'struct record_header {', ...table.header.map(member), '};');
  for (const kind of table.kinds) {
    const upper = kind.name.toUpperCase();
    lines.push('', `struct ${kind.name}_record {`, '  struct record_header header;', ...kind.placed.map(member));
    if (kind.texts.length > 0) lines.push(`  __u16 lengths[${kind.texts.length}];`);
    lines.push('};', `#define ${upper}_TEXTS_AT ${kind.first}`);
    kind.texts.forEach((text, index) => {
      const name = `${upper}_${text.name.toUpperCase()}`;
      lines.push(`#define ${name} ${index}`, `#define ${name}_MAX ${text.max}`);
      if (text.tail !== undefined) lines.push(`#define ${name}_TAIL ${text.tail}`);
    });
  }
  for (const { name, placed } of table.blocks) lines.push('', `struct ${name}_block {`, ...placed.map(member), '};');
  return `${lines.join('\n')}\n`;
}

function comment(doc: string | undefined): string {
  return doc ? ` // ${doc}` : '';
}

function tsKinds(table: PlacedTable): string {
  const lines = [
    `// ${NOTE}`,
    '',
    '/** The number of each kind of record. */',
    'export const KIND = {',
    ...table.numbers.map(([name, number]) => `  ${name}: ${number},`),
    '} as const;',
    'export type Kind = keyof typeof KIND;',
    '/** By number of the kind, a bit each: whether it makes of its process another. */',
    `export const CHANGES_PROCESS = ${bits(table.changes)};`,
  ];
  return `${lines.join('\n')}\n`;
}

function tsLayout(table: PlacedTable): string {
  const offsets = (placed: readonly Placed[]) =>
    placed
      .filter(({ field }) => !field.name.startsWith('pad'))
      .map(({ field, offset }) => {
        const shape = field.count ? `${field.type}[${field.count}]` : field.type;
        return `  ${field.name}: ${offset},${comment(field.doc ? `${shape}: ${field.doc}` : shape)}`;
      });
  const lines = [
    `// ${NOTE}`,
    "export { CHANGES_PROCESS, KIND, type Kind } from '../../../native/kinds.ts';",
    '',
    '/** Bits of the flags word of the header. */',
    'export const FLAGS = {',
    ...Object.entries(table.flags).map(([name, bit]) => `  ${name}: ${bit},`),
    '} as const;',
    '',
    '/** Byte offsets in the header, from the start of a record. */',
    'export const HEADER = {',
    ...offsets(table.header),
    '} as const;',
    `export const HEADER_SIZE = ${table.headerSize};`,
  ];
  for (const kind of table.kinds) {
    const upper = kind.name.toUpperCase();
    const names = [kind.name, ...Object.keys(kind.also ?? {})].join(', ');
    lines.push('', `/** ${names}: byte offsets from the start of a record. */`, `export const ${upper} = {`);
    lines.push(...offsets(kind.placed), '} as const;');
    if (kind.texts.length === 0) continue;
    lines.push(
      `/** ${names}: the order of the texts; \`lengths\`: where their u16 lengths are, \`first\`: where the first begins. */`,
      `export const ${upper}_TEXTS = {`,
      `  count: ${kind.texts.length},`,
      `  lengths: ${kind.lengths},`,
      `  first: ${kind.first},`,
      ...kind.texts.map((text, index) => `  ${text.name}: ${index},${comment(text.doc)}`),
      '} as const;',
    );
    const tails = kind.texts.filter(({ tail }) => tail !== undefined);
    if (tails.length === 0) continue;
    lines.push(
      `/** ${names}: bytes of the ends that are kept of texts that are cut. */`,
      `export const ${upper}_TAILS = {`,
      ...tails.map(({ name, tail }) => `  ${name}: ${tail},`),
      '} as const;',
    );
  }
  for (const { name, placed, size } of table.blocks) {
    lines.push('', `/** Byte offsets from the start of the block ${name}, and its size. */`);
    lines.push(`export const ${name.toUpperCase()} = {`, ...offsets(placed), `  size: ${size},`, '} as const;');
  }
  return `${lines.join('\n')}\n`;
}

const RECORDS = readFileSync(new URL('records.yaml', import.meta.url), 'utf8');

/** Where each generated file goes, from the root of the repository, and what it contains; `records`: text of records.yaml. */
export function generate(records = RECORDS): { readonly path: string; readonly content: string }[] {
  const table = placeTable(parse(records) as Table);
  return [
    { path: 'native/bpf/records.h', content: cHeader(table) },
    { path: 'native/kinds.ts', content: tsKinds(table) },
    { path: 'src/events/kernel/layout.ts', content: tsLayout(table) },
    ...generateCalls(),
  ];
}

if (import.meta.main) {
  for (const { path, content } of generate()) writeFileSync(new URL(`../${path}`, import.meta.url), content);
}
