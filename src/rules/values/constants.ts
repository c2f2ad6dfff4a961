/** Constants of conditions: text becomes what the field's type compares with (spec/falco-engine.md §2.5). */

import type { FieldType } from '../../events/field.ts';
import type { Literal, Operator } from '../language.ts';
import { addressText, type Network, parseIpv4, parseIpv6 } from './ip.ts';
import { servicePort } from './services.ts';

/**
 * A constant ready to compare: text (also addresses, in canonical form), an integer as events carry it, a truth value,
 * bytes, or a network. Where the type is known only at run time, both readings of the text.
 */
export type Constant = string | number | bigint | boolean | Uint8Array | Network | EitherConstant;

export interface EitherConstant {
  readonly text: string;
  readonly number: number | bigint | undefined;
}

const widths: Readonly<Partial<Record<FieldType, readonly [bits: number, signed: boolean]>>> = {
  INT8: [8, true],
  INT16: [16, true],
  INT32: [32, true],
  INT64: [64, true],
  UINT8: [8, false],
  UINT16: [16, false],
  UINT32: [32, false],
  UINT64: [64, false],
  PID: [64, true],
  FD: [64, true],
  ERRNO: [64, true],
  FLAGS32: [32, false],
  MODE: [32, false],
  SIGTYPE: [8, false],
  RELTIME: [64, false],
  ABSTIME: [64, false],
  DOUBLE: [32, true],
};

/** Characters that are quoted of a text in which something is wrong. */
const QUOTED = 80;

/** As much of a text as it takes to find it. */
export function clipped(text: string): string {
  return text.length > QUOTED ? `${text.slice(0, QUOTED)}…` : text;
}

/** Reads a constant. @throws Error whose message is Falco's. */
export function readConstant(literal: Literal, type: FieldType, operator: Operator): Constant {
  if (type === 'BYTEBUF') return readBytes(literal, operator);
  if (literal.text.includes('\0')) throw new Error('filter error: filter value cannot contain a NUL byte (\\x00)');
  switch (type) {
    case 'CHARBUF':
    case 'FSPATH':
      return literal.text;
    case 'BOOL':
      if (literal.text !== 'true' && literal.text !== 'false') {
        throw new Error(`filter error: unrecognized boolean value ${clipped(literal.text)}`);
      }
      return literal.text === 'true';
    case 'PORT':
      return readPort(literal.text);
    case 'IPADDR':
      return readAddress(literal.text);
    case 'IPNET':
      return readNetwork(literal.text);
    case 'DYNAMIC':
      return readEither(literal.text);
    default:
      return readInteger(literal.text, type);
  }
}

function integer(text: string): bigint | undefined {
  return /^\s*[+-]?\d+$/.test(text) ? BigInt(text.trim().replace('+', '')) : undefined;
}

function toInteger(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function readEither(text: string): EitherConstant {
  const number = integer(text);
  return { text, number: number === undefined ? undefined : toInteger(number) };
}

/** Too large for 64 bits is the largest (or least) that there is; narrower fields take the lower bits of that. */
function readInteger(text: string, type: FieldType): number | bigint {
  const value = integer(text);
  const [bits, signed] = widths[type] ?? [64, true];
  if (value === undefined) throw new Error(`${clipped(text)} is not a valid number`);
  if (signed) return toInteger(BigInt.asIntN(bits, within(value, -(2n ** 63n), 2n ** 63n - 1n)));
  const most = 2n ** 64n - 1n;
  return toInteger(BigInt.asUintN(bits, value < -most ? most : within(value, -most, most)));
}

/**
 * What is compared with where a number is none of the type: see `readConstant`. Undefined for one that is; the upper half of
 * what has no sign may be written as negative numbers, and the other way round.
 */
export function wrapped(text: string, type: FieldType): number | bigint | undefined {
  if (type === 'PORT') return /^\d+$/.test(text) && BigInt(text) > 0xffffn ? readPort(text) : undefined;
  const value = integer(text);
  const [bits, signed] = widths[type] ?? [0, true];
  if (value === undefined || bits === 0 || type === 'DOUBLE') return undefined;
  const most = signed && bits === 64 ? 2n ** 63n - 1n : 2n ** BigInt(bits) - 1n;
  return value > most || value < -(2n ** BigInt(bits - 1)) ? readInteger(text, type) : undefined;
}

function within(value: bigint, least: bigint, most: bigint): bigint {
  if (value < least) return least;
  return value > most ? most : value;
}

function readPort(text: string): number {
  if (/^\d*$/.test(text)) return Number(BigInt(text === '' ? 0 : text) & 0xffffn);
  const port = servicePort(text);
  if (port === undefined) throw new Error(`unrecognized protocol ${clipped(text)}`);
  return port;
}

function readAddress(text: string): string {
  const four = text.includes('.');
  const address = four ? parseIpv4(text) : parseIpv6(text);
  if (address === undefined) throw new Error(`unrecognized ${four ? 'IPv4' : 'IPv6'} address ${clipped(text)}`);
  // Four numbers have one form only.
  return typeof address === 'number' ? text : addressText(address);
}

function readNetwork(text: string): Network {
  const slash = text.indexOf('/');
  if (slash < 0) throw new Error(`unrecognized IP network ${clipped(text)}`);
  const four = text.includes('.') && !text.includes(':');
  const address = (four ? parseIpv4 : parseIpv6)(text.slice(0, slash));
  if (address === undefined) throw new Error(`unrecognized ${four ? 'IP' : 'IPv6'} address ${clipped(text)}`);
  const mask = text.slice(slash + 1);
  const prefix = Number(readInteger(mask, 'INT64'));
  const [least, most] = four ? [0, 32] : [1, 128];
  if (prefix < least || prefix > most) throw new Error(`invalid ${four ? '' : 'v6 '}netmask ${clipped(mask)}`);
  return { address, prefix };
}

function readBytes(literal: Literal, operator: Operator): Uint8Array {
  if (operator !== 'bcontains' && operator !== 'bstartswith') return literal.bytes ?? Buffer.from(literal.text, 'utf8');
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(literal.text)) {
    throw new Error('filter error: bcontains and bstartswith operator support hex strings only');
  }
  return Buffer.from(literal.text, 'hex');
}
