/** Cutting a stream of bytes into lines, none of them longer than may be. */

const LINE_END = 0x0a;

/** A line. `text` is undefined when it is too long; `bytes` counts its line end too. */
export interface Line {
  readonly text: string | undefined;
  readonly bytes: number;
}

export class LineCutter {
  readonly #most: number;
  #parts: Buffer[] = [];
  #length = 0;

  /** @param most bytes that a line may have, without its line end */
  constructor(most: number) {
    this.#most = most;
  }

  /** Bytes of the line that has not ended yet. */
  get pending(): number {
    return this.#length;
  }

  /** The lines that `chunk` ends. It is not kept, only copied where a line goes on in the next one. */
  *push(chunk: Buffer): Generator<Line> {
    let from = 0;
    for (let end = chunk.indexOf(LINE_END); end >= 0; end = chunk.indexOf(LINE_END, from)) {
      this.#add(chunk.subarray(from, end));
      yield this.#take(1);
      from = end + 1;
    }
    this.#add(chunk.subarray(from));
    // The caller may use its buffer again.
    const last = this.#parts.pop();
    if (last) this.#parts.push(Buffer.from(last));
  }

  /** The last line, where nothing more will come. */
  end(): Line | undefined {
    return this.#length === 0 ? undefined : this.#take(0);
  }

  /** Forgets the line that has not ended. */
  reset(): void {
    this.#parts = [];
    this.#length = 0;
  }

  #add(part: Buffer): void {
    this.#length += part.length;
    if (this.#length > this.#most) this.#parts = [];
    else if (part.length > 0) this.#parts.push(part);
  }

  #take(ends: number): Line {
    const bytes = this.#length + ends;
    const text = this.#length > this.#most ? undefined : Buffer.concat(this.#parts).toString('utf8');
    this.reset();
    return { text, bytes };
  }
}
