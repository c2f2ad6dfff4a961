/** `falco-pipe validate`: everything that is wrong or doubtful about a pipeline and its rules, without running it. */

import { type Diagnostic, exitCode, UserError } from '../core/errors.ts';
import { warn } from './fail.ts';
import { loadPlan } from './load.ts';

export interface ValidateOptions {
  readonly output: string;
  readonly set?: readonly string[];
}

/** Prints `PIPELINE: ok` or what is wrong; exit status 0 or 78. Warnings do not fail. */
export async function validate(path: string, options: ValidateOptions): Promise<void> {
  const json = options.output === 'json';
  try {
    const { plan } = await loadPlan(path, options.set);
    const { warnings } = plan;
    if (json) return print({ pipeline: path, ok: true, digest: `sha256:${plan.digest}`, diagnostics: warnings });
    warn(warnings, plan.texts);
    const { sources, operators, sinks } = plan;
    const parts = [count(sources, 'source'), count(operators, 'operator'), count(sinks, 'sink')].join(', ');
    process.stdout.write(
      `${path}: ok${warnings.length > 0 ? `, ${count(warnings, 'warning')}` : ''} (${parts}, sha256:${plan.digest})\n`,
    );
  } catch (error) {
    if (!json || !(error instanceof UserError)) throw error;
    const fallback: Diagnostic = { severity: 'error', code: 'CONFIG', message: error.message };
    const { diagnostics } = error;
    print({ pipeline: path, ok: false, diagnostics: diagnostics.length > 0 ? diagnostics : [fallback] });
    process.exitCode = error.exit === exitCode.usage ? exitCode.usage : exitCode.config;
  }
}

function count(things: readonly unknown[], name: string): string {
  return `${things.length} ${name}${things.length === 1 ? '' : 's'}`;
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
