/** Components that people write: modules named under `components:`, in TypeScript or JavaScript. */

import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { exitCode, messageOf, UserError } from '../core/errors.ts';
import { hookImports, renewImports } from './import-hooks.ts';
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
  try {
    const path = isPath(name) ? resolve(folder, name) : createRequire(join(folder, 'package.json')).resolve(name);
    return (await import(pathToFileURL(path).href)) as { default?: unknown };
  } catch (error) {
    throw new UserError(explain(name, error), { exit: exitCode.config, cause: error });
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
    const advice = isPath(name)
      ? 'Paths start at the folder of the pipeline file.'
      : 'Install the package there, or write a path with ./ in front.';
    return `The component ${name} cannot be found: ${message.split('\n')[0]}. ${advice}`;
  }
  const place = stack
    ?.split('\n')
    .find((line) => line.includes('file://') || line.startsWith('/'))
    ?.trim();
  return `The component ${name} cannot be loaded: ${message}${place ? ` (${place})` : ''}`;
}
