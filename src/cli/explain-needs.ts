/** What a rule needs of the sources that feed it: fields, event types, and what of it the kernel can test. */

import type { FieldRef } from '../events/field.ts';
import type { Clause, Outcome } from '../events/necessary.ts';
import { feedsIn } from '../rules/few-items.ts';
import type { Rule } from '../rules/index.ts';
import { necessary } from '../rules/necessary.ts';
import type { Feed } from './rules-files.ts';

/** What a rule needs. Names map to the ids of the sources that have them: none, and it is always absent. */
export interface Needs {
  readonly eventTypes: ReadonlyMap<string, readonly string[]> | 'all';
  readonly conditionFields: ReadonlyMap<string, readonly string[]>;
  readonly outputFields: ReadonlyMap<string, readonly string[]>;
  /** By event type: clauses one of which holds of every event that matches; the kernel drops the others. */
  readonly pushdown: ReadonlyMap<string, readonly Clause[]>;
  /** Lists that are read again by themselves: what the kernel tests is then made of what they hold. */
  readonly refreshed: readonly string[];
}

/** What a rule needs of `feeds`, the sources whose events it judges. */
export function needsOf({ condition, output, source }: Rule, feeds: readonly Feed[]): Needs {
  const { eventTypes } = condition;
  const fillers = ({ text }: FieldRef) => feeds.filter((feed) => feed.fills(source, text)).map(({ id }) => id);
  const filled = (refs: readonly FieldRef[]) => new Map(refs.map((ref) => [ref.text, fillers(ref)]));
  const emitters = (type: string) => feeds.filter((feed) => feed.emitsType(source, type)).map(({ id }) => id);
  const types = eventTypes === 'all' ? undefined : [...eventTypes].sort();
  return {
    eventTypes: types === undefined ? 'all' : new Map(types.map((type) => [type, emitters(type)])),
    conditionFields: filled(condition.reads),
    outputFields: filled(output.reads),
    pushdown: new Map(
      source === 'syscall' && types !== undefined ? types.map((type) => [type, necessary(condition.typed, type)]) : [],
    ),
    refreshed: [...new Set(feedsIn(condition.typed).flatMap(({ name, items }) => (items.isFixed ? [] : [name])))],
  };
}

/** Whether a clause holds of every event. */
export function saysNothing(clause: Clause): boolean {
  return Object.values(clause).every((part) => part === undefined);
}

/** A clause in words: "opens for writing, by tar, path begins with /etc, /usr". */
export function clauseText({ paths = [], comms, ...outcome }: Clause): string {
  const groups = Map.groupBy(paths, ({ of, kind }) => `${of === 'real' ? 'canonical path' : 'path'} ${kinds[kind]}`);
  const properties = [...groups].map(([what, group]) => {
    const values = group.flatMap(({ kind, value }) => (kind === 'hidden' ? [] : [value]));
    return values.length === 0 ? what : `${what} ${someOf(values)}`;
  });
  return [
    ...outcomeText(outcome),
    ...(comms === undefined ? [] : [`by ${someOf(comms)}`]),
    ...(properties.length === 0 ? [] : [properties.join(' or ')]),
  ].join(', ');
}

/** So many values are named. */
const SHOWN = 30;

function someOf(values: readonly string[]): string {
  const more = values.length - SHOWN;
  return values.slice(0, SHOWN).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

const kinds = { prefix: 'begins with', name: 'ends in the name', hidden: 'has a hidden name' } as const;
const results = { ok: 'succeeds', in_progress: 'is in progress', failed: 'fails' } as const;

function outcomeText({ results: named, reads, writes, internet }: Outcome): readonly string[] {
  return [
    ...(named === undefined ? [] : [[...named].map((each) => results[each]).join(' or ')]),
    ...(reads === undefined ? [] : [reads ? 'opens for reading' : 'does not open for reading']),
    ...(writes === undefined ? [] : [writes ? 'opens for writing' : 'does not open for writing']),
    ...(internet === undefined ? [] : [internet ? 'on the internet' : 'not on the internet']),
  ];
}
