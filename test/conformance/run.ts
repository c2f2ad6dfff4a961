/**
 * Runs conformance cases: `node test/conformance/run.ts CASES=FILE [KINDS=a,b] [ENGINE=closures]`. Prints the ids that
 * fail and how, then `N passed, N failed`; the exit status is 1 when any failed. Kinds that cannot be run count as failed.
 */

import { readFileSync } from 'node:fs';
import type { Case } from './differences.ts';
import { makeRunners, type Runner } from './kinds.ts';

const { CASES, KINDS, ENGINE } = process.env;
const settings: Record<string, string | undefined> = { CASES, KINDS, ENGINE };
for (const argument of process.argv.slice(2)) {
  const [name = '', ...rest] = argument.split('=');
  settings[name] = rest.join('=');
}

if (!settings.CASES) stop('usage: make conformance CASES=FILE [KINDS=a,b] [ENGINE=closures|generated]');
const engine = settings.ENGINE || 'generated';
if (engine !== 'closures' && engine !== 'generated') stop(`ENGINE is closures or generated, not ${engine}`);
const cases = chosen(readCases(settings.CASES), settings.KINDS);
const runners: Readonly<Record<string, Runner>> = makeRunners(engine);

let passed = 0;
let failed = 0;
for (const test of cases) {
  const wrong = outcome(test);
  if (wrong === undefined) {
    passed++;
  } else {
    failed++;
    process.stdout.write(`${test.id}${test.quirk ? ' (quirk)' : ''}: ${wrong}\n`);
  }
}
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 ? 1 : 0;

function stop(why: string): never {
  process.stderr.write(`${why}\n`);
  process.exit(2);
}

function readCases(path: string): readonly Case[] {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    return stop(`Cannot read cases from ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const { cases } = (content ?? {}) as { cases?: unknown };
  return Array.isArray(cases) ? (cases as readonly Case[]) : stop(`${path} has no array 'cases'`);
}

/** The cases of the kinds that are named, separated by commas; nothing named: all. */
function chosen(all: readonly Case[], kinds: string | undefined): readonly Case[] {
  if (!kinds) return all;
  const known = new Set(all.map(({ kind }) => kind));
  const wanted = new Set(kinds.split(','));
  // A slip in a name would pass for success.
  const missing = [...wanted].filter((kind) => !known.has(kind));
  if (missing.length > 0) stop(`no case is of kind ${missing.join(', ')}; there are ${[...known].join(', ')}`);
  return all.filter(({ kind }) => wanted.has(kind));
}

function outcome(test: Case): string | undefined {
  const run = Object.hasOwn(runners, test.kind) ? runners[test.kind] : undefined;
  if (run === undefined) return `cases of kind ${test.kind} cannot be run`;
  try {
    return run(test);
  } catch (error) {
    return `crashed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  }
}
