/** Lists that come from elsewhere are read again while rules judge, and those from the web are kept. */

import { stat } from 'node:fs/promises';
import type { OperatorContext } from '../../../core/component.ts';
import { Outage } from '../../../core/failure/outage.ts';
import { stampOf } from '../../../core/files/file-stamp.ts';
import { inSlices } from '../../../core/steps.ts';
import { type Built, type ItemsFrom, type ListFeed, leftOut, type Tally, whyNot } from '../../../rules/index.ts';
import { fetchItems } from '../../../rules/lists/items-fetch.ts';
import { readAside } from '../../../rules/lists/items-file.ts';
import { unpacked } from '../../../rules/lists/items-gzip.ts';
import { NO_ITEMS } from '../../../rules/lists/load-feed.ts';
import { fetchByProxy } from '../../shared/fetch.ts';
import { refreshing } from '../../shared/refreshing.ts';
import { sha256Of } from '../content-digest.ts';
import { Keeping } from './keeping.ts';
import type { Answer } from './list-copies.ts';
import type { Origin, Origins } from './list-origins.ts';
import { doubts, whereabouts } from './lists.ts';

type Context = Pick<OperatorContext, 'sleep' | 'now' | 'signal' | 'log' | 'metrics' | 'trouble'>;

/** Puts other items in the place of those that were there. Rejects, and the old ones stay. */
type Exchange = (built: Built) => Promise<void>;

/** The lists of an operator, and what is known of those from the web. */
interface Loaded {
  readonly feeds: readonly ListFeed[];
  readonly origins: Origins;
}

/**
 * Reads lists again as they say, and keeps those from the web where there is a state folder. What fails leaves the old items,
 * and is a problem of the operator until it is over.
 */
export function keepFresh({ feeds, origins }: Loaded, ctx: Context, exchange: Exchange): void {
  const problems = new Map<string, string>();
  const trouble = (key: string) => (problem?: string) => {
    if (problem === undefined) problems.delete(key);
    else problems.set(key, problem);
    ctx.trouble(problems.size === 0 ? undefined : [...problems.values()].join('; '));
  };
  for (const feed of feeds) {
    const { copies } = origins;
    const isKept = copies !== undefined && feed.from.kind === 'url';
    const keeping = isKept ? new Keeping(feed, copies, ctx, trouble(`keeping ${feed.name}`)) : undefined;
    const origin = origins.take(feed);
    const around = { ctx, exchange, keeping, trouble: trouble(`reading ${feed.name}`) };
    const follower = new Follower(feed, origin, around);
    follower.begin(origin);
    if (feed.from.refresh === undefined) continue;
    // Where the start went on with a copy, it did not wait for long.
    const first = feed.keptSince === undefined ? feed.from.refresh : 0;
    void refreshing(feed.from.refresh, ctx, follower.refresh, follower.failed, first);
  }
}

interface Surroundings {
  readonly ctx: Context;
  readonly exchange: Exchange;
  /** Undefined where it is not kept. */
  readonly keeping: Keeping | undefined;
  /** Says what is wrong with the list, or that nothing is. */
  readonly trouble: (problem?: string) => void;
}

/** Reads one list again. */
class Follower {
  readonly #feed: ListFeed;
  readonly #reader: Reader;
  readonly #around: Surroundings;
  /** Feeds fail for weeks: why is said once. */
  readonly #outage = new Outage(Number.POSITIVE_INFINITY);

  constructor(feed: ListFeed, known: Origin, around: Surroundings) {
    this.#feed = feed;
    this.#reader = new Reader(feed.from, known);
    this.#around = around;
  }

  /** Says what is to be said of how it was loaded, and keeps it. */
  begin({ answer, damage, before }: Origin): void {
    const { ctx, keeping } = this.#around;
    const { name, missed, keptSince, tally } = this.#feed;
    ctx.metrics.gauge('list_items', name).value = tally.items;
    const read = ctx.metrics.gauge('list_read', name);
    if (missed === undefined) read.value = seconds(ctx.now());
    else if (keptSince !== undefined) {
      read.value = seconds(keptSince);
      ctx.metrics.add('list_failures', name, 1);
    }
    if (damage !== undefined) ctx.log.warn(`the list ${name} was read anew: ${damage}`);
    this.#sayWhatIsMissed();
    this.#sayWhatWasNoItem();
    if (before !== undefined) for (const message of doubts({ feed: this.#feed, before })) ctx.log.warn(message);
    if (answer !== undefined) keeping?.keep({ ...answer, tally });
  }

  readonly refresh = async (): Promise<void> => {
    const { keeping, ctx } = this.#around;
    const answer = await this.#reader.read(ctx.signal);
    if (answer === undefined) {
      // Somebody has removed its copy: what is asked for without conditions is kept anew.
      if ((await keeping?.confirm()) === false) this.#reader.forget();
    } else if (this.#reader.isSame) {
      this.#reader.accept();
      keeping?.keep({ ...answer, tally: this.#feed.tally });
    } else await this.#take(answer);
    this.#feed.confirm();
    ctx.metrics.gauge('list_read', this.#feed.name).value = seconds(ctx.now());
    this.#works();
  };

  readonly failed = (error: unknown): void => {
    this.#around.ctx.metrics.add('list_failures', this.#feed.name, 1);
    this.#say(whyNot(error), true);
  };

  /** Says that it could not be read when it was loaded. An optional file may be missing: that is no problem. */
  #sayWhatIsMissed(): void {
    const { missed, from } = this.#feed;
    if (missed !== undefined) this.#say(missed, from.kind === 'url');
  }

  /** What is wrong with an answer is said when it comes: whoever looks later may be given another one. */
  #sayWhatWasNoItem(): void {
    const { name, from, isRead, missed, tally } = this.#feed;
    if (from.kind === 'file' || !isRead || missed !== undefined) return;
    this.#sayLeftOut(undefined, tally);
    if (tally.items === 0) this.#around.ctx.log.warn(`the list ${name} is empty: ${whereabouts(from)}: ${NO_ITEMS}`);
  }

  #say(why: string, isProblem: boolean): void {
    const { ctx, trouble } = this.#around;
    const { from, standing } = this.#feed;
    const what = from.refresh === undefined ? `${standing} until a reload reads it` : standing;
    const message = `${what}: ${whereabouts(from)}: ${why}`;
    if (this.#outage.failed(why)) ctx.log.warn(message);
    if (isProblem) trouble(message);
  }

  async #take(answer: Answer): Promise<void> {
    const feed = this.#feed;
    const { metrics } = this.#around.ctx;
    const built = await inSlices(feed.build(await unpacked(answer.content)));
    refuseEmpty(built);
    const before = feed.tally;
    await this.#around.exchange(built);
    this.#reader.accept();
    this.#around.keeping?.keep({ ...answer, tally: built });
    metrics.add('list_refreshes', feed.name, 1);
    metrics.gauge('list_items', feed.name).value = built.items;
    this.#sayWhatIsLess(before, built);
  }

  #sayWhatIsLess(before: Tally, now: Tally): void {
    for (const message of doubts({ feed: this.#feed, before })) this.#around.ctx.log.warn(message);
    this.#sayLeftOut(before, now);
  }

  #sayLeftOut(before: Tally | undefined, now: Tally): void {
    const less = leftOut(this.#feed, now);
    if (less === undefined || (before !== undefined && less === leftOut(this.#feed, before))) return;
    this.#around.ctx.log.warn(`${whereabouts(this.#feed.from)}: line ${now.problem?.line}: ${less}`);
  }

  #works(): void {
    const seconds = this.#outage.over();
    if (seconds === undefined) return;
    this.#around.ctx.log.info(`the list ${this.#feed.name} is read again, after ${seconds} s`);
    this.#around.trouble();
  }
}

/** A list that was cut short must not silence the rules that use it. */
function refuseEmpty({ items, skipped, problem }: Tally): void {
  if (items > 0) return;
  if (problem === undefined) throw new Error(NO_ITEMS);
  const all = skipped === 1 ? 'its only item cannot be used' : `none of its ${skipped} items can be used`;
  throw new Error(`${all}: line ${problem.line}: ${problem.message}`);
}

/** What tells of content whether it is the same. */
type Known = Pick<Origin, 'validators' | 'sha256'>;

/** Reads what may have changed since it was last accepted. */
class Reader {
  readonly #from: ItemsFrom;
  #accepted: Known;
  #seen: Known = {};

  constructor(from: ItemsFrom, accepted: Known) {
    this.#from = from;
    this.#accepted = accepted;
  }

  /** Undefined when where it comes from says that it is the same. */
  async read(signal: AbortSignal): Promise<Answer | undefined> {
    const answer = await this.#answer(signal);
    const { validators } = answer ?? {};
    if (answer !== undefined) this.#seen = { validators, sha256: await inSlices(sha256Of(answer.content)) };
    return answer;
  }

  async #answer(signal: AbortSignal): Promise<Answer | undefined> {
    const { kind, address } = this.#from;
    const { validators } = this.#accepted;
    if (kind === 'url') return fetchItems(this.#from, await fetchByProxy(), validators, signal);
    const stamp = stampOf(await stat(address, { bigint: true }), Date.now());
    if (stamp !== undefined && stamp === validators?.etag) return undefined;
    return { content: await readAside(address, signal), validators: stamp === undefined ? undefined : { etag: stamp } };
  }

  /** Whether what was read last is what was accepted. */
  get isSame(): boolean {
    return this.#seen.sha256 === this.#accepted.sha256;
  }

  accept(): void {
    this.#accepted = this.#seen;
  }

  /** Has it read as a whole the next time. */
  forget(): void {
    const { sha256 } = this.#accepted;
    this.#accepted = sha256 === undefined ? {} : { sha256 };
  }
}

const seconds = (ms: number) => ms / 1000;
