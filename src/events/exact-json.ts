/** JSON that keeps integers exact: times in ns exceed what a double holds. */

import type { Scalar, Value } from './field.ts';

/** Reading and writing the text of a number (ECMAScript 2026, Node 21), which TypeScript does not declare yet. */
interface ExactJson {
  rawJSON(text: string): unknown;
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
}

const json = JSON as unknown as ExactJson;

/** What JSON.stringify has to be given for a value: bigints as exact integers, bytes as `bytes` has them. */
export function exactJson(value: Value | null, bytes: (value: Uint8Array) => unknown = dollarBytes): unknown {
  if (typeof value === 'bigint') return json.rawJSON(String(value));
  if (value instanceof Uint8Array) return bytes(value);
  if (Array.isArray(value)) return value.map((item: Scalar) => exactJson(item, bytes));
  return value;
}

/** `{"$bytes": "BASE64"}`, the form that records have. */
function dollarBytes(value: Uint8Array): unknown {
  return { $bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64') };
}

/** The longest integer that is kept exactly, in digits: what one takes grows faster than its length. */
const DIGITS = 4096;

/**
 * JSON.parse, but an integer that no number holds exactly is a bigint, up to 4,096 digits. Throws a SyntaxError as JSON.parse
 * does.
 */
export function parseExact(text: string): unknown {
  return json.parse(text, (_key, value, { source }) => {
    const lossy = typeof value === 'number' && source !== undefined && !Number.isSafeInteger(value);
    return lossy && source.length <= DIGITS && /^-?\d+$/.test(source) ? BigInt(source) : value;
  });
}

/** An integer of so many digits may be larger than what a number holds exactly. Digits of a text, as of a digest, are none. */
const LONG = /(?:^|[:,[])\s*-?\d{16,}\s*(?:[,}\]]|$)/;

/**
 * As `parseExact`, and as quick as JSON.parse where no number is that long. What nests too deeply to be looked at number
 * by number (two thousand levels) is read as JSON.parse reads it: an event is worth more than its last digits.
 */
export function parseJson(text: string): unknown {
  if (!LONG.test(text)) return JSON.parse(text);
  try {
    return parseExact(text);
  } catch (error) {
    if (error instanceof RangeError) return JSON.parse(text);
    throw error;
  }
}

/** As `parseJson`; undefined where the text is no JSON. */
export function readJson(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}
