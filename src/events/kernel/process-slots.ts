/**
 * One slot for each look of a process: its image, its ancestors, its name and its ids. An image has few, since only
 * threads that name themselves, setuid and the death of ancestors make another one.
 */

import type { Slot } from '../field.ts';
import type { KernelEvent } from './event.ts';
import type { ProcessImage } from './image.ts';
import { HEADER } from './layout.ts';

/** Looks of one image that are remembered. */
const MOST = 4;

/** Where the words of the header are that verdicts may depend on. */
const COMM = HEADER.comm / 4;
const EUID = HEADER.euid / 4;
const EGID = HEADER.egid / 4;
const LOGINUID = HEADER.loginuid / 4;
const CAPABILITIES = HEADER.cap_effective / 4;

export class ProcessLook implements Slot {
  kept: unknown = undefined;
  readonly #ancestors: readonly ProcessImage[];
  readonly #comm0: number;
  readonly #comm1: number;
  readonly #comm2: number;
  readonly #comm3: number;
  readonly #euid: number;
  readonly #egid: number;
  readonly #loginuid: number;
  readonly #capabilitiesLow: number;
  readonly #capabilitiesHigh: number;

  /** `at`: where the record's words begin. */
  constructor(words: Uint32Array, at: number, ancestors: readonly ProcessImage[]) {
    this.#ancestors = ancestors;
    this.#comm0 = words[at + COMM] as number;
    this.#comm1 = words[at + COMM + 1] as number;
    this.#comm2 = words[at + COMM + 2] as number;
    this.#comm3 = words[at + COMM + 3] as number;
    this.#euid = words[at + EUID] as number;
    this.#egid = words[at + EGID] as number;
    this.#loginuid = words[at + LOGINUID] as number;
    this.#capabilitiesLow = words[at + CAPABILITIES] as number;
    this.#capabilitiesHigh = words[at + CAPABILITIES + 1] as number;
  }

  isOf(words: Uint32Array, at: number, ancestors: readonly ProcessImage[]): boolean {
    return (
      this.#ancestors === ancestors &&
      this.#comm0 === words[at + COMM] &&
      this.#comm1 === words[at + COMM + 1] &&
      this.#comm2 === words[at + COMM + 2] &&
      this.#comm3 === words[at + COMM + 3] &&
      this.#euid === words[at + EUID] &&
      this.#egid === words[at + EGID] &&
      this.#loginuid === words[at + LOGINUID] &&
      this.#capabilitiesLow === words[at + CAPABILITIES] &&
      this.#capabilitiesHigh === words[at + CAPABILITIES + 1]
    );
  }
}

/** The slot of an event's process as it is at the event. */
export function processSlot(event: KernelEvent): Slot {
  const { image, ancestors } = event;
  const { words } = event.memory;
  const at = event.offset >>> 2;
  const { looks } = image;
  for (let index = 0; index < looks.length; index++) {
    const look = looks[index] as ProcessLook;
    if (look.isOf(words, at, ancestors)) return look;
  }
  const look = new ProcessLook(words, at, ancestors);
  // The oldest makes room.
  image.looks = [...(looks.length < MOST ? looks : looks.slice(1)), look];
  return look;
}
