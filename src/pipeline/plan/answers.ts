/** What an operator was told while it was planned: when all of it is the same again, so is what the operator made of it. */

import { createHash } from 'node:crypto';
import type { Demands, Edge, ProvidedField } from '../../core/component.ts';

/** An edge that remembers what was asked of it, and answered. */
export class Answers implements Edge {
  readonly resolve: Edge['resolve'];
  readonly report: Edge['report'];
  readonly placer: Edge['placer'];
  readonly note: Edge['note'];
  readonly claim: Edge['claim'];
  readonly #edge: Edge;
  readonly #hash = createHash('sha256');

  constructor(edge: Edge) {
    this.#edge = edge;
    this.resolve = edge.resolve;
    this.report = edge.report;
    this.placer = edge.placer;
    this.note = edge.note;
    this.claim = edge.claim;
  }

  // Arrow functions: operators take them off the edge.
  readonly read: Edge['read'] = (path, at) => this.#told(['read', path], this.#edge.read(path, at));

  readonly files: Edge['files'] = (path) => this.#told(['files', path], this.#edge.files(path));

  readonly fills: Edge['fills'] = (source, field, type = '') =>
    this.#told(['fills', source, field, type], this.#edge.fills(source, field, type || undefined));

  readonly emitsType: Edge['emitsType'] = (source, type) =>
    this.#told(['emitsType', source, type], this.#edge.emitsType(source, type));

  get sources(): readonly string[] {
    return this.#told(['sources'], this.#edge.sources);
  }

  get provided(): readonly ProvidedField[] {
    return this.#told(['provided'], this.#edge.provided);
  }

  get shared(): Edge['shared'] {
    return this.#told(['shared'], this.#edge.shared);
  }

  get demand(): Demands {
    const { demand } = this.#edge;
    this.#told(['demand'], demandText(demand));
    return demand;
  }

  /** The same for the same questions and answers. */
  digest(): string {
    return this.#hash.copy().digest('hex');
  }

  #told<Answer>(question: readonly string[], answer: Answer): Answer {
    this.#hash.update(JSON.stringify([question, answer ?? null]));
    return answer;
  }
}

function demandText(demands: Demands): string {
  const entries = [...demands].map(([source, { fields, types, named = [] }]) => [
    source,
    [...fields].sort(),
    types === 'all' ? types : [...types].sort(),
    [...named].sort(),
  ]);
  return JSON.stringify(entries.sort());
}
