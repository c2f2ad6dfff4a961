/** Import hooks for components that people write: ours is the one copy of what they share with us. */

import { readFileSync } from 'node:fs';
import { createRequire, registerHooks, stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isBuilt, packageRoot } from '../core/package.ts';

/** What a component imports is ours, whatever its folder has installed: one copy of RxJS and zod. */
const OURS: Record<string, string> = isBuilt
  ? {
      'falco-pipe': 'dist/index.js',
      'falco-pipe/rules': 'dist/rules.js',
      'falco-pipe/testing': 'dist/testing.js',
      rxjs: 'dist/vendor/rxjs.js',
      'rxjs/operators': 'dist/vendor/rxjs.js',
      zod: 'dist/vendor/zod.js',
    }
  : {
      'falco-pipe': 'src/index.ts',
      'falco-pipe/rules': 'src/rules/index.ts',
      'falco-pipe/testing': 'src/testing/index.ts',
    };

const require = createRequire(import.meta.url);

function ours(specifier: string): string | undefined {
  const path = OURS[specifier];
  if (path !== undefined) return pathToFileURL(join(packageRoot, path)).href;
  if (specifier === 'rxjs' || specifier === 'rxjs/operators' || specifier === 'zod')
    return pathToFileURL(require.resolve(specifier)).href;
  return undefined;
}

/** Modules of our own, which Node loads as they are; what lies elsewhere in the package, as examples do, is people's. */
const ourSources = pathToFileURL(join(packageRoot, 'src/')).href;

let hooked = false;

/**
 * From here on, `falco-pipe`, `rxjs` and `zod` mean ours in every module, and types are stripped whatever the folder's
 * package.json says. (Node strips types itself, but not below node_modules, and it asks package.json what a .ts file is.)
 */
export function hookImports(): void {
  if (hooked) return;
  hooked = true;
  registerHooks({
    resolve(specifier, context, next) {
      const own = context.parentURL?.startsWith(ourSources) ? undefined : ours(specifier);
      return own === undefined ? next(specifier, context) : { url: own, shortCircuit: true };
    },
    load(url, context, next) {
      if (!url.startsWith('file:') || !/\.m?ts$/.test(url) || url.startsWith(ourSources)) return next(url, context);
      const source = stripTypeScriptTypes(readFileSync(fileURLToPath(url), 'utf8'), { mode: 'strip' });
      return { format: 'module', source, shortCircuit: true };
    },
  });
}
