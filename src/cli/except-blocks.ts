/** Exceptions that a rule has, and those that it gets. */

import { comparisons, type Rule } from '../rules/index.ts';
import { breadth, chooseFields, serves } from './except-fields.ts';
import type { SeenEvent } from './except-seen.ts';
import type { Block } from './except-yaml.ts';

/** Whether an operator compares a field with nothing but the value. */
const isExact = (comp: string) => comp === '=' || comp === '==' || comp === 'in';

/** The exceptions of a rule that compare fields with nothing but their values. */
function exactOnes({ definition }: Rule) {
  return definition.exceptions.flatMap((exception) => {
    const { fields, comps, flat } = comparisons(exception);
    return fields.length > 0 && comps.every(isExact) ? [{ name: exception.name, fields, flat }] : [];
  });
}

/**
 * The fields to go by: those that tell the event apart, or all of the rule's own exception that compares these too, so that
 * it hides no more. None: nothing of what the alert shows serves.
 */
export function fieldsFor(event: SeenEvent, rule: Rule): readonly string[] {
  const chosen = chooseFields(event, rule.source);
  if (chosen.length === 0) return chosen;
  const [own] = exactOnes(rule)
    .map(({ fields }) => fields)
    .filter((fields) => lacking(fields, chosen).length === 0 && fields.every((field) => serves(event, field)))
    .toSorted((a, b) => b.length - a.length);
  return own ?? chosen;
}

const lacking = (fields: readonly string[], chosen: readonly string[]) =>
  chosen.filter((field) => !fields.includes(field));

/** The rule's own exceptions that would serve for some of the events, but hide other things too. */
export function othersOf(blocks: readonly Block[], { definition }: Rule): readonly string[] {
  return definition.exceptions.flatMap((exception) => {
    const { fields, comps } = comparisons(exception);
    if (fields.length === 0) return [];
    const exact = comps.every(isExact);
    // What would be warned of is not offered.
    const fits = (event: SeenEvent) =>
      fields.every((field) => serves(event, field)) && !(exact && breadth(event, fields).length > 0);
    const serving = blocks.find(({ rows }) => rows.values().some(({ events }) => events.some(fits)));
    if (serving === undefined) return [];
    const own = `The rule's own exception ${exception.name} would serve too`;
    if (!exact) {
      const compared = fields.map((field, index) => `${field} ${comps[index]}`).join(', ');
      return [`${own}, and hide more: it goes by ${compared}.`];
    }
    const left = lacking(fields, serving.fields);
    if (left.length === 0) return [];
    return [`${own}, and hide more: it does not compare ${left.join(', ')}. --by ${fields.join(',')} takes it.`];
  });
}

/** The exception for these fields: one that was begun, one that the rule has, or a new one. */
export function blockFor(fields: readonly string[], rule: Rule, blocks: Block[]): Block {
  const wanted = new Set(fields);
  const same = (other: readonly string[]) => new Set(other).symmetricDifference(wanted).size === 0;
  const begun = blocks.find((block) => same(block.fields));
  if (begun) return begun;
  const own = exactOnes(rule).find((each) => same(each.fields));
  const block = own
    ? { ...own, isNew: false, rows: new Map() }
    : { name: newName(fields, rule), fields, isNew: true, flat: false, rows: new Map() };
  blocks.push(block);
  return block;
}

function newName(fields: readonly string[], { definition }: Rule): string {
  const taken = new Set(definition.exceptions.map(({ name }) => name));
  const name = fields.join('_').replace(/\W+/g, '_');
  let number = 1;
  const numbered = () => (number === 1 ? name : `${name}_${number}`);
  while (taken.has(numbered())) number++;
  return numbered();
}
