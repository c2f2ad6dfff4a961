/** `falco-pipe list`: what there is to use. */

import { exitCode, UserError } from '../core/errors.ts';
import { catalogues } from '../events/catalogue.ts';
import { loadPlan, loadRegistry } from '../pipeline/plan/load.ts';
import { say } from './say.ts';

export interface ListOptions {
  readonly output: string;
  readonly source?: string;
}

type Row = Record<string, unknown>;

const KINDS = ['sources', 'operators', 'sinks', 'fields', 'rules'];

/** Prints a table, or one JSON array. `rules` needs a pipeline; the others take one for the components it names. */
export async function list(what: string, pipeline: string | undefined, options: ListOptions): Promise<void> {
  const rows = await rowsOf(what, pipeline, options);
  if (options.output === 'json') say(`${JSON.stringify(rows)}\n`);
  else say(table(rows));
}

async function rowsOf(what: string, pipeline: string | undefined, { source }: ListOptions): Promise<Row[]> {
  switch (what) {
    case 'sources':
    case 'operators':
    case 'sinks': {
      const { PipelineDocument } = await import('../pipeline/plan/document.ts');
      const registry = await loadRegistry(pipeline === undefined ? undefined : PipelineDocument.load(pipeline));
      return [...registry[what].values()].map(({ type, summary }) => ({ type, summary }));
    }
    case 'fields': {
      if (source !== undefined && !catalogues.has(source)) {
        throw new UserError(`There is no event source "${source}"; there are ${[...catalogues.keys()].join(', ')}`, {
          exit: exitCode.usage,
        });
      }
      const chosen = [...catalogues.values()].filter((catalogue) => (source ?? catalogue.source) === catalogue.source);
      return chosen.flatMap(({ source: of, fields }) =>
        fields.map(({ name, type, list: isList, arg, doc }) => ({
          source: of,
          name: shown(name, arg),
          type: isList ? `LIST(${type})` : type,
          doc,
        })),
      );
    }
    case 'rules': {
      if (pipeline === undefined)
        throw new UserError('list rules needs a pipeline: falco-pipe list rules PIPELINE', { exit: exitCode.usage });
      const { plan } = await loadPlan(pipeline, [], new Map(), { fetches: false });
      return plan.operators.flatMap(({ notes }) => (notes.list as Row[] | undefined) ?? []);
    }
    default:
      throw new UserError(`There is nothing to list under "${what}"; there are ${KINDS.join(', ')}`, {
        exit: exitCode.usage,
      });
  }
}

function shown(name: string, arg: 'optional' | 'required' | undefined): string {
  return arg === undefined ? name : arg === 'optional' ? `${name}[…]?` : `${name}[…]`;
}

/** Rows under each other, their columns in line; the last one is as long as it is. */
export function table(rows: readonly Row[]): string {
  const columns = Object.keys(rows[0] ?? {});
  const width = (column: string) => Math.max(...rows.map((row) => String(row[column]).length));
  const widths = columns.map((column, index) => (index === columns.length - 1 ? 0 : width(column)));
  return rows
    .map((row) => `${columns.map((column, index) => String(row[column]).padEnd(widths[index] ?? 0)).join('  ')}\n`)
    .join('');
}
