/** Transformers (spec/falco-engine.md §2.7): what they take, and the functions that they are. */

import type { Scalar, Value } from '../../events/field.ts';
import { lastOption, optionList, readOptions } from './getopt.ts';

/** Applies `tolower`, `toupper`, `basename`, `b64` or `len` to a value; undefined when there is no result. */
export function applyUnary(name: string, value: Value): Value | undefined {
  switch (name) {
    case 'tolower':
      return mapText(value, lower);
    case 'toupper':
      return mapText(value, upper);
    case 'basename':
      return mapText(value, (text) => text.slice(text.lastIndexOf('/') + 1));
    case 'b64':
      return Array.isArray(value) ? decodedAll(value) : decodeBase64(value as Scalar);
    default:
      return lengthOf(value);
  }
}

function mapText(value: Value, change: (text: string) => string): Value {
  return Array.isArray(value) ? value.map((each) => change(String(each))) : change(String(value));
}

function lower(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function upper(text: string): string {
  return text.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
}

/** Bytes of text, or elements of a list. */
function lengthOf(value: Value): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  return Array.isArray(value) || value instanceof Uint8Array ? value.length : 0;
}

function decodedAll(values: readonly Scalar[]): Value | undefined {
  const decoded = values.map(decodeBase64).filter((each) => each !== undefined);
  return decoded.length === values.length ? decoded : undefined;
}

function decodeBase64(value: Scalar): Scalar | undefined {
  const text = value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value);
  const digits = text.replace(/={0,2}$/, '');
  if (!/^[A-Za-z0-9+/]*$/.test(digits) || digits.length % 4 === 1) return undefined;
  const bytes = Buffer.from(digits, 'base64');
  return value instanceof Uint8Array ? bytes : bytes.toString('utf8');
}

/** The options in a list of words, or the value of one of them. */
export function getopt(words: readonly Scalar[], letters: string, option: string | undefined): Value | undefined {
  const options = readOptions(words.map(String), letters);
  return option === undefined ? optionList(options) : lastOption(options, option);
}
