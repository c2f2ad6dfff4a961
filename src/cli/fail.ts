/** The end of a verb that failed: everything that is wrong, for people, on the standard error, and the exit status. */

import { type Diagnostic, exitCode, messageOf, renderDiagnostic, type SourceText, UserError } from '../core/errors.ts';
import { isOfFileLimit, MORE_FILES } from '../core/files/file-limit.ts';
import { sayAfterLog } from '../core/log-output.ts';
import { visible } from '../core/visible.ts';

/** Prints an error and sets the exit status. Only a fault of the program itself shows a stack. */
export function fail(given: unknown): void {
  const error = isOfFileLimit(given) && !(given instanceof UserError) ? noMoreFiles(given) : given;
  process.exitCode = error instanceof UserError ? error.exit : exitCode.software;
  complain(failure(error));
}

function noMoreFiles(error: unknown): UserError {
  const message = `falco-pipe needs more files than it may have open: ${messageOf(error)}; ${MORE_FILES}`;
  return new UserError(message, { exit: exitCode.unavailable, cause: error });
}

/** Writes a line to the standard error; who does not read it still gets the exit status. A program that runs is not held up. */
export function complain(text: string): void {
  const line = `${visible(text)}\n`;
  if (sayAfterLog(line)) return;
  if (process.stderr.listenerCount('error') === 0) process.stderr.on('error', () => {});
  process.stderr.write(line);
}

/** All that is wrong, as text. */
export function failure(error: unknown): string {
  if (!(error instanceof UserError)) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return `falco-pipe has failed; this is a fault of the program, please report it:\n${stack}`;
  }
  const { diagnostics, message, texts } = error;
  const lines = diagnostics.map((diagnostic) => renderDiagnostic(diagnostic, texts));
  // What the only diagnostic says already is not said twice.
  if (diagnostics.length !== 1 || diagnostics[0]?.message !== message) lines.push(message);
  if (diagnostics.some(({ code }) => KERNEL.has(code))) lines.push(DOCTOR);
  return lines.join('\n');
}

/** Errors of native/: what the kernel source needs is missing. */
const KERNEL: ReadonlySet<string> = new Set(['SENSOR_UNAVAILABLE', 'ADDON_UNAVAILABLE']);
const DOCTOR = "'falco-pipe doctor' checks all that the kernel source needs, and says how to mend it.";

/** Prints warnings to the standard error. */
export function warn(diagnostics: readonly Diagnostic[], texts: readonly SourceText[]): void {
  for (const diagnostic of diagnostics) complain(renderDiagnostic(diagnostic, texts));
}
