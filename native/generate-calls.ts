/** Makes native/bpf/call-table.h (C) and native/calls.ts from native/calls.yaml; called by generate.ts. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

interface Row {
  readonly nr: string;
  readonly as?: 'open' | 'socket' | 'chdir' | 'call';
  readonly fd?: number | string;
  readonly args?: string;
  readonly address?: number | string;
  readonly data?: number | string;
  readonly note?: number | string;
  readonly bulk?: boolean;
  readonly low?: boolean;
}

/** A text argument: which register, and the one that holds the directory that it starts from. */
interface Text {
  readonly at: number;
  readonly base: number | 'cwd' | 'none';
}

interface Call extends Row {
  readonly name: string;
  /** What records carry. */
  readonly id: number;
  readonly numbers: readonly (readonly number[])[];
  readonly texts: readonly Text[];
  readonly arguments: readonly (readonly [name: string, from: string])[];
}

const KEYS = new Set(['nr', 'as', 'fd', 'args', 'address', 'data', 'note', 'bulk', 'low']);
/** Above every number that records carry. */
const IA32_ONLY = 1000;
const ABIS = ['x64', 'ia32', 'arm64', 'arm'] as const;

function readRow([name, row]: [string, Row]): Call {
  const unknown = Object.keys(row).find((key) => !KEYS.has(key));
  if (unknown !== undefined) throw new Error(`calls.yaml: ${name} has the unknown key ${unknown}`);
  const numbers = String(row.nr)
    .split(' ')
    .map((word) => (word === '_' ? [] : word.split('/').map(Number)));
  if (numbers.length !== ABIS.length || numbers.flat().some(Number.isNaN))
    throw new Error(`calls.yaml: ${name} needs four numbers, not ${row.nr}`);
  const id = numbers[0]?.[0] ?? IA32_ONLY + (numbers[1]?.[0] ?? 0);
  const args = (row.args ?? '').split(' ').filter(Boolean);
  const texts: Text[] = [];
  const list = args.map((word) => {
    const found = /^(\w+)=(?:(\d|ret|room|note(?::\d+)?)|(text|path):(\d)(?:@(\d))?)$/.exec(word);
    if (found === null) throw new Error(`calls.yaml: ${name}: ${word} is no argument`);
    const [, argument = '', plain, kind, at, base] = found;
    if (plain !== undefined) return [argument, plain] as const;
    texts.push({ at: Number(at), base: kind === 'text' ? 'none' : base === undefined ? 'cwd' : Number(base) });
    return [argument, `${kind}${texts.length - 1}`] as const;
  });
  return { ...row, name, id, numbers, texts, arguments: list };
}

function readTable(): Call[] {
  const text = readFileSync(new URL('calls.yaml', import.meta.url), 'utf8');
  const calls = Object.entries(parse(text) as Record<string, Row>).map(readRow);
  const ids = new Set(calls.map(({ id }) => id));
  if (ids.size !== calls.length) throw new Error('calls.yaml: two calls share a number');
  return calls;
}

const NOTE = 'Made from native/calls.yaml by `node native/generate.ts`: do not edit.';

/** Registers are counted from 1 in the shape, so that 0 says that there is none. */
const register = (number: number | string) => Number(number) + 1;
const baseOf = (base: Text['base']) => (base === 'none' ? 0 : base === 'cwd' ? 'FROM_CWD' : register(base));

function descriptorOf({ fd }: Call): string {
  if (fd === undefined) return '0';
  if (fd === 'ret') return 'FROM_RESULT';
  return String(fd) === 'ret|0' ? 'FROM_RESULT | 1' : String(register(fd));
}

function addressOf({ address }: Call): string {
  if (address === undefined) return '0';
  const [, at = '', how] = /^(\d)(\*| msg)?$/.exec(String(address)) ?? [];
  return `${register(at)}${how === '*' ? ' | LENGTH_BEHIND' : how === ' msg' ? ' | IN_MESSAGE' : ''}`;
}

function dataOf({ name, data }: Call): string {
  if (data === undefined) return '0';
  const found = /^(\d)(?: (vector|msg))?( out)?$/.exec(String(data));
  if (found === null) throw new Error(`calls.yaml: ${name}: ${data} is no place of data`);
  const [, at = '', how, out] = found;
  const bits = [how === 'vector' ? 'IN_VECTOR' : how === 'msg' ? 'IN_MESSAGE' : '', out ? 'FROM_PROGRAM' : ''];
  return [register(at), ...bits.filter(Boolean)].join(' | ');
}

/** The register, and the size of what it points to; 0: a text. */
function noteOf({ name, note }: Call): string {
  if (note === undefined) return '0, 0';
  const found = /^(\d)(?: (\d+))?$/.exec(String(note));
  if (found === null) throw new Error(`calls.yaml: ${name}: ${note} is no place of a note`);
  return `${register(found[1] as string)}, ${found[2] ?? 0}`;
}

function shapeOf(call: Call): string {
  const [first, second] = call.texts;
  const texts = [first, second].map((text) => (text ? register(text.at) : 0)).join(', ');
  const bases = [first, second].map((text) => (text ? baseOf(text.base) : 0)).join(', ');
  const kind = `KIND_${(call.as ?? 'call').toUpperCase()}`;
  const [fd, address, data] = [descriptorOf(call), addressOf(call), dataOf(call)];
  const parts = [call.id, kind, fd, `{ ${texts} }`, `{ ${bases} }`, address, data, call.low ? 1 : 0, noteOf(call)];
  return `  [CALL_${call.name.toUpperCase()}] = { ${parts.join(', ')} },`;
}

function cTable(calls: readonly Call[]): string {
  const lines = [
    `// ${NOTE}`,
    '#pragma once',
    '',
    'enum call {',
    '  CALL_NONE,',
    ...calls.map(({ name }) => `  CALL_${name.toUpperCase()},`),
    "  CALL_SOCKETCALL, // IA-32's multiplexer: becomes one of those above",
    '  CALLS,',
    '};',
    '',
    '#ifdef __bpf__',
    'static const struct shape shapes[CALLS_ROOM] = {',
    ...calls.map(shapeOf),
    '};',
    '#endif',
  ];
  return `${lines.join('\n')}\n`;
}

function tsRow({ name, id, as = 'call', numbers, arguments: args, fd, data, bulk }: Call): string {
  const numberList = numbers.map((each) => `[${each.join(', ')}]`).join(', ');
  const each = args.map(([argument, from]) => `${argument}: '${from}'`);
  const list = each.join(', ');
  // As the formatter has it.
  const isLong = list.length > 100;
  const block = `{\n${each.map((part) => `      ${part},\n`).join('')}    }`;
  const parts = [
    `id: ${id}`,
    `kind: '${as}'`,
    `numbers: [${numberList}]`,
    `fd: ${fd !== undefined || as === 'open' || as === 'socket'}`,
    ...(data === undefined ? [] : ['data: true']),
    ...(bulk ? ['bulk: true'] : []),
    list === '' ? 'args: {}' : `args: ${isLong ? block : `{ ${list} }`}`,
  ];
  const row = `  ${name}: { ${parts.join(', ')} },`;
  return row.length <= 120 ? row : `  ${name}: {\n${parts.map((part) => `    ${part},\n`).join('')}  },`;
}

function tsTable(calls: readonly Call[]): string {
  const lines = [
    `// ${NOTE}`,
    '',
    'export interface Call {',
    '  /** The number that records carry: that of x86-64, or 1000 and that of IA-32. */',
    '  readonly id: number;',
    "  readonly kind: 'open' | 'socket' | 'chdir' | 'call';",
    `  /** Its numbers in the ABIs ${ABIS.join(', ')}. */`,
    '  readonly numbers: readonly (readonly number[])[];',
    '  /** Whether it is about a descriptor. */',
    '  readonly fd: boolean;',
    '  /** Records have the beginning of what it moves. */',
    '  readonly data?: true;',
    '  /** So frequent that nobody gets it who does not name it. */',
    '  readonly bulk?: true;',
    '  /**',
    '   * Where a parameter is: the number of a register, `ret`, text 0 or 1 of the record (`path` or mere `text`), `room`, the',
    '   * note or so many bytes into it.',
    '   */',
    '  readonly args: Readonly<Record<string, string>>;',
    '}',
    '',
    "/** The system calls that can be asked for, in the order of the kernel programs' numbers for them, from 1. */",
    'export const CALLS: Readonly<Record<string, Call>> = {',
    ...calls.map(tsRow),
    '};',
  ];
  return `${lines.join('\n')}\n`;
}

/** As `generate` of generate.ts. */
export function generateCalls(): { readonly path: string; readonly content: string }[] {
  const calls = readTable();
  return [
    { path: 'native/bpf/call-table.h', content: cTable(calls) },
    { path: 'native/calls.ts', content: tsTable(calls) },
  ];
}
