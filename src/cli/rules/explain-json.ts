/** `rules explain -o json`: the explanation of a rule as one object. */

import type { Clause } from '../../events/necessary.ts';
import { explainRule, type Rule } from '../../rules/index.ts';
import { needsOf } from './explain-needs.ts';
import type { Feed } from './rules-files.ts';

/** What `falco-pipe rules explain -o json` prints of a rule. */
export function explanationJson(rule: Rule, feeds: readonly Feed[]): object {
  const { place, condition, compiled } = explainRule(rule);
  const { eventTypes, conditionFields, outputFields, pushdown, refreshed } = needsOf(rule, feeds);
  return {
    rule: rule.name,
    source: rule.source,
    enabled: rule.enabled,
    place,
    compiled,
    event_types: eventTypes === 'all' ? 'all' : Object.fromEntries(eventTypes),
    condition_fields: Object.fromEntries(conditionFields),
    output_fields: Object.fromEntries(outputFields),
    pushdown: Object.fromEntries([...pushdown].map(([type, clauses]) => [type, clauses.map(clauseJson)])),
    ...(refreshed.length === 0 ? {} : { refreshed_lists: refreshed }),
    condition,
  };
}

/** A clause as JSON has it. */
export function clauseJson({ results, sockets, ...rest }: Clause): object {
  return {
    ...(results === undefined ? {} : { results: [...results] }),
    ...(sockets === undefined ? {} : { sockets: [...sockets] }),
    ...rest,
  };
}
