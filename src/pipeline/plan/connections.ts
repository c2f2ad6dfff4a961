/** What is wrong with how the components of a pipeline are connected, and which can be planned all the same. */

import type { Path, PipelineDocument } from './document.ts';
import type { Drafts } from './drafts.ts';
import { didYouMean } from './explain.ts';
import type { Findings } from './findings.ts';
import type { Section } from './shape.ts';

export class Connections {
  readonly #drafts: Drafts;
  readonly #document: PipelineDocument;
  readonly #findings: Findings;

  constructor(drafts: Drafts, document: PipelineDocument, findings: Findings) {
    this.#drafts = drafts;
    this.#document = document;
    this.#findings = findings;
  }

  /** @param only the sources that are opened, by the key `only` */
  check(only: readonly string[] = []): void {
    const read = this.#checkOrigins();
    this.#checkUnused(read);
    if (this.#drafts.sources.size === 0 && !this.#hasAny('sources'))
      this.#findings.error('CONFIG_EMPTY', 'The pipeline has no source', ['sources'], undefined, 'key');
    if (this.#drafts.sinks.size === 0 && !this.#hasAny('sinks'))
      this.#findings.error('CONFIG_EMPTY', 'The pipeline has no sink', ['sinks'], undefined, 'key');
    this.#checkOnly(only);
  }

  /**
   * Drops what reads from nowhere, in a circle, or from what is wrong itself: it would only be blamed for that.
   * @param order of the operators, upstream before downstream
   */
  leaveOutUnsound(order: readonly string[]): void {
    const { sources, operators, sinks } = this.#drafts;
    const sound = new Set(sources.keys());
    const isSound = ({ from }: { readonly from: readonly string[] }) => from.every((id) => sound.has(id));
    for (const id of order) {
      const operator = operators.get(id);
      if (operator && isSound(operator)) sound.add(id);
      else operators.delete(id);
    }
    for (const [id, sink] of sinks) if (!isSound(sink)) sinks.delete(id);
  }

  /** Returns the ids that something reads from. */
  #checkOrigins(): ReadonlySet<string> {
    const read = new Set<string>();
    for (const { id, from, path } of [...this.#drafts.operators.values(), ...this.#drafts.sinks.values()]) {
      const single = !Array.isArray(this.#valueAt([...path, 'from']));
      for (const [index, origin] of from.entries()) {
        const at = single ? [...path, 'from'] : [...path, 'from', index];
        read.add(origin);
        if (from.indexOf(origin) !== index)
          this.#findings.error('CONFIG_FROM', `${id} reads from "${origin}" twice`, at);
        this.#checkOrigin(id, origin, at);
      }
    }
    return read;
  }

  #checkOrigin(id: string, origin: string, at: Path): void {
    if (this.#isIn('sources', origin) || this.#isIn('operators', origin)) return;
    if (this.#isIn('sinks', origin)) {
      this.#findings.error('CONFIG_FROM', `${id} reads from "${origin}", which is a sink`, at);
      return;
    }
    const ids = (['sources', 'operators'] as const).flatMap((section) => this.#idsIn(section));
    const hint = didYouMean(origin, ids) ?? `Ids here: ${ids.join(', ')}`;
    this.#findings.error('CONFIG_UNKNOWN_ID', `${id} reads from "${origin}", which is nowhere`, at, hint);
  }

  #checkUnused(read: ReadonlySet<string>): void {
    // What reads from them may be what is wrong already.
    if (this.#findings.hasErrors) return;
    for (const { id, path } of [...this.#drafts.sources.values(), ...this.#drafts.operators.values()]) {
      if (read.has(id)) continue;
      const hint = 'Connect it with `from`, or remove it.';
      this.#findings.error('CONFIG_UNUSED', `Nothing reads from ${id}`, path, hint, 'key');
    }
  }

  #checkOnly(only: readonly string[]): void {
    const ids = this.#idsIn('sources');
    for (const [index, id] of only.entries()) {
      if (ids.includes(id)) continue;
      const hint = didYouMean(id, ids) ?? `Sources here: ${ids.join(', ')}`;
      const message = `\`only\` names "${id}", which is no source here`;
      this.#findings.error('CONFIG_UNKNOWN_ID', message, ['only', index], hint);
    }
  }

  #valueAt(path: Path): unknown {
    return path.reduce<unknown>(
      (value, part) => (value as Record<string, unknown> | undefined)?.[part],
      this.#document.value(),
    );
  }

  #idsIn(section: Section): readonly string[] {
    return Object.keys((this.#valueAt([section]) as object | null | undefined) ?? {});
  }

  #isIn(section: Section, id: string): boolean {
    const value = this.#valueAt([section]);
    return typeof value === 'object' && value !== null && Object.hasOwn(value, id);
  }

  #hasAny(section: Section): boolean {
    return this.#idsIn(section).length > 0;
  }
}
