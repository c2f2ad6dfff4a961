/** What a sink may keep on disk: events that wait for it, and those that it gave up. */

import type { Event } from '../event.ts';
import type { Parcel } from '../flow/queue.ts';

export interface Keep {
  /** The state folder that it is in. */
  readonly folder: string;
  /** Events that wait on disk, or are on their way there. */
  readonly waiting: number;
  /** Those of them that are there. */
  readonly onDisk: number;
  /** Whether what is on its way there cannot be written now: the disk is full, or broken. */
  readonly failing: boolean;
  /** Whether it can be written, and keeps up: what it takes now is there in a moment. */
  readonly ready: boolean;
  /**
   * Adds events to those that wait, of which there may be so many; resolves when they are on disk, or with false when they
   * never will be, with undefined when they were taken back. Undefined: there is no room, they are not taken.
   */
  spool(events: readonly Event[], limit: number): Promise<boolean | undefined> | undefined;
  /** Takes events back that `spool` was given: they do not wait any more. False: they are on disk, or never will be. */
  takeBack(events: readonly Event[]): Promise<boolean>;
  /**
   * The oldest that wait and that nobody has been given, about so many; undefined when there are none that can be read now.
   * Once a parcel has settled as anything but `failed` its events wait no longer; after `failed` they are given again.
   * Events that cannot be read any more are in no parcel, and wait no longer.
   */
  next(maxEvents: number): Promise<readonly Parcel[] | undefined>;
  /** Called when `next` may have something that it had not, or when there is something to take back. */
  readonly woken: Set<() => void>;
  /** Keeps events that are given up, and why. Resolves and refuses as `spool` does. */
  bury(events: readonly Event[], reason: string, message: string): Promise<boolean | undefined> | undefined;
}

/** What can be done with dead letters in a state folder, for people. */
export function lettersIn(folder: string): string {
  return `'falco-pipe dlq list --state ${folder}' lists them, 'dlq retry' delivers them`;
}
