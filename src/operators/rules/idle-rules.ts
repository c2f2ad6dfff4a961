/** Rules that cannot fire where they are: that is said, not silent. */

import type { Edge } from '../../core/component.ts';
import type { Steps } from '../../core/steps.ts';
import { asTheyStay, contradiction, type Impossible, necessary, type Rule, whyImpossible } from '../../rules/index.ts';

/** Warns of each rule that cannot fire on what comes here, and of what others depend on that does not come. */
export function* warnOfIdleRules(active: readonly Rule[], edge: Edge): Steps<void> {
  for (const rule of active) {
    yield;
    const { name, file, line } = rule;
    const at = { file, line, column: 1 };
    const warning = (message: string) =>
      edge.report({ severity: 'warning', code: 'RULE_DEPENDS', message: `Rule "${name}" ${message}`, at });
    const why = whyIdle(rule, edge);
    if (why === undefined) for (const message of dependsOn(rule, edge)) warning(message);
    else warning(`${why}: it cannot fire`);
  }
}

function whyIdle({ source, condition }: Rule, edge: Edge): string | undefined {
  if (!edge.sources.includes(source)) return `is for ${source} events, and none come here`;
  const field = contradiction(condition.typed);
  if (field !== undefined) return `asks ${field} to be two things at once`;
  const { eventTypes } = condition;
  if (eventTypes === 'all') return undefined;
  if (eventTypes.size === 0) return 'is true of no type of event';
  const here = [...eventTypes].filter((type) => edge.emitsType(source, type) !== false);
  if (here.length === 0) return `needs ${some(eventTypes)}, which no source here emits`;
  const reasons: Impossible[] = [];
  for (const type of here) {
    const isAbsent = (text: string) => !edge.fills(source, text, type) && edge.fills(source, text);
    const reason = whyImpossible(condition.typed, type, isAbsent);
    if (reason !== undefined) reasons.push(reason);
    else if (necessary(condition.typed, type, asTheyStay).length > 0) return undefined;
  }
  if (reasons.length < here.length)
    return 'asks for what no event has, such as a thread with a name of more than 15 bytes';
  for (const { field, why } of reasons) {
    if (why === 'empty') return `compares ${field} with an empty list`;
    if (why !== 'absent') return `compares ${field} with ${why.path}, and what is opened is named by its absolute path`;
  }
  return `needs ${some(new Set(reasons.map(({ field }) => field)))}, which ${some(here)} events do not have`;
}

function dependsOn({ source, condition }: Rule, edge: Edge): string[] {
  const messages: string[] = [];
  const { eventTypes } = condition;
  if (eventTypes !== 'all') {
    const here = [...eventTypes].filter((type) => edge.emitsType(source, type) !== false);
    const missing = [...eventTypes].filter((type) => !here.includes(type));
    if (missing.length > 0) messages.push(`also looks at ${some(missing)}, which no source here emits`);
    const [from, ...others] = new Set(here.map((type) => edge.emitsType(source, type)));
    if (typeof from === 'string' && others.length === 0) messages.push(`sees ${some(here)} ${from}`);
  }
  const empty = [...new Set(condition.reads.map(({ text }) => text))].filter((text) => !edge.fills(source, text));
  if (empty.length > 0) messages.push(`depends on ${some(empty)}, which no source here fills`);
  return messages;
}

function some(names: Iterable<string>): string {
  const all = [...names];
  return all.length > 6 ? `${all.slice(0, 6).join(', ')} and ${all.length - 6} more` : all.join(', ');
}
