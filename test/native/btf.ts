/** The types of the running kernel as an older one would describe them: linux/btf.h, Documentation/bpf/btf.rst. */

import { readFileSync } from 'node:fs';

const KIND = { int: 1, typedef: 8 } as const;
/** Bytes behind a type's twelve, by its kind: so many, and so many for each of its members. */
const MORE: Readonly<Record<number, readonly [fixed: number, each: number]>> = {
  1: [4, 0],
  3: [12, 0],
  4: [0, 12],
  5: [0, 12],
  6: [0, 8],
  13: [0, 8],
  14: [4, 0],
  15: [0, 12],
  17: [4, 0],
  19: [0, 12],
};

export class KernelTypes {
  readonly bytes = readFileSync('/sys/kernel/btf/vmlinux');
  /** Where each type lies; the first is void. */
  readonly #places = [-1];
  readonly #strings: number;

  constructor() {
    const word = (at: number) => this.bytes.readUInt32LE(at);
    const types = word(4) + word(8);
    this.#strings = word(4) + word(16);
    for (let at = types; at < types + word(12); ) {
      this.#places.push(at);
      const info = word(at + 4);
      const [fixed, each] = MORE[(info >> 24) & 31] ?? [0, 0];
      at += 12 + fixed + each * (info & 0xffff);
    }
  }

  #find(kind: number, name?: string): number {
    return this.#places.findIndex(
      (at) =>
        at >= 0 &&
        ((this.bytes.readUInt32LE(at + 4) >> 24) & 31) === kind &&
        (name === undefined || this.#name(at) === name),
    );
  }

  #name(at: number): string {
    const start = this.#strings + this.bytes.readUInt32LE(at);
    return this.bytes.toString('latin1', start, this.bytes.indexOf(0, start));
  }

  #tracepoint(name: string): number {
    const id = this.#find(KIND.typedef, `btf_trace_${name}`);
    if (id < 0) throw new Error(`the kernel has no tracepoint ${name}`);
    return this.#places[id] as number;
  }

  /** Makes a parameter of a tracepoint a number. */
  makeNumber(tracepoint: string, parameter: number): void {
    const at = (id: number) => this.#places[id] as number;
    const pointer = at(this.bytes.readUInt32LE(this.#tracepoint(tracepoint) + 8));
    const prototype = at(this.bytes.readUInt32LE(pointer + 8));
    this.bytes.writeUInt32LE(this.#find(KIND.int), prototype + 12 + 8 * (parameter + 1) + 4);
  }

  /** Gives a type that nobody asks for another name, of a tracepoint whose own is longer. */
  nameLikeTracepoint(tracepoint: string, name: string): void {
    const at = this.#strings + this.bytes.readUInt32LE(this.#tracepoint(tracepoint));
    if (this.bytes.indexOf(0, at) - at < name.length) throw new Error(`${name} is longer than that of ${tracepoint}`);
    this.bytes.write(`${name}\0`, at, 'latin1');
  }

  /** Takes a tracepoint's name away. */
  remove(tracepoint: string): void {
    this.bytes.writeUInt32LE(0, this.#tracepoint(tracepoint));
  }
}
