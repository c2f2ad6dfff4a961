/** What a rule needs of the sources that feed it: fields, event types, and what of it the kernel can test. */

import type { FieldRef } from '../../events/field.ts';
import type { Clause, EndProperty, Outcome, PathProperty, SocketKind } from '../../events/necessary.ts';
import { feedsIn } from '../../rules/analysis/few-items.ts';
import { necessary } from '../../rules/analysis/necessary.ts';
import type { Rule } from '../../rules/index.ts';
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

/** The same in fewer clauses: those alike but for how calls end are one, and none says what another says too. */
function shortest(clauses: readonly Clause[]): readonly Clause[] {
  const alike = Map.groupBy(clauses, ({ results: _, sockets, ...rest }) =>
    JSON.stringify([rest, sockets && [...sockets].sort()]),
  );
  const joined = [...alike.values()].map((group): Clause => {
    const { results: _, ...rest } = group[0] as Clause;
    const named = group.flatMap(({ results }) => results ?? []);
    return named.length < group.length ? rest : { ...rest, results: new Set(named.flatMap((each) => [...each])) };
  });
  return joined.filter((clause, at) => !joined.some((other, index) => index !== at && isWithin(clause, other)));
}

/** Whether all that satisfies a clause satisfies another one. */
function isWithin({ results, sockets, paths, ends, comms, ...outcome }: Clause, other: Clause): boolean {
  const within = <T>(own: Iterable<T> | undefined, others: Iterable<T> | undefined) =>
    others === undefined || (own !== undefined && new Set(own).isSubsetOf(new Set(others)));
  const texts = (properties: readonly object[] | undefined) => properties?.map((property) => JSON.stringify(property));
  const agrees = (['reads', 'writes'] as const).every((key) => other[key] === undefined || other[key] === outcome[key]);
  return (
    agrees &&
    within(results, other.results) &&
    within(sockets, other.sockets) &&
    within(texts(paths), texts(other.paths)) &&
    within(texts(ends), texts(other.ends)) &&
    within(comms, other.comms)
  );
}

/** So many values are named. */
const SHOWN = 30;

/** Clauses in words, one alternative a line. */
export function clausesText(clauses: readonly Clause[], shown = SHOWN): string {
  return shortest(clauses)
    .map((clause) => clauseText(clause, shown))
    .join('\nor ');
}

/** A clause in words: "opens for writing, by tar, path begins with /etc, /usr". Of values of a kind the first are `shown`. */
export function clauseText({ paths = [], ends, comms, ...outcome }: Clause, shown = SHOWN): string {
  const groups = Map.groupBy(
    paths,
    ({ of, ...property }) => `${of === 'real' ? 'canonical path' : 'path'} ${kindText(property)}`,
  );
  const properties = [...groups].map(([what, group]) => {
    const values = group.flatMap((property) => (ALONE.has(kindText(property)) ? [] : [property.value]));
    return values.length === 0 ? what : `${what} ${someOf(values, shown)}`;
  });
  return [
    ...outcomeText(paths.length > 0 ? onUnix(outcome) : outcome),
    ...(comms === undefined ? [] : [`by ${someOf(comms, shown)}`]),
    ...(properties.length === 0 ? [] : [anyOf(properties)]),
    ...(ends === undefined ? [] : [anyOf(ends.map((property) => endText(property, shown))) || 'without another end']),
  ].join(', ');
}

/** Only unix sockets have paths. */
function onUnix(outcome: Outcome): Outcome {
  return outcome.sockets?.has('unix') ? { ...outcome, sockets: new Set<SocketKind>(['unix']) } : outcome;
}

/** Alternatives, those of several values in brackets. */
function anyOf(texts: readonly string[]): string {
  const apart = texts.length > 1 ? texts.map((text) => (text.includes(', ') ? `(${text})` : text)) : texts;
  return apart.join(' or ');
}

function endText({ end, of, values, outside }: EndProperty, shown: number): string {
  const whose = end === 'either' ? `${of} of either end` : `${end} ${of}`;
  return `${whose} ${outside ? 'not ' : ''}${of === 'port' && values.length === 1 ? '' : 'in '}${someOf(values, shown)}`;
}

/** The first of many texts: "a, b and 3 more". */
export function someOf(values: readonly string[], shown: number): string {
  const more = values.length - shown;
  return values.slice(0, shown).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

const kinds = { prefix: 'begins with', name: 'ends in the name', hidden: 'has a hidden name' } as const;
const CROOKED = 'is not in its shortest form';
/** What is said without a value. */
const ALONE: ReadonlySet<string> = new Set([kinds.hidden, CROOKED]);

/** No path ends in a dot but one that is written so. */
const kindText = ({ kind, value }: Pick<PathProperty, 'kind' | 'value'>) =>
  kind === 'name' && value === '.' ? CROOKED : kinds[kind];

const results = { ok: 'succeeds', in_progress: 'is in progress', failed: 'fails' } as const;

/** The shortest words for kinds of socket, of which some are left out. */
const SOCKETS: Readonly<Record<string, string>> = {
  tcp: 'by TCP',
  other_ip: 'on the internet, not by TCP',
  unix: 'on a unix socket',
  other: 'not on a socket of the internet or the machine',
  'tcp other_ip': 'on the internet',
  'unix other': 'not on the internet',
  'tcp other_ip unix': 'on a socket of the internet or the machine',
  'other_ip unix other': 'not by TCP',
  'tcp other_ip other': 'not on a unix socket',
};
const KINDS: readonly SocketKind[] = ['tcp', 'other_ip', 'unix', 'other'];

function socketsText(sockets: ReadonlySet<SocketKind>): string {
  const kinds = KINDS.filter((kind) => sockets.has(kind));
  return SOCKETS[kinds.join(' ')] ?? kinds.map((kind) => SOCKETS[kind]).join(' or ');
}

function outcomeText({ results: named, reads, writes, sockets }: Outcome): readonly string[] {
  return [
    ...(named === undefined ? [] : [[...named].map((each) => results[each]).join(' or ')]),
    ...(reads === undefined ? [] : [reads ? 'opens for reading' : 'does not open for reading']),
    ...(writes === undefined ? [] : [writes ? 'opens for writing' : 'does not open for writing']),
    ...(sockets === undefined || sockets.size === KINDS.length ? [] : [socketsText(sockets)]),
  ];
}
