/** Comparisons of one value with constants, or with another value (spec/falco-engine.md §2.6). */

import type { FieldType, Scalar } from '../../events/field.ts';
import { anyNetworkTest } from '../lists/network-set.ts';
import type { Constant, EitherConstant } from '../values/constants.ts';
import { foldAscii, globTest } from '../values/glob.ts';
import { type Network, networkTest } from '../values/ip.ts';
import { prefixTest } from '../values/pmatch.ts';
import { regexTest } from '../values/regex.ts';
import type { TypedCheck, TypedOperator } from './typed-ast.ts';

export type Test = (value: Scalar) => boolean;
export type PairTest = (left: Scalar, right: Scalar) => boolean;

/** Whether equal values of a type are identical in JavaScript, so that `===` and Set find them. */
export function isIdentity(type: FieldType): boolean {
  return type !== 'BYTEBUF' && type !== 'IPNET' && type !== 'DYNAMIC';
}

/**
 * Whether a check looks for an address in a set of networks, where Falco finds none (measured; by its source it compares
 * with each network for other modifiers). Rules are warned of it when they load.
 */
export function isNeverInNetworks({
  left,
  operator,
  modifier,
}: Pick<TypedCheck, 'left' | 'operator' | 'modifier'>): boolean {
  if (left.type !== 'IPNET') return false;
  return operator === '=' ? modifier === 'anyof' : operator === '!=' && modifier === 'allof';
}

// A condition is compiled once for each event type: its sets, trees and expressions are made once for all.
const made = new WeakMap<readonly Constant[], Test>();

/** A test of one value against the constants of a check; operators other than those of lists have one constant. */
export function testOf(type: FieldType, operator: TypedOperator, constants: readonly Constant[]): Test {
  let test = made.get(constants);
  if (test === undefined) {
    test = makeTest(type, operator, constants);
    made.set(constants, test);
  }
  return test;
}

function makeTest(type: FieldType, operator: TypedOperator, constants: readonly Constant[]): Test {
  if (operator === 'in' || operator === 'intersects') return memberTest(type, constants);
  if (operator === 'pmatch') return textTest(prefixTest(constants.map((constant) => textOf(constant))));
  const [constant = ''] = constants;
  if (operator === 'regex') return textTest(regexTest(textOf(constant)));
  if (operator === 'glob' || operator === 'iglob') return textTest(globTest(textOf(constant), operator === 'iglob'));
  if (operator === 'icontains') {
    const folded = foldAscii(textOf(constant));
    return textTest((text) => foldAscii(text).includes(folded));
  }
  if (type === 'IPNET') {
    const inside = networkTest(constant as Network);
    return operator === '!=' ? (value) => !inside(value) : inside;
  }
  if (type === 'DYNAMIC') return eitherTest(operator, constant as EitherConstant);
  const pair = pairTest(type, operator);
  return (value) => pair(value, constant as Scalar);
}

function textOf(constant: Constant): string {
  return typeof constant === 'object' && 'text' in constant ? constant.text : String(constant);
}

function textTest(test: (text: string) => boolean): Test {
  return (value) => typeof value === 'string' && test(value);
}

function memberTest(type: FieldType, constants: readonly Constant[]): Test {
  if (isIdentity(type)) {
    const set = new Set(constants as readonly Scalar[]);
    return (value) => set.has(value);
  }
  if (type === 'IPNET') return anyNetworkTest(constants as readonly Network[]);
  const tests = constants.map((constant) => makeTest(type, '=', [constant]));
  return (value) => tests.some((test) => test(value));
}

/** The type of `evt.rawarg` is known only when there is a value: text compares as text, numbers as numbers. */
function eitherTest(operator: TypedOperator, { text, number }: EitherConstant): Test {
  const asText = pairTest('CHARBUF', operator);
  const asNumber = pairTest('INT64', operator);
  const bytes = Buffer.from(text, 'utf8');
  const asBytes = pairTest('BYTEBUF', operator);
  return (value) => {
    if (typeof value === 'number' || typeof value === 'bigint') return number !== undefined && asNumber(value, number);
    return value instanceof Uint8Array ? asBytes(value, bytes) : asText(String(value), text);
  };
}

/** A comparison of two values of one type. */
export function pairTest(type: FieldType, operator: TypedOperator): PairTest {
  switch (operator) {
    case '=':
    case 'in':
    case 'intersects':
      return type === 'BYTEBUF' ? sameBytes : (left, right) => left === right;
    case '!=':
      return type === 'BYTEBUF' ? (left, right) => !sameBytes(left, right) : (left, right) => left !== right;
    case '<':
      return (left, right) => order(left, right) < 0;
    case '<=':
      return (left, right) => order(left, right) <= 0;
    case '>':
      return (left, right) => order(left, right) > 0;
    case '>=':
      return (left, right) => order(left, right) >= 0;
    case 'contains':
    case 'bcontains':
      return (left, right) => bytesOf(left)?.includes(bytesOf(right) ?? '') ?? String(left).includes(String(right));
    case 'startswith':
    case 'bstartswith':
      return (left, right) => startsWith(left, right);
    case 'endswith':
      return (left, right) => endsWith(left, right);
    case 'icontains':
      return (left, right) => foldAscii(String(left)).includes(foldAscii(String(right)));
    case 'glob':
    case 'iglob':
      return (left, right) => globTest(String(right), operator === 'iglob')(String(left));
    default:
      // regex and pmatch take constants only; the checker has refused them.
      return () => false;
  }
}

function bytesOf(value: Scalar): Buffer | undefined {
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : undefined;
}

function sameBytes(left: Scalar, right: Scalar): boolean {
  const bytes = bytesOf(left);
  return bytes !== undefined && right instanceof Uint8Array && bytes.equals(right);
}

function startsWith(left: Scalar, right: Scalar): boolean {
  const bytes = bytesOf(left);
  if (bytes === undefined) return String(left).startsWith(String(right));
  return right instanceof Uint8Array && bytes.subarray(0, right.length).equals(right);
}

function endsWith(left: Scalar, right: Scalar): boolean {
  const bytes = bytesOf(left);
  if (bytes === undefined) return String(left).endsWith(String(right));
  return (
    right instanceof Uint8Array &&
    bytes.length >= right.length &&
    bytes.subarray(bytes.length - right.length).equals(right)
  );
}

/** Numbers by size, text by its bytes in UTF-8; NaN (two kinds of value, or NaN itself) is no order at all. */
function order(left: Scalar, right: Scalar): number {
  if (typeof left === 'string' && typeof right === 'string') return compareText(left, right);
  if (typeof left === 'string' || typeof right === 'string') return Number.NaN;
  if (left < right) return -1;
  if (left > right) return 1;
  return left >= right ? 0 : Number.NaN;
}

/** Order of UTF-8 bytes: that of code points, which UTF-16 units break for surrogates. */
function compareText(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at++) {
    const a = left.charCodeAt(at);
    const b = right.charCodeAt(at);
    if (a !== b) return isSurrogate(a) === isSurrogate(b) ? a - b : isSurrogate(a) ? 1 : isSurrogate(b) ? -1 : a - b;
  }
  return left.length - right.length;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}
