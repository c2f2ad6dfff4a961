/** Exceptions that a rule has, and those that it gets. */

import { comparisons, type Rule } from '../rules/index.ts';
import { breadth } from './except-fields.ts';
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

/** The fields of the rule's own exception that tells most, if it serves and is not broad. */
export function ownFields(event: SeenEvent, rule: Rule): readonly string[] | undefined {
  return exactOnes(rule)
    .map(({ fields }) => fields)
    .filter((fields) => fields.every((field) => event.constant(field) !== undefined))
    .filter((fields) => breadth(event, fields).length === 0)
    .toSorted((a, b) => b.length - a.length)[0];
}

/** Own exceptions that would serve but hide more than what is equal. */
export function widerOnes(event: SeenEvent, { definition }: Rule): readonly string[] {
  return definition.exceptions.flatMap((exception) => {
    const { fields, comps } = comparisons(exception);
    const wide = comps.find((comp) => !isExact(comp));
    if (wide === undefined || !fields.every((field) => event.constant(field) !== undefined)) return [];
    const compared = fields.map((field, index) => `${field} ${comps[index]}`).join(', ');
    return [`The rule's own exception ${exception.name} would serve too, and hide more: it goes by ${compared}.`];
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
