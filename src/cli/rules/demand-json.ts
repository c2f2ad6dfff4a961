/** `rules demand -o json`: what the kernel sends as one object. */

import { placeText } from '../../core/errors.ts';
import { clauseJson } from './explain-json.ts';
import { type Asker, isFailure, type KernelDemand, type Wish } from './kernel-demand.ts';
import type { Live, Rate } from './live-rates.ts';

/** What `falco-pipe rules demand -o json` prints. */
export function demandJson(demands: readonly KernelDemand[], live: Live | undefined): object {
  return {
    ...(live === undefined ? {} : { program: { pid: live.pid, current: live.current } }),
    sources: demands.map((demand) => sourceJson(demand, live?.rates(demand.source.id))),
  };
}

function sourceJson(
  { source, pushdown, calls, lives, extras }: KernelDemand,
  rates?: ReadonlyMap<string, Rate>,
): object {
  return {
    source: source.id,
    pushdown,
    event_types: calls.map(({ type, looseness, clauses, wishes }) => ({
      type,
      ...(isFailure(type) ? { only: 'failures' } : {}),
      sent: looseness === 0 ? 'all' : clauses.length === 0 ? 'none' : 'some',
      clauses: clauses.map(clauseJson),
      wanted_by: wishes.map(wishJson),
      ...rateJson(rates?.get(type)),
    })),
    always: [...lives].map(([type, { counted, askers }]) => ({
      type,
      wanted_by: askers.map(askerJson),
      ...rateJson(rates?.get(counted)),
    })),
    read: Object.fromEntries(
      extras.map(({ name, readers }) => [name, readers.map(({ asker, fields }) => ({ ...askerJson(asker), fields }))]),
    ),
  };
}

function wishJson({ asker, clauses, untested }: Wish): object {
  const anyType = asker.rule?.condition.eventTypes === 'all' ? { event_types: 'all' } : {};
  return { ...askerJson(asker), ...anyType, clauses: clauses.map(clauseJson), not_tested: untested };
}

function askerJson({ name, rule, operator }: Asker): object {
  return rule === undefined ? { name } : { rule: name, operator, place: placeText(rule.place) };
}

const rateJson = (rate: Rate | undefined) => (rate === undefined ? {} : { per_second: rate });
