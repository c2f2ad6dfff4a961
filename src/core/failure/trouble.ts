/** What is wrong with something now; tells when that begins, and when it is over. */

export class Trouble {
  readonly changed = new Set<() => void>();
  #problem: string | undefined;

  get problem(): string | undefined {
    return this.#problem;
  }

  set problem(problem: string | undefined) {
    const isSame = (this.#problem === undefined) === (problem === undefined);
    this.#problem = problem;
    if (!isSame) for (const changed of this.changed) changed();
  }
}
