/**
 * What of the ends of internet sockets the kernel programs look for: a trie of prefixes, of addresses and of ports, in which
 * the longest that fits says for which classes of outcome an end is wanted. native/bpf/ends.h is the other side.
 */

import type { EndProperty } from '../src/core/flow/necessary.ts';

/** Bytes of a key with the length of its prefix, and of what is said of it. */
const KEY = 24;
const VALUE = 4;
/** Bits of an address: IPv4 is IPv6 that begins with these. */
const MAPPED = `${'0'.repeat(80)}${'1'.repeat(16)}`;
const PORT_BITS = 16;
/** END_PART_BITS */
const PART_BITS = 32;

type Of = EndProperty['of'];
/** `enum end_part` */
const PARTS: readonly Of[] = ['address', 'port'];

interface Classes {
  readonly local: number;
  readonly remote: number;
}

interface Wish {
  readonly ends: readonly ('local' | 'remote')[];
  /** Prefixes, as texts of 0 and 1. */
  readonly prefixes: ReadonlySet<string>;
  readonly outside: boolean;
  readonly bits: number;
}

/** Collects properties of ends, and for which classes of outcome each is wanted. */
export class Ends {
  readonly #wishes = new Map<Of, Wish[]>(PARTS.map((of) => [of, []]));
  readonly #prefixes = new Map<Of, Set<string>>(PARTS.map((of) => [of, new Set()]));

  add({ end, of, values, outside }: EndProperty, bits: number): void {
    const prefixes = new Set(values.flatMap(of === 'port' ? portPrefixes : networkPrefix));
    // Whose end it is, the programs do not know.
    const ends = end === 'local' || end === 'remote' ? [end] : (['local', 'remote'] as const);
    this.#wishes.get(of)?.push({ ends, prefixes, outside: outside === true, bits });
    const all = this.#prefixes.get(of);
    for (const prefix of prefixes) all?.add(prefix);
    // What is in none of those that are named.
    if (outside) all?.add('');
  }

  /** Whether there are more than a map of so many entries has room for. */
  exceeds(most: number): boolean {
    return [...this.#prefixes.values()].reduce((sum, { size }) => sum + size, 0) > most;
  }

  /** The classes that are wanted for some local and some remote end: of addresses, then of ports. */
  tests(): Uint16Array {
    return Uint16Array.from(
      PARTS.flatMap((of) =>
        (['local', 'remote'] as const).map((end) =>
          (this.#wishes.get(of) ?? []).reduce((all, { ends, bits }) => (ends.includes(end) ? all | bits : all), 0),
        ),
      ),
    );
  }

  /** Entries of the map: `struct end_key`, `struct end_classes`. */
  entries(): Uint8Array {
    return Buffer.concat(
      PARTS.flatMap((of, part) => {
        const all = this.#prefixes.get(of) ?? new Set();
        const wishes = this.#wishes.get(of) ?? [];
        const lengths = [...new Set([...all].map(({ length }) => length))];
        return [...all].map((prefix) => {
          const around = lengths.flatMap((length) => (length <= prefix.length ? [prefix.slice(0, length)] : []));
          return entryOf(part, prefix, classesOf(wishes, around));
        });
      }),
    );
  }
}

/** What is wanted of an end that lies in these prefixes, and of others that are named in none. */
function classesOf(wishes: readonly Wish[], around: readonly string[]): Classes {
  const classes = { local: 0, remote: 0 };
  for (const { ends, prefixes, outside, bits } of wishes) {
    const isIn = around.some((each) => prefixes.has(each));
    if (isIn !== outside) for (const end of ends) classes[end] |= bits;
  }
  return classes;
}

function entryOf(part: number, prefix: string, { local, remote }: Classes): Buffer {
  const entry = Buffer.alloc(KEY + VALUE);
  entry.writeUInt32LE(PART_BITS + prefix.length, 0);
  entry.writeUInt32LE(part, 4);
  for (let at = 0; at < prefix.length; at += 8)
    entry.writeUInt8(Number.parseInt(prefix.slice(at, at + 8).padEnd(8, '0'), 2), 8 + at / 8);
  entry.writeUInt16LE(local, KEY);
  entry.writeUInt16LE(remote, KEY + 2);
  return entry;
}

const bitsOf = (value: number, bits: number) => value.toString(2).padStart(bits, '0');

/** The prefixes that are a range of ports: `30000-32767`, `22`. */
function portPrefixes(range: string): string[] {
  const [first = 0, last = first] = range.split('-').map(Number);
  const within = (prefix: string): string[] => {
    const rest = PORT_BITS - prefix.length;
    const start = Number.parseInt(prefix.padEnd(PORT_BITS, '0'), 2);
    const end = start + 2 ** rest - 1;
    if (start > last || end < first) return [];
    return start >= first && end <= last ? [prefix] : [...within(`${prefix}0`), ...within(`${prefix}1`)];
  };
  return within('');
}

function networkPrefix(network: string): string {
  const [address = '', length] = network.split('/');
  const isSix = address.includes(':');
  const bits = isSix
    ? ipv6Bits(address)
    : MAPPED +
      address
        .split('.')
        .map((part) => bitsOf(Number(part), 8))
        .join('');
  return length === undefined ? bits : bits.slice(0, (isSix ? 0 : MAPPED.length) + Number(length));
}

/** Of an address in its canonical form, in which no dotted quad stands behind other groups than those of `MAPPED`. */
function ipv6Bits(address: string): string {
  const groups = (text: string) => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)));
  const [before = '', behind] = address.split('::');
  const [head, tail] = [groups(before), groups(behind ?? '')];
  const zeros = behind === undefined ? [] : Array.from({ length: 8 - head.length - tail.length }, () => 0);
  return [...head, ...zeros, ...tail].map((group) => bitsOf(group, 16)).join('');
}
