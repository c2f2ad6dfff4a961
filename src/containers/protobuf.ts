/** Protocol buffers, as far as runtimes' sockets need them: messages by tables of their fields (protobuf.dev/programming-guides/encoding). */

/** `int`: any integer kind of 32 bits, enums too; `long`: of 64 bits; `map`: of texts. */
export type Kind =
  | 'string'
  | 'bytes'
  | 'bool'
  | 'int'
  | 'long'
  | 'map'
  | Shape
  | readonly ['string']
  | readonly [Shape];

/** A message: its fields with their numbers. Fields that are not here are passed over. */
export interface Shape {
  readonly [name: string]: readonly [number: number, kind: Kind];
}

type Plain = {
  string: string;
  bytes: Uint8Array;
  bool: boolean;
  int: number;
  long: bigint;
  map: Record<string, string>;
};

type ValueOf<K> = K extends keyof Plain
  ? Plain[K]
  : K extends readonly [infer Item]
    ? readonly ValueOf<Item>[]
    : K extends Shape
      ? Message<K> | undefined
      : never;

type Item<K> = K extends readonly [infer S]
  ? S extends Shape
    ? readonly Message<S>[]
    : readonly string[]
  : ValueOf<K>;

/** What a message decodes to: absent values are empty, zero or false, absent messages undefined. */
export type Message<S extends Shape> = { readonly [Name in keyof S]: Item<S[Name][1]> };

/** What a message is made of: everything may be left out. */
export type Draft<S extends Shape> = { readonly [Name in keyof S]?: DraftOf<S[Name][1]> };
type DraftOf<K> = K extends keyof Plain
  ? Plain[K]
  : K extends readonly [infer S]
    ? S extends Shape
      ? readonly Draft<S>[]
      : readonly string[]
    : K extends Shape
      ? Draft<K>
      : never;

const VARINT = 0;
const FIXED_64 = 1;
const LENGTH = 2;
const FIXED_32 = 5;

const ENTRY = { key: [1, 'string'], value: [2, 'string'] } as const;
const decoder = new TextDecoder();

const isList = (kind: Kind): kind is readonly ['string'] | readonly [Shape] => Array.isArray(kind);

/** Decodes a message. Throws a RangeError when the bytes are none. */
export function decode<S extends Shape>(shape: S, bytes: Uint8Array): Message<S> {
  const message = empty(shape);
  const byNumber = new Map(Object.entries(shape).map(([name, [number, kind]]) => [number, { name, kind }]));
  const reader = new Reader(bytes);
  while (!reader.done) {
    const tag = Number(reader.varint());
    const wire = tag & 7;
    const field = byNumber.get(tag >>> 3);
    const raw = reader.value(wire);
    if (field === undefined) continue;
    const { name, kind } = field;
    if (kind === 'map') {
      const { key, value } = decode(ENTRY, asBytes(raw));
      (message[name] as Record<string, string>)[key] = value;
    } else if (isList(kind)) (message[name] as unknown[]).push(read(kind[0], raw));
    else message[name] = read(kind, raw);
  }
  return message as Message<S>;
}

function empty(shape: Shape): Record<string, unknown> {
  const defaults = { string: '', bytes: new Uint8Array(), bool: false, int: 0, long: 0n };
  return Object.fromEntries(
    Object.entries(shape).map(([name, [, kind]]) => {
      if (kind === 'map') return [name, Object.create(null)];
      if (isList(kind)) return [name, []];
      return [name, typeof kind === 'string' ? defaults[kind] : undefined];
    }),
  );
}

function read(kind: Exclude<Kind, 'map' | readonly unknown[]>, raw: bigint | Uint8Array): unknown {
  switch (kind) {
    case 'string':
      return decoder.decode(asBytes(raw));
    case 'bytes':
      return asBytes(raw);
    case 'bool':
      return raw !== 0n;
    case 'int':
      return Number(BigInt.asIntN(32, asNumber(raw)));
    case 'long':
      return BigInt.asIntN(64, asNumber(raw));
    default:
      return decode(kind as Shape, asBytes(raw));
  }
}

function asBytes(raw: bigint | Uint8Array): Uint8Array {
  if (typeof raw === 'bigint') throw new RangeError('a number stands where text or a message should');
  return raw;
}

function asNumber(raw: bigint | Uint8Array): bigint {
  if (typeof raw !== 'bigint') throw new RangeError('text stands where a number should');
  return raw;
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) break;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new RangeError('a number does not end');
  }

  /** A number, or the bytes of anything else. */
  value(wire: number): bigint | Uint8Array {
    switch (wire) {
      case VARINT:
        return this.varint();
      case FIXED_64:
        return this.#take(8);
      case LENGTH:
        return this.#take(Number(this.varint()));
      case FIXED_32:
        return this.#take(4);
      default:
        throw new RangeError(`wire type ${wire} is none`);
    }
  }

  #take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RangeError('the message is cut off');
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }
}

/** Encodes a message. */
export function encode<S extends Shape>(shape: S, draft: Draft<S>): Uint8Array<ArrayBuffer> {
  const out: number[] = [];
  for (const [name, [number, kind]] of Object.entries(shape)) {
    const value: unknown = draft[name];
    if (value === undefined) continue;
    if (kind === 'map') {
      for (const [key, text] of Object.entries(value as Record<string, string>)) {
        write(out, number, ENTRY, { key, value: text });
      }
    } else if (isList(kind)) for (const item of value as unknown[]) write(out, number, kind[0], item);
    else write(out, number, kind, value);
  }
  return Uint8Array.from(out);
}

function write(out: number[], number: number, kind: Exclude<Kind, 'map' | readonly unknown[]>, value: unknown): void {
  if (kind === 'bool' || kind === 'int' || kind === 'long') {
    writeVarint(out, BigInt((number << 3) | VARINT));
    writeVarint(out, BigInt.asUintN(64, BigInt(value as number | bigint | boolean)));
    return;
  }
  const bytes =
    kind === 'string'
      ? new TextEncoder().encode(value as string)
      : kind === 'bytes'
        ? (value as Uint8Array)
        : encode(kind as Shape, value as Draft<Shape>);
  writeVarint(out, BigInt((number << 3) | LENGTH));
  writeVarint(out, BigInt(bytes.length));
  for (const byte of bytes) out.push(byte);
}

function writeVarint(out: number[], value: bigint): void {
  let rest = value;
  while (rest >= 0x80n) {
    out.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  out.push(Number(rest));
}
