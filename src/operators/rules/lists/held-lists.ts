/** The lists of rules that run, for a plan that is to take their place: what cannot be read now has the items that it has there. */

import { AsyncLocalStorage } from 'node:async_hooks';
import type { ListFeed } from '../../../rules/index.ts';

const running = new AsyncLocalStorage<readonly ListFeed[]>();

/** Makes a plan while lists of one that runs are held. */
export function withHeldLists<T>(lists: readonly ListFeed[], work: () => Promise<T>): Promise<T> {
  return running.run(lists, work);
}

const keyOf = ({ name, from: { address, headers, format, column } }: ListFeed) =>
  JSON.stringify([name, address, headers, format, column]);

/** The lists that run, come from where a list is to come from, and were read. */
export function heldFor(list: ListFeed): readonly ListFeed[] {
  const key = keyOf(list);
  return (running.getStore() ?? []).filter((each) => each.isRead && keyOf(each) === key);
}
