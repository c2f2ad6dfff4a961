/** Checks as JavaScript expressions: what is common is written out, the rest calls the tests of the closures. */

import type { Event, Value } from '../../events/field.ts';
import type { TypedCheck } from '../check/typed-ast.ts';
import type { Constant } from '../values/constants.ts';
import { isNumber, isText } from '../values/types.ts';
import { pairCheck, valueTest } from './compile.ts';
import { isMembership, isPlain, isPrefix } from './membership.ts';
import type { CheckNode, TermNode } from './nodes.ts';
import { PrefixTree } from './prefix-tree.ts';
import { TextTable } from './text-table.ts';

/** Checks that one look at a table answers together: bit n of what the table has for a value is check n. */
interface Group {
  readonly name: string;
  readonly variable: string;
}

const MOST_IN_GROUP = 30;
const LEAST_MEMBERS = 2;
const LEAST_PREFIXES = 4;

const methods: Readonly<Record<string, string>> = {
  startswith: 'startsWith',
  endswith: 'endsWith',
  contains: 'includes',
};

export class WrittenChecks<E extends Event> {
  /** Declarations: `v0 = null`. */
  readonly variables: string[] = [];
  readonly #tables = new Map<unknown, string>();
  readonly #terms = new Map<TermNode<E>, string | undefined>();
  readonly #groups = new Map<CheckNode<E>, readonly [group: Group, bit: number]>();

  /** `uses`: how often a check occurs. */
  constructor(checks: readonly CheckNode<E>[], uses: (check: CheckNode<E>) => number) {
    const byTerm = Map.groupBy(checks, ({ left }) => left);
    for (const [term, own] of byTerm) {
      const members = own.filter(({ check }) => isMembership(check));
      if (members.length >= LEAST_MEMBERS) this.#group(members, memberBits);
      const prefixes = own.filter(({ check }) => isPrefix(check));
      if (prefixes.length >= LEAST_PREFIXES) this.#group(prefixes, prefixBits);
      const reads = own.reduce((sum, check) => sum + readsOf(check) * (this.isCheap(check) ? uses(check) : 1), 0);
      if (reads > 1) this.#terms.set(term, this.#variable('v', 'null'));
    }
  }

  /** What `t0`, `t1`, … are. */
  get constants(): readonly unknown[] {
    return [...this.#tables.keys()];
  }

  /** The name that a value of this program has in the source. */
  constant(value: unknown): string {
    let name = this.#tables.get(value);
    if (name === undefined) this.#tables.set(value, (name = `t${this.#tables.size}`));
    return name;
  }

  /** Whether knowing the result of a check is no cheaper than working it out. */
  isCheap(node: CheckNode<E>): boolean {
    return this.#groups.has(node) || (isMembership(node.check) && node.check.constants.length <= 1);
  }

  code(node: CheckNode<E>): string {
    const { check, left, right } = node;
    const { constants } = check;
    if (right !== undefined) return `${this.constant(pairCheck(check, left.read, right.read))}(e)`;
    if (constants === undefined) return `(${this.#read(left)} !== undefined)`;
    const group = this.#groups.get(node);
    if (group !== undefined) return this.#bit(node, ...group);
    if (isMembership(check)) return this.#membership(node, constants);
    const quick = this.#quick(node, constants);
    const test = valueTest(check, constants);
    const slow = this.constant((value: Value | undefined) => value !== undefined && test(value));
    if (quick === undefined) return `${slow}(${this.#read(left)})`;
    return `(typeof ${this.#read(left)} === ${quick.type} ? ${quick.code} : ${slow}(${this.#again(left)}))`;
  }

  #variable(letter: string, value: string): string {
    const name = `${letter}${this.variables.length}`;
    this.variables.push(`${name} = ${value}`);
    return name;
  }

  /** The value of a term; no reader returns null. */
  #read(term: TermNode<E>): string {
    const reader = this.constant(term.read);
    const variable = this.#terms.get(term);
    return variable === undefined
      ? `${reader}(e)`
      : `(${variable} === null ? (${variable} = ${reader}(e)) : ${variable})`;
  }

  /** The value of a term that was read in the same expression. */
  #again(term: TermNode<E>): string {
    return this.#terms.get(term) as string;
  }

  #group(checks: readonly CheckNode<E>[], bitsOf: (checks: readonly TypedCheck[]) => BitsOf): void {
    for (let start = 0; start < checks.length; start += MOST_IN_GROUP) {
      const own = checks.slice(start, start + MOST_IN_GROUP);
      const name = this.constant(bitsOf(own.map(({ check }) => check)));
      const group = { name, variable: this.#variable('m', '-1') };
      for (const [bit, check] of own.entries()) this.#groups.set(check, [group, bit]);
    }
  }

  #bit({ check, left }: CheckNode<E>, { name, variable }: Group, bit: number): string {
    const bits = `(${variable} === -1 ? (${variable} = ${name}(${this.#read(left)})) : ${variable})`;
    const test = `(${bits} & ${1 << bit})`;
    return check.operator === '!=' ? `(${test} === 0 && ${this.#read(left)} !== undefined)` : `(${test} !== 0)`;
  }

  #membership({ check, left }: CheckNode<E>, constants: readonly Constant[]): string {
    const [first] = constants;
    if (first === undefined) return 'false';
    if (check.operator === '!=') {
      return `(${this.#read(left)} !== undefined && ${this.#again(left)} !== ${this.#literal(first)})`;
    }
    if (constants.length === 1) return `(${this.#read(left)} === ${this.#literal(first)})`;
    return `(${this.constant(memberBits([check]))}(${this.#read(left)}) === 1)`;
  }

  /** A check of the type of value that is to be expected. */
  #quick({ check, left }: CheckNode<E>, constants: readonly Constant[]): { type: string; code: string } | undefined {
    const { modifier, operator } = check;
    const [constant] = constants;
    if (!isPlain(check.left) || modifier !== undefined) return undefined;
    const method = methods[operator];
    if (method !== undefined && isText(check.left.type) && typeof constant === 'string') {
      return { type: '"string"', code: `${this.#again(left)}.${method}(${this.#literal(constant)})` };
    }
    if (['<', '<=', '>', '>='].includes(operator) && isNumber(check.left.type) && typeof constant === 'number') {
      return { type: '"number"', code: `${this.#again(left)} ${operator} ${this.#literal(constant)}` };
    }
    return undefined;
  }

  #literal(constant: Constant): string {
    return typeof constant === 'object' || typeof constant === 'bigint'
      ? this.constant(constant)
      : JSON.stringify(constant);
  }
}

/** Bit n of the result is check n. */
type BitsOf = (value: Value | undefined) => number;

function memberBits(checks: readonly TypedCheck[]): BitsOf {
  const table = new Map<Constant, number>();
  for (const [bit, { constants = [] }] of checks.entries()) {
    for (const constant of constants) table.set(constant, (table.get(constant) ?? 0) | (1 << bit));
  }
  const texts = new TextTable([...table].filter((entry): entry is [string, number] => typeof entry[0] === 'string'));
  const others = new Map<unknown, number>([...table].filter(([constant]) => typeof constant !== 'string'));
  return (value) => (typeof value === 'string' ? texts.get(value) : others.get(value)) ?? 0;
}

function prefixBits(checks: readonly TypedCheck[]): BitsOf {
  const tests = checks.map((check) => valueTest(check, check.constants ?? []));
  const table = new Map<string, number>();
  for (const [bit, { constants = [] }] of checks.entries()) {
    const prefix = String(constants[0]);
    table.set(prefix, (table.get(prefix) ?? 0) | (1 << bit));
  }
  const tree = new PrefixTree<number>();
  for (const [prefix, bits] of table) tree.set(prefix, bits);
  return (value) => {
    if (typeof value === 'string') return tree.find(value, 0, addBits);
    return value === undefined ? 0 : tests.reduce((bits, test, bit) => (test(value) ? bits | (1 << bit) : bits), 0);
  };
}

const addBits = (found: number, bits: number) => found | bits;

/** How often the code of a check names its term: once, or once and again. */
function readsOf<E extends Event>({ check }: CheckNode<E>): number {
  const { operator, constants, right } = check;
  if (right !== undefined || constants === undefined) return 1;
  return operator === '!=' || operator in methods || ['<', '<=', '>', '>='].includes(operator) ? 2 : 1;
}
