/**
 * What the kernel programs send of each call: by its outcome, by the thread's name, of opens and unix sockets by their path,
 * of internet sockets by their ends. Everything here may let pass more than was asked for, never less. native/bpf/shared.h
 * and filter.h are the other side.
 */
import type { Clause, Outcome, PathProperty, Result, SocketKind } from '../src/core/flow/necessary.ts';
import { numbersHere } from './abi.ts';
import { CALLS, type Call } from './calls.ts';
import { Ends } from './filter-ends.ts';
import type { AddonWanted } from './locate.ts';

/** What is sent of each call, by its name: whatever one of the clauses wants; `all`: everything. */
export type CallFilters = ReadonlyMap<string, 'all' | readonly Clause[]>;

const ROOM = 128;
/** Entries of a map, at most: while filters change those of both are in it, and native/bpf/filter.h has room for 8192. */
const MOST_ENTRIES = 2048;
const NUMBERS = 1024;
const RESULTS: readonly Result[] = ['ok', 'in_progress', 'failed'];
/** The access of opens, and `enum socket_kind`, that of other calls. */
const ACCESSES = 5;
const SOCKETS: readonly (SocketKind | undefined)[] = ['other', 'tcp', 'other_ip', undefined, 'unix'];
/** Of these an end is looked at, of the others a path. */
const INTERNET: ReadonlySet<SocketKind> = new Set(['tcp', 'other_ip']);
const NOT_INTERNET: ReadonlySet<SocketKind> = new Set(['unix', 'other']);
const EVERYTHING = 0x7fff;
const SUCCEEDED = 0b001_001_001_001_001;
/** What io_uring can do too, as native/bpf/uring.h tells. */
const URING: ReadonlySet<string> = new Set(
  `openat openat2 unlinkat mkdirat renameat2 linkat symlinkat socket bind listen accept connect sendto sendmsg recvfrom
recvmsg`.split(/\s+/),
);
/** A program that begins to run is a record of its own: as calls these only fail. */
const EXECUTIONS: ReadonlySet<string> = new Set(['execve', 'execveat']);
const ALL_STARTS = 0xffff_ffff_ffff_ffffn;
const PREFIX_MAX = 64;
const NAME_MAX = 32;
/** Bytes of a thread's name, with the one that ends it. */
const COMM_ROOM = 16;
const LONG_STARTS = 1024;

const indexes: ReadonlyMap<string, number> = new Map(Object.keys(CALLS).map((name, index) => [name, index + 1]));
const SOCKETCALL = indexes.size + 1;
const SOCKETCALL_NUMBER = 102;

/** Whether a call may be about a socket that was used before, and asks what for: who connects begins. */
function asksHistory(name: string): boolean {
  const { kind, fd } = CALLS[name] ?? {};
  return kind === 'socket' ? name !== 'socket' && name !== 'connect' : kind === 'call' && fd === true;
}

/** The bits of the outcomes that a clause wants. */
function classesOf({ results, reads, writes, sockets }: Outcome, kind: string): number {
  let bits = 0;
  for (let access = 0; access < ACCESSES; access++) {
    if (kind === 'open') {
      if (access === 0 || access > 3) continue;
      if (reads !== undefined && reads !== ((access & 1) !== 0)) continue;
      if (writes !== undefined && writes !== ((access & 2) !== 0)) continue;
    } else {
      const socket = SOCKETS[access];
      if (socket === undefined || sockets?.has(socket) === false) continue;
    }
    RESULTS.forEach((result, index) => {
      if (results === undefined || results.has(result)) bits |= 1 << (3 * access + index);
    });
  }
  return bits;
}

interface Classes {
  text: number;
  real: number;
}

/** Collects properties of paths, and for which classes of outcome each is wanted. */
class Paths {
  readonly prefixes = new Map<string, Classes>();
  readonly names = new Map<string, Classes>();
  readonly hidden: Classes = { text: 0, real: 0 };
  /** Texts that end in a dot are not in their shortest form, and pass. */
  readonly crooked: Classes = { text: 0, real: 0 };

  add({ of, kind, value }: PathProperty, bits: number): void {
    if (kind === 'hidden') this.hidden[of] |= bits;
    else if (kind === 'name' && of === 'text' && value.endsWith('.')) this.crooked.text |= bits;
    else if (kind === 'name') entry(this.names, value)[of] |= bits;
    else entry(this.prefixes, cut(value, PREFIX_MAX))[of] |= bits;
  }

  /** Whether there are more than a map of so many entries has room for. */
  exceeds(most: number): boolean {
    return this.prefixes.size > most || this.names.size > most;
  }

  /** The longest prefix decides, so each has what the shorter ones want too. */
  spread(): void {
    for (const [prefix, classes] of this.prefixes) {
      for (let length = 1; length < prefix.length; length++) {
        const shorter = this.prefixes.get(prefix.slice(0, length));
        if (shorter === undefined) continue;
        classes.text |= shorter.text;
        classes.real |= shorter.real;
      }
    }
  }
}

function entry(map: Map<string, Classes>, key: string): Classes {
  let found = map.get(key);
  if (found === undefined) map.set(key, (found = { text: 0, real: 0 }));
  return found;
}

/** At most so many bytes, whole characters. */
function cut(text: string, bytes: number): string {
  let result = text;
  while (Buffer.byteLength(result) > bytes) result = result.replace(/.$/su, '');
  return result;
}

/** Whether the programs can look for a property; where not, the clause is sent whatever its path is. */
function isKnown({ kind, value }: PathProperty): boolean {
  if (value.includes('\0')) return false;
  return kind === 'name' ? value !== '' && Buffer.byteLength(value) <= NAME_MAX : kind === 'hidden' || value !== '';
}

type Tables = Omit<AddonWanted, 'env' | 'real' | 'file' | 'data' | 'room' | 'control' | 'state'>;

type Rewritten = (clause: Clause, call: Call) => Clause;

function rewritten(filters: CallFilters, rewrite: Rewritten): Map<string, 'all' | readonly Clause[]> {
  const each = ([name, clauses]: readonly [string, 'all' | readonly Clause[]]) => {
    const call = CALLS[name];
    if (call === undefined) throw new RangeError(`there is no system call ${name} in calls.yaml`);
    return [name, clauses === 'all' ? clauses : clauses.map((clause) => rewrite(clause, call))] as const;
  };
  return new Map([...filters].map(each));
}

/**
 * What a filter asks for beside outcomes, of which the programs look for one: the path, else the name, else the end. Only
 * sockets of the internet have ends, and only others have a path.
 */
const ofOneKind: Rewritten = ({ paths, ends, comms, ...outcome }, { kind }) => {
  const kinds = [...(ends ? [INTERNET] : []), ...(paths && kind === 'socket' ? [NOT_INTERNET] : [])];
  const sockets = [...(outcome.sockets ? [outcome.sockets] : []), ...kinds].reduce(
    (left: ReadonlySet<SocketKind> | undefined, each) => left?.intersection(each) ?? each,
    undefined,
  );
  const what = sockets === undefined ? outcome : { ...outcome, sockets };
  if (paths !== undefined && HAS_PATH.has(kind) && paths.every(isKnown)) return { ...what, paths };
  if (comms !== undefined) return { ...what, comms };
  return ends === undefined ? what : { ...what, ends };
};

/** Calls of which the programs look at a path. */
const HAS_PATH: ReadonlySet<string> = new Set(['open', 'socket']);

/**
 * The filters as the programs can have them: what they cannot look for, or is more than they have room for, is sent
 * whatever it is; a clause that nothing satisfies is left out.
 * @throws {RangeError} for a call that is not in calls.yaml
 */
export function lookedFor(filters: CallFilters, most = MOST_ENTRIES): CallFilters {
  const found = rewritten(filters, ofOneKind);
  const all = [...found.values()].flatMap((clauses) => (clauses === 'all' ? [] : clauses));
  const paths = new Paths();
  for (const property of all.flatMap((clause) => clause.paths ?? [])) paths.add(property, 0);
  const ends = new Ends();
  for (const property of all.flatMap((clause) => clause.ends ?? [])) ends.add(property, 0);
  const tooMany = {
    paths: paths.exceeds(most),
    ends: ends.exceeds(most),
    comms: new Set(all.flatMap(({ comms = [] }) => comms)).size > most,
  };
  const within = rewritten(found, ({ paths, ends, comms, ...outcome }) => ({
    ...outcome,
    ...(paths === undefined || tooMany.paths ? {} : { paths }),
    ...(ends === undefined || tooMany.ends ? {} : { ends }),
    ...(comms === undefined || tooMany.comms ? {} : { comms }),
  }));
  for (const [name, clauses] of within)
    if (clauses !== 'all')
      within.set(
        name,
        clauses.filter((clause) => bitsOf(clause, name) !== 0),
      );
  return within;
}

function bitsOf(outcome: Outcome, name: string): number {
  return classesOf(outcome, CALLS[name]?.kind ?? '') & (EXECUTIONS.has(name) ? ~SUCCEEDED : EVERYTHING);
}

/**
 * The tables of the kernel programs for these filters.
 * @throws {RangeError} for a call that is not in calls.yaml
 */
export function filterTables(filters: CallFilters, most = MOST_ENTRIES): Tables {
  const calls = new Uint16Array(NUMBERS);
  const keep = new Uint16Array(ROOM);
  const test = new Uint16Array(ROOM);
  const byComm = new Uint16Array(ROOM);
  const paths = new Paths();
  const ends = new Ends();
  const comms = new Map<string, number>();
  for (const [name, clauses] of lookedFor(filters, most)) {
    const index = indexes.get(name) as number;
    addNumbers(calls, index, CALLS[name] as Call);
    for (const clause of clauses === 'all' ? [{}] : clauses) {
      const bits = bitsOf(clause, name);
      const { paths: wanted, ends: between, comms: named } = clause as Clause;
      const table = (wanted ?? between) ? test : named ? byComm : keep;
      table[index] = (table[index] ?? 0) | bits;
      for (const property of wanted ?? []) paths.add(property, bits);
      for (const property of between ?? []) ends.add(property, bits);
      for (const comm of named ?? []) comms.set(comm, (comms.get(comm) ?? 0) | bits);
    }
  }
  paths.spread();
  const prefixes = Object.groupBy(paths.prefixes.keys(), (prefix) =>
    Buffer.byteLength(prefix) < 8 ? 'short' : 'long',
  );
  const tested = [...paths.prefixes.values(), ...paths.names.values(), paths.hidden, paths.crooked];
  const any = (of: keyof Classes) => tested.reduce((bits, classes) => bits | classes[of], 0);
  return {
    calls,
    keep,
    test,
    byComm,
    tests: Uint16Array.of(any('text'), any('real')),
    hidden: Uint16Array.of(paths.hidden.text, paths.hidden.real),
    prefixes: bytesOf(paths.prefixes, prefixKey),
    names: bytesOf(paths.names, nameKey),
    comms: commEntries(comms),
    ends: ends.entries(),
    endTests: ends.tests(),
    starts: BigUint64Array.of(
      startsOf(paths.prefixes.keys(), true),
      startsOf(paths.names.keys(), false),
      endsOf(paths.names.keys()),
      startsOf(prefixes.short ?? [], true),
    ),
    longStarts: longStartsOf(prefixes.long ?? []),
    commStarts: longStartsOf(comms.keys()),
    uring: [...filters.keys()].some((name) => URING.has(name)),
    history: [...filters.keys()].some(asksHistory),
  };
}

/**
 * The tables that let pass what either filter sends, by all that either looks at: from one filter to them everything is
 * only added, and from them to the other only taken away. So nothing that both send is missed in between, whatever a
 * program has seen of it, as long as none runs through both changes.
 */
export function tablesOfBoth(one: CallFilters, other: CallFilters): Tables {
  const clauses = (filters: CallFilters, name: string) => {
    const found = filters.get(name) ?? [];
    return found === 'all' ? [{}] : found;
  };
  const names = new Set([...one.keys(), ...other.keys()]);
  const joined = new Map([...names].map((name) => [name, [...clauses(one, name), ...clauses(other, name)]]));
  const tables = filterTables(joined, 2 * MOST_ENTRIES);
  // What one of them has too much to look for.
  for (const { keep } of [filterTables(one), filterTables(other)]) addBits(keep, tables.keep);
  return tables;
}

function addBits(from: Uint16Array, to: Uint16Array): void {
  from.forEach((bits, index) => {
    to[index] = (to[index] ?? 0) | bits;
  });
}

/** The numbers of a call in this machine's ABI (low byte) and in its 32-bit one (high byte). */
function addNumbers(calls: Uint16Array, index: number, call: Call): void {
  const { own, compat } = numbersHere(call);
  for (const number of own) calls[number] = (calls[number] ?? 0) | index;
  for (const number of compat) calls[number] = (calls[number] ?? 0) | (index << 8);
  if (call.kind === 'socket' && process.arch !== 'arm64') {
    calls[SOCKETCALL_NUMBER] = ((calls[SOCKETCALL_NUMBER] ?? 0) & 0xff) | (SOCKETCALL << 8);
  }
}

function bytesOf(entries: ReadonlyMap<string, Classes>, key: (text: string) => Buffer): Uint8Array {
  return Buffer.concat(
    [...entries].map(([text, classes]) => {
      const value = Buffer.alloc(4);
      value.writeUInt16LE(classes.text & EVERYTHING, 0);
      value.writeUInt16LE(classes.real & EVERYTHING, 2);
      return Buffer.concat([key(text), value]);
    }),
  );
}

function commEntries(comms: ReadonlyMap<string, number>): Uint8Array {
  return Buffer.concat(
    [...comms].map(([comm, bits]) => {
      const entry = Buffer.alloc(COMM_ROOM + 2);
      entry.write(comm, 'utf8');
      entry.writeUInt16LE(bits, COMM_ROOM);
      return entry;
    }),
  );
}

/** The bits of the first four bytes. A prefix of fewer may begin anything; a name of fewer ends there. */
function startsOf(texts: Iterable<string>, open: boolean): bigint {
  let bits = 0n;
  for (const text of texts) {
    const bytes = Buffer.from(text);
    if (open && bytes.length < 4) return ALL_STARTS;
    const start = Buffer.concat([bytes, Buffer.alloc(4)]);
    bits |= startBit(start.readUInt32LE());
  }
  return bits;
}

/** The bits of the last four bytes of the names, where a slash stands before each. Shorter ones may end anything. */
function endsOf(names: Iterable<string>): bigint {
  const ends = [...names].map((name) => Buffer.from(`/${name}`));
  if (ends.some(({ length }) => length < 4)) return ALL_STARTS;
  return ends.reduce((bits, end) => bits | startBit(end.readUInt32LE(end.length - 4)), 0n);
}

/** The bits of the first eight bytes: LONG_START of native/bpf/shared.h. */
function longStartsOf(texts: Iterable<string>): BigUint64Array {
  const bits = new BigUint64Array(LONG_STARTS / 64);
  for (const text of texts) {
    const start = Buffer.alloc(8);
    Buffer.from(text).copy(start); // also where a character goes beyond it
    const bit = Math.imul(start.readUInt32LE(0) ^ start.readUInt32LE(4), 0x9e3779b1) >>> 22;
    bits[bit >>> 6] = (bits[bit >>> 6] ?? 0n) | (1n << BigInt(bit & 63));
  }
  return bits;
}

/** START_BIT of native/bpf/shared.h. */
function startBit(fourBytes: number): bigint {
  return 1n << BigInt(Math.imul(fourBytes, 0x9e3779b1) >>> 26);
}

function prefixKey(text: string): Buffer {
  const key = Buffer.alloc(4 + PREFIX_MAX);
  key.writeUInt32LE(8 * key.write(text, 4, 'utf8'), 0);
  return key;
}

function nameKey(text: string): Buffer {
  const key = Buffer.alloc(NAME_MAX);
  key.write(text, 'utf8');
  return key;
}
