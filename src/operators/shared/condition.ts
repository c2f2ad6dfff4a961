/** A condition on an edge: checked against each event source there, and bound to each form of event once. */

import type { Demand, Demands, Edge } from '../../core/component.ts';
import { suggest } from '../../core/errors.ts';
import type { Event, EventForm } from '../../core/event.ts';
import { joinTypes } from '../../core/flow/demanded-types.ts';
import { joinHosts } from '../../core/flow/hosts.ts';
import type { Form } from '../../events/field.ts';
import { type Condition, compileCondition, hostsIn, necessaryByType, RuleError } from '../../rules/index.ts';
import { cataloguesOn, NOT_PROVIDED } from './catalogues.ts';

/** Conditions by the event source they are for. */
export type EdgeCondition = ReadonlyMap<string, Condition>;

/**
 * Compiles a condition for the event sources of an edge, or for `source` alone; events of others pass it unchanged. What
 * is wrong is reported at the configuration's key `condition`.
 */
export function conditionOn(edge: Edge, text: string, source: string | undefined): EdgeCondition {
  const conditions = new Map<string, Condition>();
  if (source !== undefined && !edge.sources.includes(source)) {
    const near = suggest(source, edge.sources);
    const hint = near ? `Did you mean "${near}"?` : `There are ${edge.sources.join(', ')}.`;
    edge.report({ severity: 'error', code: 'CONFIG_SOURCE', message: `No event of "${source}" comes here`, hint }, [
      'source',
    ]);
    return conditions;
  }
  for (const each of source === undefined ? edge.sources : [source]) {
    const catalogue = cataloguesOn(edge).get(each);
    if (!catalogue) {
      const message = `The fields of the event source "${each}" are not known: no condition on it can be checked`;
      const hint = 'Name with `source:` the event source that the condition is for.';
      edge.report({ severity: 'error', code: 'CONFIG_SOURCE', message, hint }, ['condition']);
      continue;
    }
    try {
      const place = edge.placer(['condition']);
      conditions.set(each, compileCondition(text, catalogue, { bareFields: each === 'alert', place }));
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      const others = edge.sources.length > 1 && source === undefined;
      for (const diagnostic of error.diagnostics) {
        const isUnknown = diagnostic.message.startsWith('unknown field');
        const own = diagnostic.hint ?? (isUnknown ? NOT_PROVIDED : undefined);
        const hints = [own, others ? 'Or name the event source it is for: `source: …`.' : undefined];
        const hint = hints.filter(Boolean).join(' ');
        edge.report({ ...diagnostic, message: `On ${each} events: ${diagnostic.message}`, ...(hint ? { hint } : {}) });
      }
    }
  }
  return conditions;
}

/** The event types that conditions want. */
export function demandedTypes(conditions: readonly Condition[]): Pick<Demand, 'types' | 'named'> {
  return joinTypes(conditions.map(({ eventTypes, askedTypes }) => ({ types: eventTypes, named: askedTypes })));
}

/** What conditions read, by event source; sources without a condition want all types. */
export function conditionReads(edge: Edge, conditions: EdgeCondition): Demands {
  return new Map(
    edge.sources.map((source): [string, Demand] => {
      const condition = conditions.get(source);
      const fields = new Set(condition?.reads.map(({ text }) => text));
      const hosts = joinHosts([{ hosts: hostsIn(condition ? [condition] : []) }]);
      if (condition === undefined) return [source, { fields, types: 'all', ...hosts }];
      const wanted = demandedTypes([condition]);
      if (wanted.types === 'all') return [source, { fields, ...wanted, ...hosts }];
      return [source, { fields, ...wanted, ...hosts, where: necessaryByType([condition], wanted.types) }];
    }),
  );
}

/** The test of a condition for one form and event source of events; undefined where it is for another source. */
export function boundCondition(
  conditions: EdgeCondition,
  form: EventForm,
  source: string,
): ((event: Event) => boolean) | undefined {
  return conditions.get(source)?.bind(form as Form);
}
