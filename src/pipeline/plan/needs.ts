/** What a plan needs of the machine that it runs on: secrets, and files of TLS. */

import { type Diagnostic, messageOf } from '../../core/errors.ts';
import { TlsNames, tlsProblems } from '../../core/net/tls.ts';
import { Secret } from '../../core/secret.ts';
import { configError, type Path, type PipelineDocument } from './document.ts';
import type { Plan } from './planned.ts';

const HINT = 'It has to be there when falco-pipe starts';
const HINT_OF_SOURCE = `${HINT}; or name in \`only\` the sources that are to be opened`;

type Resolve = (path: string) => string;

/**
 * Throws a UserError (exit 78) that tells all secrets and files of TLS of a plan that are not there or of no use, each with
 * its place: before anything is opened. `resolve` makes paths of the configuration absolute.
 */
export function checkNeeds(plan: Plan, document: PipelineDocument, resolve: Resolve): void {
  const missing = [...secretsMissing(plan, document, resolve), ...filesOfTls(plan, document, resolve, 'error')];
  if (missing.length > 0) throw configError(plan.name, missing, plan.texts);
}

function* secretsMissing(plan: Plan, document: PipelineDocument, resolve: Resolve): Generator<Diagnostic> {
  for (const [path, secret] of found(plan, Secret)) {
    try {
      secret.read(resolve);
    } catch (error) {
      const [section, id] = path;
      const hint = `${section === 'sources' ? HINT_OF_SOURCE : HINT}.`;
      const message = `${id}: ${messageOf(error)}`;
      yield { severity: 'error', code: 'CONFIG_SECRET', message, at: document.place(path), hint };
    }
  }
}

/** The files of TLS that cannot be used here: warnings where the plan may be meant for another machine. */
export function* filesOfTls(
  plan: Plan,
  document: PipelineDocument,
  resolve: Resolve,
  severity: Diagnostic['severity'],
): Generator<Diagnostic> {
  for (const [path, names] of found(plan, TlsNames)) {
    // Who only looks waits for nobody who writes.
    for (const { key, message, hint } of tlsProblems(names, resolve, severity === 'error')) {
      yield { severity, code: 'CONFIG_FILE', message, at: document.place([...path, key]), hint };
    }
  }
}

// Everything of a class in the configurations, with its place.
function* found<T extends object>(plan: Plan, kind: new (...given: never[]) => T): Generator<[Path, T]> {
  // A component that people write may make anything of its configuration, also what contains itself.
  const seen = new Set<object>();
  const search = function* (value: unknown, path: Path): Generator<[Path, T]> {
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    if (value instanceof kind) yield [path, value];
    else if (Array.isArray(value)) for (const [index, each] of value.entries()) yield* search(each, [...path, index]);
    else for (const [key, each] of Object.entries(value)) yield* search(each, [...path, key]);
  };
  for (const section of ['sources', 'operators', 'sinks'] as const) {
    for (const { id, config } of plan[section]) yield* search(config, [section, id]);
  }
}
