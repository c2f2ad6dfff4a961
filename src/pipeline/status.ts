/** What a run says of itself: every component with what went in, out and lost, and whether all is well. */

import { packageVersion } from '../core/package.ts';
import { engineVersion } from '../rules/versions.ts';
import type { Summary } from './totals.ts';

export interface ComponentStatus {
  readonly id: string;
  readonly kind: 'source' | 'operator' | 'sink';
  readonly type: string;
  /** Where its events come from. */
  readonly from: readonly string[];
  /** Its counters by name, and by label where they have one: `dropped: {queue_full: 3}`. */
  readonly counters: Readonly<Record<string, number | Readonly<Record<string, number>>>>;
  /** Of a sink: events that wait in memory and on disk, and bytes in memory. */
  readonly queue?: { readonly events: number; readonly bytes: number; readonly on_disk: number };
  /** Of a source that delivers at least once: events that have not settled. */
  readonly in_flight?: number;
  /** What is wrong with it now. */
  readonly problem?: string;
}

export interface RunStatus {
  readonly state: 'starting' | 'running' | 'stopping' | 'stopped';
  /** sha256 of the pipeline and of every file that it names. */
  readonly digest: string;
  readonly totals: Summary;
  /** Loadings of the pipeline while it ran, by result. */
  readonly reloads: { readonly done: number; readonly failed: number };
  readonly components: readonly ComponentStatus[];
  /** It runs, its sources are open, its state can be written. A sink that fails does not change that. */
  readonly ready: boolean;
  /** All that is wrong now. */
  readonly problems: readonly string[];
}

/** Versions as flat text: falcoctl takes from them which rules fit. */
export function versions(): Record<string, string> {
  return {
    falco_pipe_version: packageVersion,
    falco_version: packageVersion,
    engine_version: engineVersion.split('.')[1] ?? '',
    engine_version_semver: engineVersion,
    node_version: process.versions.node,
  };
}
