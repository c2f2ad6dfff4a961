/** The audit trail: what is in it from a time on, page by page. */

import { isObject } from '../../events/cloud/document.ts';
import { parseTimestamp } from '../../events/cloud/timestamp.ts';
import { TooLarge, Unavailable } from './http.ts';
import type { Session } from './session.ts';

const PATH = '/cloudapi/1.0.0/auditTrail';
/** Items of a page; the service gives no more. */
const PAGE = 128;

export interface Page {
  readonly items: readonly unknown[];
  /** ms since the epoch, as the service has it; undefined where it does not tell. */
  readonly now: number | undefined;
  /** An item that is too large to be read was passed over; where it stands. */
  readonly skipped?: string;
}

/**
 * Pages of items from a time on (ms since the epoch), the oldest first. Rows that arrive meanwhile shift pages, so each is
 * the first page of what follows the last item: only among items of one instant pages are counted. Items may come twice.
 */
export async function* pagesFrom(session: Session, since: number, signal: AbortSignal): AsyncGenerator<Page> {
  let from = since;
  let page = 1;
  let size = PAGE;
  for (;;) {
    const query = {
      page: String(page),
      pageSize: String(size),
      sortAsc: 'timestamp',
      filter: `(timestamp=ge=${new Date(from).toISOString()})`,
    };
    let answer: Awaited<ReturnType<Session['get']>>;
    try {
      answer = await session.get(PATH, query, signal);
    } catch (error) {
      if (!(error instanceof TooLarge)) throw error;
      if (size === 1) yield { items: [], now: undefined, skipped: `${query.filter}, item ${page++}` };
      else {
        // Smaller ones, from what was read last on.
        size = Math.max(1, Math.floor(size / 4));
        page = 1;
      }
      continue;
    }
    const { body, headers } = answer;
    if (!isObject(body) || !Array.isArray(body.values)) {
      throw new Unavailable(`the answer of ${PATH} has no values`);
    }
    const items: readonly unknown[] = body.values;
    const date = Date.parse(headers.date ?? '');
    yield { items, now: Number.isNaN(date) ? undefined : date };
    // The service may give fewer than are asked for; it says so.
    if (items.length < (isSize(body.pageSize) ? Math.min(size, body.pageSize) : size)) return;
    const last = timeOf(items.at(-1));
    if (last !== undefined && last > from) [from, page] = [last, 1];
    else page++;
  }
}

function isSize(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0;
}

/** When an item happened: ms since the epoch. */
export function timeOf(item: unknown): number | undefined {
  const time = isObject(item) ? parseTimestamp(item.timestamp) : undefined;
  return time === undefined ? undefined : Number(time / 1_000_000n);
}
