/** Variables as shells and compose files have them, which nothing replaces here: what has one is said, not sent as it is. */

import type { Path, PipelineDocument } from './document.ts';
import type { Findings } from './findings.ts';

const VARIABLE = /\$\{([A-Za-z_]\w*)\}/;

/** Warns of every text with `${NAME}` in it. Those of the sink `program` may go to a shell, which knows them. */
export function warnOfVariables(document: PipelineDocument, findings: Findings): void {
  const look = (value: unknown, path: Path): void => {
    if (typeof value === 'string') {
      const [variable] = VARIABLE.exec(value) ?? [];
      if (variable !== undefined) findings.all.push(warningOf(variable, path, findings));
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
