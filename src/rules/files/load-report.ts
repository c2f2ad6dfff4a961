/** What became of rules files, in the forms of `falco -V` (spec/falco-engine.md §1.11). */

import { type Issue, issueCodes, type Location } from '../yaml/issue.ts';
import type { FileResult, LoadResult } from './load.ts';

export interface FalcoIssue {
  readonly code: string;
  readonly codedesc: string;
  readonly message: string;
  readonly context: {
    readonly locations: readonly {
      readonly item_type: string;
      readonly item_name: string;
      readonly position: {
        readonly name: string;
        readonly line: number;
        readonly column: number;
        readonly offset: number;
      };
    }[];
    readonly snippet: string;
  };
}

export interface FalcoLoadResult {
  readonly name: string;
  readonly successful: boolean;
  readonly schema_valid: boolean | null;
  readonly schema_warnings: readonly string[];
  readonly errors: readonly FalcoIssue[];
  readonly warnings: readonly FalcoIssue[];
}

/** The value of `falco_load_results`, one element a file. */
export function falcoLoadResults({ files }: LoadResult): readonly FalcoLoadResult[] {
  return files.map(({ name, ok, errors, warnings, schema }) => ({
    name,
    successful: ok,
    schema_valid: schema.valid,
    schema_warnings: schema.warnings,
    errors: errors.map(falcoIssue),
    warnings: warnings.map(falcoIssue),
  }));
}

function falcoIssue(issue: Issue): FalcoIssue {
  return {
    code: issue.code,
    codedesc: issueCodes[issue.code],
    message: issue.message,
    context: { locations: issue.context.locations.map(falcoLocation), snippet: snippetOf(issue) },
  };
}

function falcoLocation({ itemType, itemName, name, line, column, offset }: Location) {
  return { item_type: itemType, item_name: itemName, position: { name, line, column, offset } };
}

/** The line of the place with a caret under it, unless it is not to be shown. */
function snippetOf({ context, diagnostic }: Issue): string {
  const { at } = diagnostic;
  const line = at === undefined ? undefined : context.file.content.split('\n')[at.line - 1];
  return at === undefined || line === undefined || diagnostic.hidden ? '' : `${line}\n${' '.repeat(at.column - 1)}^\n`;
}

/** The text form, one block a file: `NAME: Ok`, or the errors and warnings with their places. */
export function loadReport(file: FileResult, verbose = true): string {
  const { name, ok, errors, warnings } = file;
  const state = ok ? (warnings.length === 0 ? 'Ok' : 'Ok, with warnings') : 'Invalid';
  const head = `${name}: ${state}`;
  if (!verbose) {
    const parts = [summary('errors', errors), summary('warnings', warnings)].filter((part) => part !== '');
    return [head, ...parts].join('\n ');
  }
  return [head, ...section('Errors', errors), ...section('Warnings', warnings)].join('\n');
}

function summary(what: string, issues: readonly Issue[]): string {
  if (issues.length === 0) return '';
  return `${issues.length} ${what}: [${issues.map(({ code }) => `${code} (${issueCodes[code]})`).join(', ')}]`;
}

function section(what: string, issues: readonly Issue[]): readonly string[] {
  if (issues.length === 0) return [];
  return [`${issues.length} ${what}:`, ...issues.flatMap(issueLines)];
}

function issueLines(issue: Issue): readonly string[] {
  const { locations } = issue.context;
  const [first] = locations;
  const steps = locations.slice(1).map(({ itemType, itemName, name, line, column }) => {
    const named = itemName === '' ? '' : ` '${itemName}'`;
    return `    ${itemType}${named}: (${name}:${line}:${column})`;
  });
  return [
    `In ${first?.itemType ?? 'rules content'}: (${first?.name ?? ''}:${first?.line ?? 0}:${first?.column ?? 0})`,
    ...steps,
    '------',
    snippetOf(issue).trimEnd(),
    '------',
    `${issue.code} (${issueCodes[issue.code]}): ${issue.message}`,
  ];
}
