/** The ways in which paths were opened lately: what was decoded of each, and the verdicts on it. */

import { ROW } from '../../../native/record-index.ts';
import type { Slot } from '../field.ts';
import type { KernelEvent } from './event.ts';
import type { SplitPath } from './path-cache.ts';

/** What readers have decoded of one. */
export class OpenedPath implements Slot {
  readonly way: number;
  readonly wayHigh: number;
  kept: unknown = undefined;
  /** Undefined until it is asked for. */
  raw: string | undefined = undefined;
  /** Null until it is asked for. */
  name: string | undefined | null = null;
  real: string | undefined | null = null;
  parts: SplitPath | undefined = undefined;

  constructor(way: number, wayHigh: number) {
    this.way = way;
    this.wayHigh = wayHigh;
  }
}

const MOST = 4096;
const paths: (OpenedPath | undefined)[] = new Array(MOST).fill(undefined);

/** How the path of an open is opened; undefined when it is long, and for other events. */
export function openedPath(event: KernelEvent): OpenedPath | undefined {
  const { rows } = event.memory;
  const row = event.index * ROW.size;
  const way = rows[row + ROW.way] as number;
  const wayHigh = rows[row + ROW.wayHigh] as number;
  if (way === 0 && wayHigh === 0) return undefined;
  const known = paths[way % MOST];
  if (known !== undefined && known.way === way && known.wayHigh === wayHigh) return known;
  const path = new OpenedPath(way, wayHigh);
  paths[way % MOST] = path;
  return path;
}
