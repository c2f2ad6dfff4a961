/**
 * Which conditions an open leaves possible, told from its bytes: nothing is decoded of those that leave none. It asks what
 * the kernel programs ask where conditions are pushed down (native/bpf/filter.h), but of each condition by itself.
 */

import { PATH, ROW } from '../../../native/record-index.ts';
import type { Events, Prefilter } from '../field.ts';
import type { Clause, Necessary, PathProperty } from '../necessary.ts';
import { CommTable } from './comm-table.ts';
import type { KernelEvent } from './event.ts';
import { HEADER, KIND, OPEN, OPEN_TEXTS } from './layout.ts';
import { baseIsCut, isInRoot, linuxFlags, realIsWhole } from './open-fields.ts';
import { reads, writes } from './open-flags.ts';
import { PathTable } from './path-table.ts';
import { textLength, textStart } from './records.ts';

const EVERY = -1;
const SLASH = 0x2f;
const EINPROGRESS = 115;

/** What an open came to, and whether it reads and writes. */
const OUTCOMES = (['ok', 'in_progress', 'failed'] as const).flatMap((result) =>
  [false, true].flatMap((read) => [false, true].map((write) => ({ result, read, write }))),
);

/** `necessary`: what is necessary for each condition, for opens of that type. Undefined where nothing is known of any. */
export function openPrefilter(eventType: string, necessary: readonly Necessary[]): Prefilter<KernelEvent> | undefined {
  const by = (test: (clause: Clause) => boolean) =>
    OUTCOMES.map((outcome) => bitsOf(necessary, (clause) => allows(clause, outcome) && test(clause)));
  const byPath = by(bounds);
  const byComm = by((clause) => !bounds(clause) && clause.comms !== undefined);
  const whatever = by((clause) => !bounds(clause) && clause.comms === undefined);
  if (whatever.every((bits) => bits === whatever[0]) && [...byPath, ...byComm].every((bits) => bits === 0))
    return undefined;
  const comms = commsOf(necessary);
  const tables = new Map([...new Set(byPath)].map((bits) => [bits, tablesOf(necessary, bits)]));
  const tablesBy = byPath.map((bits) => tables.get(bits) as Tables);
  const judge = (event: KernelEvent, outcome: number) => {
    const sure = whatever[outcome] as number;
    const open = (byPath[outcome] as number) & ~sure;
    if (open === 0) return sure;
    const { text, real } = tablesBy[outcome] as Tables;
    const found = (text.isEmpty ? 0 : ofText(event, text)) | (real.isEmpty ? 0 : ofReal(event, real));
    return sure | (open & found);
  };
  const lookAt = (event: KernelEvent) => {
    const outcome = outcomeOf(event);
    return { sure: judge(event, outcome), named: byComm[outcome] as number };
  };
  return new OpenPrefilter(eventType, lookAt, comms);
}

/** What is kept of the ways in which paths are opened: the conditions that are left, and those that a name leaves. */
const KEPT = { way: 0, wayHigh: 1, sure: 2, named: 3, size: 4 } as const;
const MOST_KEPT = 2048;

/** The conditions that an open leaves possible, but for the name of its thread; and those that a name leaves. */
type Look = (event: KernelEvent) => { readonly sure: number; readonly named: number };

class OpenPrefilter implements Prefilter<KernelEvent> {
  readonly #eventType: string;
  readonly #lookAt: Look;
  readonly #comms: CommTable;
  readonly #kept = new Uint32Array(KEPT.size * MOST_KEPT);

  constructor(eventType: string, lookAt: Look, comms: CommTable) {
    this.#eventType = eventType;
    this.#lookAt = lookAt;
    this.#comms = comms;
  }

  of(event: KernelEvent): number {
    if (event.kind !== KIND.open) return EVERY;
    const { rows, words } = event.memory;
    const at = this.#find(rows, event.index * ROW.size);
    return this.#left(at < 0 ? this.#keep(event) : at, words, event.offset);
  }

  /** Of an event whose way is known no byte is looked at, unless a condition asks for the name of its thread. */
  next(events: Events<KernelEvent>, from: number): number {
    const memory = events.at(from)?.memory;
    if (memory === undefined) return from;
    const { rows, words } = memory;
    for (let index = from; index < events.length; index++) {
      const row = index * ROW.size;
      const at = this.#find(rows, row);
      if (at >= 0 && this.#left(at, words, rows[row + ROW.offset] as number) === 0) continue;
      const event = events.at(index);
      if (event?.type !== this.#eventType || this.of(event) !== 0) return index;
    }
    return events.length;
  }

  /** Where it is kept what the way in that row leaves; -1 when it is not. */
  #find(rows: Uint32Array, row: number): number {
    const way = rows[row + ROW.way] as number;
    const wayHigh = rows[row + ROW.wayHigh] as number;
    const at = (way % MOST_KEPT) * KEPT.size;
    const kept = this.#kept;
    return kept[at] === way && kept[at + KEPT.wayHigh] === wayHigh && (way !== 0 || wayHigh !== 0) ? at : -1;
  }

  #keep(event: KernelEvent): number {
    const { rows } = event.memory;
    const row = event.index * ROW.size;
    const way = rows[row + ROW.way] as number;
    const at = (way % MOST_KEPT) * KEPT.size;
    const { sure, named } = this.#lookAt(event);
    this.#kept[at] = way;
    this.#kept[at + KEPT.wayHigh] = rows[row + ROW.wayHigh] as number;
    this.#kept[at + KEPT.sure] = sure;
    this.#kept[at + KEPT.named] = named;
    return at;
  }

  #left(at: number, words: Uint32Array, offset: number): number {
    const named = this.#kept[at + KEPT.named] as number;
    const byName = named === 0 ? 0 : named & this.#comms.find(words, (offset >>> 2) + COMM);
    return (this.#kept[at + KEPT.sure] as number) | byName;
  }
}

/** The conditions with such a clause. */
function bitsOf(necessary: readonly Necessary[], test: (clause: Clause) => boolean): number {
  return necessary.reduce((bits, clauses, n) => (clauses.some(test) ? bits | (1 << n) : bits), 0);
}

/** Whether what a clause says of the path can be held against its bytes. */
function bounds({ paths }: Clause): boolean {
  // Decoding makes U+FFFD of what is not UTF-8: other bytes have that text too.
  return paths?.every(({ value }) => !value.includes('\ufffd')) ?? false;
}

const COMM = HEADER.comm / 4;

function commsOf(necessary: readonly Necessary[]): CommTable {
  return new CommTable(
    necessary.flatMap((clauses, n) =>
      clauses.flatMap(({ comms = [] }) => comms.map((comm) => [comm, 1 << n] as const)),
    ),
  );
}

interface Tables {
  readonly text: PathTable;
  readonly real: PathTable;
}

/** What the conditions `among` look for in both paths. */
function tablesOf(necessary: readonly Necessary[], among: number): Tables {
  const wanted = necessary.flatMap((clauses, n) =>
    (among & (1 << n)) === 0
      ? []
      : clauses
          .filter(bounds)
          .flatMap(({ paths = [] }) => paths.map((property): [PathProperty, number] => [property, 1 << n])),
  );
  const tableOf = (path: PathProperty['of']) => new PathTable(wanted.filter(([{ of }]) => of === path));
  return { text: tableOf('text'), real: tableOf('real') };
}

function allows(clause: Clause, { result, read, write }: (typeof OUTCOMES)[number]): boolean {
  return (clause.results?.has(result) ?? true) && (clause.reads ?? read) === read && (clause.writes ?? write) === write;
}

const RET = OPEN.ret / 4;

/** The place of an event's outcome among `OUTCOMES`. */
function outcomeOf(event: KernelEvent): number {
  const { words } = event.memory;
  const ret = (event.offset >>> 2) + RET;
  const flags = linuxFlags(event);
  const result = (words[ret + 1] as number) >>> 31 === 0 ? 0 : (words[ret] as number | 0) === -EINPROGRESS ? 1 : 2;
  return result * 4 + (reads(flags) ? 2 : 0) + (writes(flags) ? 1 : 0);
}

/** By the path as the call names it; every one where it takes more than joining texts to know it. */
function ofText(event: KernelEvent, table: PathTable): number {
  const { memory, offset } = event;
  const path = memory.rows[event.index * ROW.size + ROW.text] as number;
  const start = offset + OPEN_TEXTS.first;
  const end = start + textLength(memory, offset, OPEN_TEXTS, OPEN_TEXTS.raw);
  if (start === end || (path & PATH.crooked) !== 0 || isInRoot(event) || event.has('cut')) return EVERY;
  if (memory.buffer[start] === SLASH) return table.find(memory.buffer, path, start, end);
  const length = textLength(memory, offset, OPEN_TEXTS, OPEN_TEXTS.base);
  if (length === 0 || baseIsCut(event)) return EVERY;
  return table.find(memory.buffer, path, start, end, end, end + length);
}

/** By the canonical path, if it is known. */
function ofReal(event: KernelEvent, table: PathTable): number {
  const { memory, offset } = event;
  if (!realIsWhole(event)) return 0;
  const path = memory.rows[event.index * ROW.size + ROW.real] as number;
  const start = textStart(memory, offset, OPEN_TEXTS, OPEN_TEXTS.real);
  const end = start + textLength(memory, offset, OPEN_TEXTS, OPEN_TEXTS.real);
  return table.find(memory.buffer, path, start, end);
}
