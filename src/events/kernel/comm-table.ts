/** Conditions by the names of threads that they ask for. More may be found than there are, never fewer. */

const BITS = 8;
const LOW = 0x7f7f7f7f;

export class CommTable {
  /** The conditions that want a name with that hash; empty when none wants one. */
  readonly #named: Int32Array = new Int32Array(0);

  /** `bits`: the conditions that want a name. */
  constructor(wanted: readonly (readonly [comm: string, bits: number])[]) {
    if (wanted.length > 0) this.#named = new Int32Array(1 << BITS);
    for (const [comm, bits] of wanted)
      this.#named[hashOf(Buffer.concat([Buffer.from(comm), END]).readUInt32LE())]! |= bits;
  }

  /** The conditions that the name whose bytes begin at word `at` may be wanted by. */
  find(words: Uint32Array, at: number): number {
    return this.#named.length === 0 ? 0 : (this.#named[hashOf(words[at] as number)] as number);
  }
}

const END = Buffer.alloc(4);

/** Of the first four bytes; what stands behind the end of a shorter name is anything. */
function hashOf(word: number): number {
  const zero = ~(((word & LOW) + LOW) | word | LOW);
  const before = zero === 0 ? word : word & (((zero & -zero) >>> 7) - 1);
  return Math.imul(before, 0x9e3779b1) >>> (32 - BITS);
}
