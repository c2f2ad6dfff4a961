/** A limit on how long work may take, one piece after the other. */

interface Work {
  readonly signal: AbortController;
  /** When its time is over, as `performance.now` counts. */
  readonly due: number;
  readonly cut: (reason: unknown) => void;
}

/** ms that work whose time is over has to say what of it was done; after that it is cut off. */
const LAST_WORD = 100;

/** One timer does for all: it looks what is under way when it rings, instead of being set and cleared for each piece. */
export class TimeLimit {
  readonly #ms: number;
  readonly #stop: AbortSignal;
  #work: Work | undefined;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param ms time for each piece of work
   * @param stop ends what is under way, and all of it
   */
  constructor(ms: number, stop: AbortSignal) {
    this.#ms = ms;
    this.#stop = stop;
    stop.addEventListener('abort', () => this.#end(stop.reason), { once: true });
  }

  /**
   * Settles as `work` does. When that takes too long, or is stopped, aborts the signal it was given, and rejects with the same
   * reason: at once when stopped, else where the work does not settle by itself then, for a part of it may be done. The piece
   * before must have settled.
   */
  run<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#stop.throwIfAborted();
      const signal = new AbortController();
      const own: Work = { signal, due: performance.now() + this.#ms, cut: reject };
      this.#work = own;
      this.#timer ??= setTimeout(() => this.#look(), this.#ms);
      const over = () => {
        if (this.#work === own) this.#work = undefined;
      };
      const done = (value: T) => {
        over();
        resolve(value);
      };
      const failed = (error: unknown) => {
        over();
        reject(error);
      };
      Promise.resolve(work(signal.signal)).then(done, failed);
    });
  }

  /** Lets go of the timer. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    this.#timer = undefined;
    if (!this.#work) return;
    const { due, signal } = this.#work;
    const left = due - performance.now();
    if (left <= 0 && signal.signal.aborted) this.#cut(signal.signal.reason);
    else {
      this.#timer = setTimeout(() => this.#look(), left > 0 ? Math.ceil(left) : LAST_WORD);
      if (left <= 0) signal.abort(new Error(`no answer within ${this.#ms / 1000} s`));
    }
  }

  #end(reason: unknown): void {
    this.close();
    this.#cut(reason);
  }

  #cut(reason: unknown): void {
    const work = this.#work;
    this.#work = undefined;
    work?.signal.abort(reason);
    work?.cut(reason);
  }
}
