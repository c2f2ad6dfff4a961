/** Lists that come from elsewhere are read again while rules judge. */

import { readFile, stat } from 'node:fs/promises';
import type { OperatorContext } from '../../core/component.ts';
import { messageOf } from '../../core/errors.ts';
import { stampOf } from '../../core/file-stamp.ts';
import { inSlices } from '../../core/steps.ts';
import type { Built, ItemsFrom, ListFeed } from '../../rules/index.ts';
import { fetchItems } from '../../rules/items-fetch.ts';
import { fetchByProxy } from '../shared/fetch.ts';
import { refreshing } from '../shared/refreshing.ts';

type Context = Pick<OperatorContext, 'sleep' | 'signal' | 'log' | 'metrics'>;

/** Puts other items in the place of those that were there. Rejects, and the old ones stay. */
type Exchange = (built: Built) => Promise<void>;

/** Reads lists again as they say. What fails leaves the old items. */
export function keepFresh(feeds: readonly ListFeed[], ctx: Context, exchange: Exchange): void {
  for (const feed of feeds) {
    if (feed.from.refresh !== undefined) void follow(feed, feed.from.refresh, { ctx, exchange });
  }
}

function follow(
  feed: ListFeed,
  every: number,
  { ctx, exchange }: { readonly ctx: Context; readonly exchange: Exchange },
): Promise<void> {
  const reader = new Reader(feed.from);
  const refreshed = ctx.metrics.counter('list_refreshes', feed.name);
  const failed = ctx.metrics.counter('list_failures', feed.name);
  const refresh = async () => {
    const content = await reader.read(ctx.signal);
    if (content === undefined) return;
    const built = await inSlices(feed.build(content));
    refuseEmpty(built);
    await exchange(built);
    reader.accept();
    refreshed.value++;
  };
  return refreshing(every, ctx, refresh, (error) => {
    failed.value++;
    ctx.log.warn(`the list ${feed.name} stays as it is: ${feed.from.location}: ${messageOf(error)}`);
  });
}

/** A list that was cut short must not silence the rules that use it. */
function refuseEmpty({ items, problem }: Built): void {
  if (items === 0)
    throw new Error(problem === undefined ? 'it has no items' : `line ${problem.line}: ${problem.message}`);
}

/** Reads what has changed since it was last accepted. */
class Reader {
  readonly #from: ItemsFrom;
  #accepted: string | undefined;
  #seen: string | undefined;

  constructor(from: ItemsFrom) {
    this.#from = from;
  }

  /** Undefined when it is the same. */
  async read(signal: AbortSignal): Promise<Uint8Array | undefined> {
    const { kind, address } = this.#from;
    if (kind === 'url') {
      const fetched = await fetchItems(this.#from, this.#accepted, signal, await fetchByProxy());
      this.#seen = fetched?.tag;
      return fetched?.content;
    }
    this.#seen = stampOf(await stat(address, { bigint: true }), Date.now());
    const isSame = this.#seen !== undefined && this.#seen === this.#accepted;
    return isSame ? undefined : await readFile(address, { signal });
  }

  accept(): void {
    this.#accepted = this.#seen;
  }
}
