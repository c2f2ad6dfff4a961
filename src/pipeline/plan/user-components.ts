/** Components that people write: modules named under `components:`, in TypeScript or JavaScript. */

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { exitCode, messageOf, suggest, UserError } from '../../core/errors.ts';
import { hookImports, renewImports, SHARED } from './import-hooks.ts';
import type { Registry } from './registry.ts';

/**
 * Loads modules and adds their default exports to the registry. A name that begins with `.` or `/` is a path relative to
 * `folder`; any other is a package, looked for from there. Throws a UserError (exit 78) that names the module and says
 * what to do.
 */
export async function loadComponents(names: readonly string[], folder: string, registry: Registry): Promise<void> {
  if (names.length > 0) hookImports();
  renewImports();
  for (const name of names) {
    const module = await load(name, folder);
    const { default: exported } = module;
    for (const definition of Array.isArray(exported) ? exported : [exported]) registry.add(definition, name);
  }
}

/** Whether a module is named by its path; else it is a package. */
export function isPath(name: string): boolean {
  return /^\.{0,2}\//.test(name);
}

async function load(name: string, folder: string): Promise<{ default?: unknown }> {
  const path = placeOf(name, folder);
  try {
    return (await import(pathToFileURL(path).href)) as { default?: unknown };
  } catch (error) {
    throw new UserError(explain(name, error), { exit: exitCode.config, cause: error });
  }
}

function placeOf(name: string, folder: string): string {
  const missing = (what: string, advice: string, cause?: unknown) =>
    new UserError(`The component ${name} cannot be found: ${what}. ${advice}`, { exit: exitCode.config, cause });
  if (isPath(name)) {
    const path = resolve(folder, name);
    if (existsSync(path)) return path;
    throw missing(`there is no ${path}`, 'Paths start at the folder of the pipeline file.');
  }
  try {
    return createRequire(join(folder, 'package.json')).resolve(name);
  } catch (error) {
    const advice = 'Install the package there, or write a path with ./ in front.';
    throw missing(messageOf(error).split('\n')[0] ?? '', advice, error);
  }
}

function explain(name: string, error: unknown): string {
  const { code, stack } = error as NodeJS.ErrnoException;
  const message = messageOf(error);
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') {
    const advice = 'Types are only stripped: write enums, namespaces and parameter properties as plain JavaScript';
    return `${name} has TypeScript that is more than types: ${message}. ${advice} (tsc checks that with erasableSyntaxOnly).`;
  }
  if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') {
    // It is there; what it imports, or what that imports, is not.
    const [, what] = /^Cannot find package '([^']+)'/.exec(message) ?? [];
    const meant = what === undefined ? undefined : suggest(what, SHARED);
    const advice = meant === undefined ? 'Install it there, or correct the import.' : `Did you mean "${meant}"?`;
    return `The component ${name} cannot be loaded, for an import of it fails: ${message.split('\n')[0]}. ${advice}`;
  }
  const place = stack
    ?.split('\n')
    .find((line) => line.includes('file://') || line.startsWith('/'))
    ?.trim();
  return `The component ${name} cannot be loaded: ${message}${place ? ` (${place})` : ''}`;
}
