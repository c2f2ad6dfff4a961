/** Replays a recording again and again and measures what judging its events costs. */

import { Accounts } from '../../../src/events/accounts.ts';
import type { KernelEvent } from '../../../src/events/kernel/event.ts';
import { KIND, OPEN_TEXTS } from '../../../src/events/kernel/layout.ts';
import { type RawRecording, RawReplay } from '../../../src/events/kernel/raw-file.ts';
import { eachRecord, textLength, textStart } from '../../../src/events/kernel/records.ts';
import type { KernelSlab } from '../../../src/events/kernel/slab.ts';
import { bytesOf } from '../../../src/events/kernel/slab-memory.ts';

export type Judge = (event: KernelEvent) => void;

/** Median CPU time of many short rounds, few of which a busy machine disturbs; GC and compiling, which other threads do, included. */
const ROUNDS = 27;
const WARM_UP = 12;
const PLAYS = 1;

export class Replay {
  readonly #recording: RawRecording;
  readonly #names = new Accounts();
  /** Where the last two bytes are of paths that are opened only once. */
  readonly #endings: (readonly [slab: Uint8Array, at: number])[] = [];
  #plays = 0;
  /** Events, opens, and paths that opens name. */
  events = 0;
  readonly opens: number;
  readonly paths: readonly string[];

  constructor(recording: RawRecording) {
    this.#recording = recording;
    const seen = new Map<string, (readonly [slab: Uint8Array, at: number])[]>();
    let opens = 0;
    for (const slab of recording.slabs) {
      const bytes = bytesOf(slab);
      eachRecord(bytes, slab.length, (offset, kind) => {
        this.events++;
        if (kind !== KIND.open) return;
        opens++;
        const at = textStart(bytes, offset, OPEN_TEXTS, OPEN_TEXTS.raw);
        const length = textLength(bytes, offset, OPEN_TEXTS, OPEN_TEXTS.raw);
        const path = bytes.buffer.toString('latin1', at, at + length);
        const real = textStart(bytes, offset, OPEN_TEXTS, OPEN_TEXTS.real);
        const realLength = textLength(bytes, offset, OPEN_TEXTS, OPEN_TEXTS.real);
        const ends = [at + length - 2, ...(realLength > 2 ? [real + realLength - 2] : [])];
        const places = seen.get(path) ?? [];
        seen.set(path, places);
        if (length > 2) places.push(...ends.map((end) => [slab, end] as const));
        else places.length = 0;
      });
    }
    this.opens = opens;
    this.paths = [...seen.keys()];
    for (const places of seen.values()) if (places.length <= 2) this.#endings.push(...places);
  }

  /** Median ns of CPU that judging takes for an event. */
  measure(judge: Judge): number {
    return this.measureTogether([judge])[0] as number;
  }

  /** The same of several, which take turns. */
  measureTogether(judges: readonly Judge[]): readonly number[] {
    return this.rounds(judges, (judge) => this.play(judge)).map((each) => median(each));
  }

  /** The same in each round, by how the recording is played; so many times in each of so many rounds. */
  rounds(
    judges: readonly Judge[],
    play: (judge: Judge) => number,
    { rounds, plays } = { rounds: ROUNDS, plays: PLAYS },
  ): readonly (readonly number[])[] {
    for (let round = 0; round < WARM_UP; round++) for (const judge of judges) play(judge);
    const times = judges.map((): number[] => []);
    const turns = [...judges.entries()];
    for (let round = 0; round < rounds; round++) {
      // What one leaves in the caches is not always for the same one.
      for (const [index, judge] of round % 2 === 0 ? turns : turns.toReversed()) {
        let time = 0;
        for (let number = 0; number < plays; number++) time += play(judge);
        times[index]?.push((time * 1000) / (plays * this.events));
      }
    }
    return times;
  }

  /** Plays the recording once; returns the µs of CPU that judging took. */
  play(judge: Judge): number {
    this.#rename();
    let time = 0;
    for (const slab of new RawReplay(this.#recording, this.#names).slabs()) {
      const before = process.cpuUsage();
      judgeAll(slab, judge);
      time += since(before);
      slab.release();
    }
    return time;
  }

  /** The same with all that events cost before they are judged: they are found, and their processes. */
  playWhole(judge: Judge): number {
    this.#rename();
    const before = process.cpuUsage();
    for (const slab of new RawReplay(this.#recording, this.#names).slabs()) {
      judgeAll(slab, judge);
      slab.release();
    }
    return since(before);
  }

  /** A file that is opened once is another one in each play: else all paths would be known after the first. */
  #rename(): void {
    const play = this.#plays++;
    for (const [slab, at] of this.#endings) {
      slab[at] = 65 + (play % 26);
      slab[at + 1] = 65 + (Math.floor(play / 26) % 26);
    }
  }
}

export function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] as number;
}

function judgeAll(slab: KernelSlab, judge: Judge): void {
  for (let index = 0; index < slab.length; index++) judge(slab.at(index) as KernelEvent);
}

function since(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
