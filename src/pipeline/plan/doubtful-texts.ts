/** Texts of a pipeline file that are taken as they are, and said: with variables, which nothing replaces, or with passwords. */

import type { Path, PipelineDocument } from './document.ts';
import type { Findings } from './findings.ts';

const VARIABLE = /\$\{([A-Za-z_]\w*)\}/;

/** An address of HTTP with a user and a password in it. */
const LOGIN = /^(?:https?|wss?):\/\/[^/?#\s@]*:[^/?#\s@]+@/i;

/**
 * Warns of every text with `${NAME}` in it, and of addresses with a password. Those of the sink `program` may go to a shell,
 * which knows variables.
 */
export function warnOfTexts(document: PipelineDocument, findings: Findings): void {
  const look = (value: unknown, path: Path): void => {
    if (typeof value === 'string') {
      const [variable] = VARIABLE.exec(value) ?? [];
      if (variable !== undefined) findings.all.push(warningOf(variable, path, findings));
      if (LOGIN.test(value)) findings.all.push(warningOfLogin(path, findings));
    } else if (typeof value === 'object' && value !== null && (value as { type?: unknown }).type !== 'program') {
      for (const [key, inner] of Object.entries(value))
        look(inner, [...path, Array.isArray(value) ? Number(key) : key]);
    }
  };
  look(document.value(), []);
}

function warningOf(variable: string, path: Path, findings: Findings) {
  const set = path.every((part) => typeof part === 'string') ? `--set ${path.join('.')}=…` : '--set';
  return {
    severity: 'warning',
    code: 'CONFIG_VARIABLE',
    message: `${variable} is not replaced: it stands for itself`,
    hint: `Give the whole value by ${set}; addresses and secrets may also be { env: NAME } or { file: PATH }.`,
    at: findings.place(path),
  } as const;
}

// The text is not shown: it has the password.
function warningOfLogin(path: Path, findings: Findings) {
  return {
    severity: 'warning',
    code: 'CONFIG_SECRET',
    message: `${path.join('.')}: the address has a password, and a secret should not stand in the file`,
    hint: 'Give the whole address as { env: NAME } or { file: PATH }; or without it, and the login as `basic`.',
    hidden: true,
    at: findings.place(path),
  } as const;
}
