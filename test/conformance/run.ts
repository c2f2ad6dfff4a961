/**
 * Runs conformance cases: `node test/conformance/run.ts CASES=FILE [KINDS=a,b] [ENGINE=closures]`. Prints the ids that fail and how, then
 * `N passed, N failed`; the exit status is 1 when any failed. Kinds that cannot be run count as failed.
 */

import { readFileSync } from 'node:fs';
import type { Case } from './differences.ts';
import { makeRunners } from './kinds.ts';

const { CASES, KINDS, ENGINE } = process.env;
const settings: Record<string, string | undefined> = { CASES, KINDS, ENGINE };
for (const argument of process.argv.slice(2)) {
  const [name = '', ...rest] = argument.split('=');
  settings[name] = rest.join('=');
}

if (settings.CASES === undefined) {
  process.stderr.write('usage: run.ts CASES=FILE [KINDS=a,b] [ENGINE=closures|generated]\n');
  process.exit(2);
}

const { cases } = JSON.parse(readFileSync(settings.CASES, 'utf8')) as { cases: readonly Case[] };
const engine = settings.ENGINE || 'generated';
if (engine !== 'closures' && engine !== 'generated') {
  process.stderr.write(`ENGINE is closures or generated, not ${engine}\n`);
  process.exit(2);
}
const runners = makeRunners(engine);
const kinds = settings.KINDS ? new Set(settings.KINDS.split(',')) : undefined;
let passed = 0;
let failed = 0;
for (const test of cases) {
  if (kinds !== undefined && !kinds.has(test.kind)) continue;
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

function outcome(test: Case): string | undefined {
  const run = runners[test.kind];
  if (run === undefined) return `cases of kind ${test.kind} cannot be run`;
  try {
    return run(test);
  } catch (error) {
    return `crashed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  }
}
