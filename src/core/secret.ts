/** Secrets of a configuration: named there, read when they are needed, never printed, and held only where that is the only way. */

import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { exitCode, messageOf, UserError } from './errors.ts';
import { isReadOnce } from './read-once.ts';

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
  // What a pipe gave: it gives it once.
  #given: string | undefined;

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
    if (this.#given !== undefined) return this.#given;
    const path = resolve(reference.file);
    if (!isReadOnce(path)) return fileText(path) || missing(`file ${reference.file} is empty`);
    this.#given = fileText(path) || missing(`pipe ${reference.file} has nothing, or nothing more, to give`);
    return this.#given;
  }

  /** Throws as `read` does, but leaves a pipe alone: whoever uses the secret reads it. */
  check(resolve: (path: string) => string): void {
    if ('file' in this.#reference && isReadOnce(resolve(this.#reference.file))) return;
    this.read(resolve);
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
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
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
