/** Secrets of a configuration: named there, read when they are needed, never printed, and held only where that is the only way. */

import { z } from 'zod';
import { exitCode, messageOf, UserError } from './errors.ts';
import { readText } from './files/read-once.ts';

type Reference = { readonly env: string } | { readonly file: string };

/** The message about a secret that stands in the file itself. */
export const PLAIN_SECRET = 'a secret does not stand in the file: name where it is, { env: NAME } or { file: PATH }';

/** `{env: NAME}` or `{file: PATH}`; what it stands for is never part of a plan, a dump or an error. */
export function secret() {
  return z
    .union(
      [
        z.strictObject({ env: z.string().min(1).describe('The environment variable that holds it.') }),
        z.strictObject({
          file: z.string().min(1).describe('The file that holds it; a last line end is not part of it.'),
        }),
      ],
      { error: (issue) => (typeof issue.input === 'string' ? PLAIN_SECRET : undefined) },
    )
    .transform((reference) => new Secret(reference));
}

/** A text, or a secret where it may be one: `"text"`, `{env: NAME}` or `{file: PATH}`. */
export function textOrSecret() {
  return z.union([z.string().min(1), secret()]);
}

/** The text of what may be a secret. Throws as Secret.read does. */
export function reveal(value: string | Secret, resolve: (path: string) => string): string {
  return typeof value === 'string' ? value : value.read(resolve);
}

/** Where a secret is. JSON has the reference only, so that plans and digests do not change with the value. */
export class Secret {
  readonly #reference: Reference;

  constructor(reference: Reference) {
    this.#reference = reference;
  }

  /**
   * Reads it, each time anew: files are rotated; a pipe is read once. `resolve` makes a path of the configuration absolute.
   * Throws a UserError (exit 78) when it is not there or empty.
   */
  read(resolve: (path: string) => string): string {
    const reference = this.#reference;
    if ('env' in reference) {
      return process.env[reference.env] || missing(`environment variable ${reference.env} is not set`);
    }
    return fileText(resolve(reference.file)) || missing(`file ${reference.file} is empty`);
  }

  toJSON(): Reference {
    return this.#reference;
  }
}

function missing(where: string): never {
  throw new UserError(`a secret is missing: the ${where}`, { exit: exitCode.config });
}

function fileText(path: string): string {
  try {
    return readText(path).replace(/\r?\n$/, '');
  } catch (cause) {
    throw new UserError(`a secret cannot be read: ${messageOf(cause)}`, { exit: exitCode.config, cause });
  }
}

/** Takes secrets out of a text that may quote them (what a server answered). */
export function withoutSecrets(text: string, secrets: Iterable<string>): string {
  let clean = text;
  for (const each of secrets) if (each.length > 3) clean = clean.replaceAll(each, '[secret]');
  return clean;
}
