/** The items of a list are kept in the state folder, whenever they are others; what cannot be written is tried again. */

import type { OperatorContext } from '../../../core/component.ts';
import { messageOf } from '../../../core/errors.ts';
import { Outage } from '../../../core/failure/outage.ts';
import type { ListFeed } from '../../../rules/index.ts';
import type { Answer, ListCopies } from './list-copies.ts';

/** After a failure it is tried again in this many ms. */
const AGAIN = 10_000;

export class Keeping {
  readonly #feed: ListFeed;
  readonly #copies: ListCopies;
  readonly #ctx: Pick<OperatorContext, 'sleep' | 'log'>;
  readonly #trouble: (problem?: string) => void;
  readonly #outage = new Outage(Number.POSITIVE_INFINITY);
  #wanted: Answer | undefined;
  #working = false;

  /** @param trouble is told what is wrong, or that nothing is */
  constructor(
    feed: ListFeed,
    copies: ListCopies,
    ctx: Pick<OperatorContext, 'sleep' | 'log'>,
    trouble: (problem?: string) => void,
  ) {
    this.#feed = feed;
    this.#copies = copies;
    this.#ctx = ctx;
    this.#trouble = trouble;
  }

  /** Keeps an answer in the place of the one before it. */
  keep(answer: Answer): void {
    this.#wanted = answer;
    if (!this.#working) void this.#work();
  }

  /** Its address would give again what is kept of it. Whether that is there, or will be. */
  async confirm(): Promise<boolean> {
    return this.#wanted !== undefined || (await this.#copies.confirm(this.#feed.from));
  }

  async #work(): Promise<void> {
    this.#working = true;
    for (let answer = this.#wanted; answer !== undefined; answer = this.#wanted) {
      try {
        await this.#copies.write(this.#feed.from, answer);
        if (this.#wanted === answer) this.#wanted = undefined;
        this.#works();
      } catch (error) {
        this.#fails(messageOf(error));
        // It ends with the operator.
        if (
          !(await this.#ctx.sleep(AGAIN).then(
            () => true,
            () => false,
          ))
        )
          return;
      }
    }
    this.#working = false;
  }

  #fails(why: string): void {
    const what = `the list ${this.#feed.name} cannot be kept in the state folder: ${why}`;
    if (this.#outage.failed(why)) this.#ctx.log.warn(what);
    this.#trouble(what);
  }

  #works(): void {
    const seconds = this.#outage.over();
    if (seconds === undefined) return;
    this.#ctx.log.info(`the list ${this.#feed.name} is kept in the state folder again, after ${seconds} s`);
    this.#trouble();
  }
}
