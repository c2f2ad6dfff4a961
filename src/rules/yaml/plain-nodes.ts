/**
 * Nodes of YAML that cost little: to the yaml library, which marks its own in the same way, they are scalars, lists and
 * mappings; making one of its own takes some thirty times as long, and a rules file has thousands.
 */

import type { Scalar } from 'yaml';

abstract class PlainNode {
  anchor?: string;
  /** Offsets. */
  readonly start: number;
  end: number;

  constructor(start: number, end: number) {
    this.start = start;
    this.end = end;
  }

  get range(): [number, number, number] {
    return [this.start, this.end, this.end];
  }
}

export class PlainScalar extends PlainNode {
  readonly value: string;
  readonly type: Scalar.Type;

  constructor(value: string, type: Scalar.Type, start: number, end: number) {
    super(start, end);
    this.value = value;
    this.type = type;
  }

  get source(): string {
    return this.value;
  }
}

export class PlainSeq extends PlainNode {
  readonly items: object[] = [];
}

export class PlainPair {
  readonly name: string;
  readonly value: object;
  readonly #start: number;

  constructor(name: string, start: number, value: object) {
    this.name = name;
    this.#start = start;
    this.value = value;
  }

  /** Asked for when something is wrong with it. */
  get key(): PlainScalar {
    return new PlainScalar(this.name, 'PLAIN', this.#start, this.#start + this.name.length);
  }
}

export class PlainMap extends PlainNode {
  readonly items: PlainPair[] = [];
}

const mark = Symbol.for('yaml.node.type');
for (const [type, name] of [
  [PlainScalar, 'scalar'],
  [PlainSeq, 'seq'],
  [PlainPair, 'pair'],
  [PlainMap, 'map'],
] as const) {
  Object.defineProperty(type.prototype, mark, { value: Symbol.for(`yaml.${name}`) });
}
