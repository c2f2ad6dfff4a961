/** IP addresses and networks: reading, canonical text, membership. */

import type { Scalar } from '../../events/field.ts';

/** An IPv4 address as one unsigned number, or an IPv6 address as eight groups. */
export type Address = number | readonly number[];

export interface Network {
  readonly address: Address;
  readonly prefix: number;
}

/** Reads a dotted quad as inet_pton(3) does: four decimal numbers without leading zeros. */
export function parseIpv4(text: string): number | undefined {
  const { length } = text;
  if (length > IPV4_MOST) return undefined;
  let address = 0;
  let part = 0;
  let digits = 0;
  let dots = 0;
  // One loop, which V8 makes twice as fast as one in another.
  for (let at = 0; at < length; at++) {
    const digit = text.charCodeAt(at) - ZERO;
    if (digit >= 0 && digit <= 9) {
      if (digits > 0 && part === 0) return undefined;
      part = part * 10 + digit;
      digits++;
    } else {
      if (digit !== DOT - ZERO || digits === 0 || part > 255 || ++dots > 3) return undefined;
      address = address * 256 + part;
      part = 0;
      digits = 0;
    }
  }
  return dots === 3 && digits > 0 && part <= 255 ? address * 256 + part : undefined;
}

/** Letters of an IPv4 address, at most. */
const IPV4_MOST = 15;
const DOT = 46;
const ZERO = 48;

/** -1: there is no digit. */
function digitAt(text: string, at: number): number {
  const digit = text.charCodeAt(at) - ZERO;
  return digit >= 0 && digit <= 9 ? digit : -1;
}

/** Reads an IPv6 address as inet_pton(3) does; the last two groups may be a dotted quad. */
export function parseIpv6(text: string): readonly number[] | undefined {
  const groups = [0, 0, 0, 0, 0, 0, 0, 0];
  let count = 0;
  /** How many groups stand before `::`; -1: there is none. */
  let gap = text.startsWith('::') ? 0 : -1;
  for (let at = gap < 0 ? 0 : 2; at < text.length; ) {
    const start = at;
    let group = 0;
    for (let digit = hexAt(text, at); digit >= 0; digit = hexAt(text, ++at)) group = group * 16 + digit;
    if (text.charCodeAt(at) === DOT) {
      const quad = parseIpv4(text.slice(start));
      if (quad === undefined || count > 6) return undefined;
      groups[count++] = Math.floor(quad / 0x10000);
      groups[count++] = quad % 0x10000;
      break;
    }
    if (at === start || at - start > 4 || count === 8) return undefined;
    groups[count++] = group;
    if (at === text.length) break;
    if (text.charCodeAt(at++) !== COLON) return undefined;
    if (text.charCodeAt(at) === COLON) {
      if (gap >= 0) return undefined;
      gap = count;
      at++;
    } else if (at === text.length) return undefined;
  }
  if (gap < 0) return count === 8 ? groups : undefined;
  if (count === 8) return undefined;
  // What stands behind `::` goes to the end.
  for (let index = 7; count > gap; index--) {
    groups[index] = groups[--count] as number;
    groups[count] = 0;
  }
  return groups;
}

const COLON = 58;
const LOWER_A = 97;
const LOWER = 32;

/** -1: there is no digit. */
function hexAt(text: string, at: number): number {
  const digit = digitAt(text, at);
  if (digit >= 0) return digit;
  const letter = (text.charCodeAt(at) | LOWER) - LOWER_A;
  return letter >= 0 && letter < 6 ? letter + 10 : -1;
}

/** Reads an address of either family. */
export function parseAddress(text: string): Address | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

/** The one way to write an address (RFC 5952): events carry addresses in this form. */
export function addressText(address: Address): string {
  if (typeof address === 'number') return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
  return written.toString('latin1', 0, writeIpv6(address, written));
}

/** The IPv4 network that an IPv4-mapped one (`::ffff:10.0.0.0/104`) means; undefined for others. */
export function mappedNetwork({ address, prefix }: Network): Network | undefined {
  if (typeof address === 'number' || prefix < MAPPED_BITS || address[5] !== 0xffff) return undefined;
  if (address.slice(0, 5).some((group) => group !== 0)) return undefined;
  return { address: (address[6] as number) * 0x10000 + (address[7] as number), prefix: prefix - MAPPED_BITS };
}

/** How many bits the prefix of IPv4-mapped addresses has. */
const MAPPED_BITS = 96;

/** Letters of an IPv6 address, at most. */
export const IPV6_MOST = 39;
const written = Buffer.alloc(IPV6_MOST);
const HEX = Buffer.from('0123456789abcdef');
const MAPPED = Buffer.from('::ffff:');

/** Writes the one form of an IPv6 address (RFC 5952) in ASCII; returns how many letters it has. */
export function writeIpv6(groups: readonly number[], into: Uint8Array): number {
  const [start, length] = longestZeros(groups);
  if (start === 0 && length === 5 && groups[5] === 0xffff) {
    const quad = Buffer.from(addressText((groups[6] as number) * 0x10000 + (groups[7] as number)));
    into.set(MAPPED);
    into.set(quad, MAPPED.length);
    return MAPPED.length + quad.length;
  }
  let end = 0;
  for (let index = 0; index < 8; ) {
    if (index === start && length >= 2) {
      into[end++] = COLON;
      if (index === 0) into[end++] = COLON;
      index += length;
      continue;
    }
    const group = groups[index++] as number;
    for (let shift = group > 0xfff ? 12 : group > 0xff ? 8 : group > 0xf ? 4 : 0; shift >= 0; shift -= 4) {
      into[end++] = HEX[(group >>> shift) & 15] as number;
    }
    if (index < 8) into[end++] = COLON;
  }
  return end;
}

function longestZeros(groups: readonly number[]): [start: number, length: number] {
  let best = 0;
  let most = 0;
  let length = 0;
  for (let index = 0; index < groups.length; index++) {
    length = groups[index] === 0 ? length + 1 : 0;
    if (length > most) {
      most = length;
      best = index - length + 1;
    }
  }
  return [best, most];
}

/** What a value is as an address: events carry texts, and conditions may read numbers of IPv4 (Form.addressReader). */
export function addressOf(value: Scalar): Address | undefined {
  if (typeof value === 'number') return value;
  return typeof value === 'string' ? parseCached(value) : undefined;
}

/** A test whether an address lies in a network. Families differ: no. */
export function networkTest({ address, prefix }: Network): (value: Scalar) => boolean {
  if (typeof address === 'number') {
    const size = 2 ** (32 - prefix);
    const first = Math.floor(address / size);
    return (value) => {
      const candidate = addressOf(value);
      return typeof candidate === 'number' && Math.floor(candidate / size) === first;
    };
  }
  return (value) => {
    const candidate = addressOf(value);
    return typeof candidate === 'object' && samePrefix(candidate, address, prefix);
  };
}

function samePrefix(a: readonly number[], b: readonly number[], prefix: number): boolean {
  const whole = prefix >> 4;
  for (let i = 0; i < whole; i++) if (a[i] !== b[i]) return false;
  const rest = 16 - (prefix & 15);
  return rest === 16 || (a[whole] ?? 0) >> rest === (b[whole] ?? 0) >> rest;
}

// A machine talks to few addresses again and again: reading each text once is enough.
const cache = new Map<string, readonly number[] | undefined>();
const CACHE_SIZE = 4096;

/** As parseAddress; texts that come again are not read again. */
function parseCached(text: string): Address | undefined {
  // Four numbers are read sooner than they are found.
  if (!text.includes(':')) return parseIpv4(text);
  let address = cache.get(text);
  if (address === undefined && !cache.has(text)) {
    if (cache.size >= CACHE_SIZE) cache.clear();
    address = parseIpv6(text);
    cache.set(text, address);
  }
  return address;
}
