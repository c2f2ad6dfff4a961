/** Exceptions that a rule has, and those that it gets. */

import { comparisons, type Rule } from '../../rules/index.ts';
import { breadth, chooseFields, serves } from './fields.ts';
import type { SeenEvent } from './seen.ts';
import { type Block, countOf, type Row } from './yaml.ts';

/** Whether an operator compares a field with nothing but the value. */
const isExact = (comp: string) => comp === '=' || comp === '==' || comp === 'in';

/** The exceptions of a rule that compare fields with nothing but their values. */
function exactOnes({ definition }: Rule) {
  return definition.exceptions.flatMap((exception) => {
    const { fields, comps, flat } = comparisons(exception);
    return fields.length > 0 && comps.every(isExact) ? [{ name: exception.name, fields, flat }] : [];
  });
}

/** The exceptions that a rule gets: values for those that it has, and new ones. */
export class Blocks {
  readonly #rule: Rule;
  readonly #exact: ReturnType<typeof exactOnes>;
  /** By their fields, in whatever order. */
  readonly #blocks = new Map<string, Block>();

  constructor(rule: Rule) {
    this.#rule = rule;
    this.#exact = exactOnes(rule);
  }

  /**
   * The fields to go by: those that tell the event apart, or all of the rule's own exception that compares these too, so
   * that it hides no more.
   */
  fieldsFor(event: SeenEvent): readonly string[] {
    const chosen = chooseFields(event, this.#rule.source);
    const [own] = this.#exact
      .map(({ fields }) => fields)
      .filter((fields) => lacking(fields, chosen).length === 0 && fields.every((field) => serves(event, field)))
      .toSorted((a, b) => b.length - a.length);
    return own ?? chosen;
  }

  /** Adds a row for an event that has all of these fields, or adds it to the row that it is alike. */
  add(wanted: readonly string[], event: SeenEvent): void {
    const { fields, rows } = this.#blockFor(wanted);
    const constants = fields.map((field) => event.constant(field) as string);
    const key = JSON.stringify(constants);
    const row = rows.get(key);
    if (row) row.events.push(event);
    else rows.set(key, { fields, constants, events: [event] });
  }

  /** Those with the rows that hide the most alerts, at most so many, and the rows that are left; what hides more first. */
  most(count: number): {
    readonly kept: readonly Block[];
    readonly rest: readonly Row[];
    readonly all: readonly Row[];
  } {
    const all = [...this.#blocks.values()].flatMap((block) =>
      [...block.rows].map(([key, row]) => ({ block, key, row })),
    );
    const sorted = all.toSorted((a, b) => countOf(b.row) - countOf(a.row));
    const groups = Map.groupBy(sorted.slice(0, count), ({ block }) => block);
    const kept = [...groups].map(([block, rows]) => ({
      ...block,
      rows: new Map(rows.map(({ key, row }) => [key, row])),
    }));
    const rows = sorted.map(({ row }) => row);
    return { kept, rest: rows.slice(count), all: rows };
  }

  #blockFor(fields: readonly string[]): Block {
    const key = fields.toSorted().join();
    let block = this.#blocks.get(key);
    if (block === undefined) {
      const wanted = new Set(fields);
      const own = this.#exact.find((each) => new Set(each.fields).symmetricDifference(wanted).size === 0);
      block = own
        ? { ...own, isNew: false, rows: new Map() }
        : { name: newName(fields, this.#rule), fields, isNew: true, flat: false, rows: new Map() };
      this.#blocks.set(key, block);
    }
    return block;
  }
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

function newName(fields: readonly string[], { definition }: Rule): string {
  const taken = new Set(definition.exceptions.map(({ name }) => name));
  const name = fields.join('_').replace(/\W+/g, '_');
  let number = 1;
  const numbered = () => (number === 1 ? name : `${name}_${number}`);
  while (taken.has(numbered())) number++;
  return numbered();
}
