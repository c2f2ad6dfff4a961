/** What native/bpf/filter.h and open.h do, in plain words: for tests of what they must never drop. */

import type { Clause, Necessary, PathProperty } from '../../src/core/necessary.ts';

/** An open as the kernel sees it. */
export interface Opened {
  readonly ret: number;
  readonly flags: number;
  readonly raw: string;
  /** The directory that a relative path starts from. */
  readonly base: string;
  /** Empty when the call failed. */
  readonly real: string;
  /** The name of the thread. */
  readonly comm?: string;
}

const EINPROGRESS = 115;

function outcomeHolds({ results, reads, writes }: Clause, { ret, flags }: Opened): boolean {
  const result = ret >= 0 ? 'ok' : ret === -EINPROGRESS ? 'in_progress' : 'failed';
  if (results !== undefined && !results.has(result)) return false;
  if (reads !== undefined && reads !== ((flags & 1) === 0)) return false;
  return writes === undefined || writes === ((flags & 3) !== 0);
}

const isCrooked = (path: string) => path !== '/' && (path.includes('//') || path.includes('./') || /[./]$/.test(path));

function has({ kind, value }: PathProperty, path: string): boolean {
  if (kind === 'prefix') return path.startsWith(value);
  return kind === 'hidden' ? path.includes('/.') : path.slice(path.lastIndexOf('/') + 1) === value;
}

/** Whether an open reaches user space. */
export function passes(necessary: Necessary, open: Opened): boolean {
  const { raw, base, real, comm = '' } = open;
  const text = raw.startsWith('/') ? raw : `${base === '/' ? '' : base}/${raw}`;
  const wanted = necessary.filter((clause) => outcomeHolds(clause, open));
  // Where texts are looked at, what is written crookedly or could not be read passes, whatever is asked of it.
  const looksAtText = wanted.some(({ paths }) => paths?.some(({ of }) => of === 'text'));
  const doubtful = looksAtText && (raw === '' || isCrooked(raw));
  const named = ({ comms }: Clause) => comms?.includes(comm) ?? true;
  const pathHolds = (property: PathProperty) => doubtful || has(property, property.of === 'real' ? real : text);
  // Where a clause asks for both, the name is not asked for.
  return wanted.some((clause) => clause.paths?.some(pathHolds) ?? named(clause));
}
