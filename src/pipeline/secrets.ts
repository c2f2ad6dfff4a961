/** Secrets that a plan needs and that are not there: all of them are told before anything is opened, each with its place. */

import { type Diagnostic, messageOf } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import { configError, type Path, type PipelineDocument } from './document.ts';
import type { Plan } from './plan.ts';

const HINT = 'It has to be there when falco-pipe starts.';
const HINT_OF_SOURCE =
  'It has to be there when falco-pipe starts; or name in `only` the sources that are to be opened.';

/** Throws a UserError (exit 78) when a secret of the plan cannot be read. `resolve` makes paths of the configuration absolute. */
export function checkSecrets(plan: Plan, document: PipelineDocument, resolve: (path: string) => string): void {
  const missing: Diagnostic[] = [];
  for (const section of ['sources', 'operators', 'sinks'] as const) {
    for (const { id, config } of plan[section]) {
      for (const [path, secret] of secretsIn(config, [section, id])) {
        try {
          secret.read(resolve);
        } catch (error) {
          const hint = section === 'sources' ? HINT_OF_SOURCE : HINT;
          const message = `${id}: ${messageOf(error)}`;
          missing.push({ severity: 'error', code: 'CONFIG_SECRET', message, at: document.place(path), hint });
        }
      }
    }
  }
  if (missing.length > 0) throw configError(plan.name, missing, plan.texts);
}

function* secretsIn(value: unknown, path: Path): Generator<[Path, Secret]> {
  if (value instanceof Secret) yield [path, value];
  else if (Array.isArray(value)) for (const [index, each] of value.entries()) yield* secretsIn(each, [...path, index]);
  else if (typeof value === 'object' && value !== null) {
    for (const [key, each] of Object.entries(value)) yield* secretsIn(each, [...path, key]);
  }
}
