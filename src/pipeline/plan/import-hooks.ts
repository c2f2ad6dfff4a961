/** Import hooks for components that people write: ours is the one copy of what they share with us. */

import { readFileSync } from 'node:fs';
import { createRequire, registerHooks, stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isBuilt, packageRoot } from '../../core/package.ts';
import { type Contents, contentOf, digestOf } from './watch.ts';

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

/** The names of what is ours. */
export const SHARED = [
  'falco-pipe',
  'falco-pipe/rules',
  'falco-pipe/testing',
  'rxjs',
  'rxjs/operators',
  'zod',
] as const;

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
const ourBuild = pathToFileURL(join(packageRoot, 'dist/')).href;

let hooked = false;

/** What has been loaded of people's own, and how often it has changed since: then it is another module to Node. */
const loaded: Contents = new Map();
let generation = 0;

/** The files of people's components, and of what they import from beside them, as they were loaded. */
export function loadedFiles(): Contents {
  return new Map(loaded);
}

/** From now on files that have changed are loaded anew, and with them all others, for these may import them. */
export function renewImports(): void {
  const changed = [...loaded].some(([path, digest]) => contentOf(path) !== digest);
  if (!changed) return;
  generation++;
  loaded.clear();
}

function stripped(text: string, path: string): string {
  try {
    return stripTypeScriptTypes(text, { mode: 'strip' });
  } catch {
    // The same error once more, with its place: where that is named, what is stripped has another name in stacks.
    return stripTypeScriptTypes(text, { mode: 'strip', sourceUrl: path });
  }
}

/** Whether a module is one that people wrote, by its URL. */
function isPeoples(url: string): boolean {
  return /^file:.*\.[cm]?[jt]s(?:\?|$)/.test(url) && !url.startsWith(ourSources) && !url.startsWith(ourBuild);
}

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
      if (own !== undefined) return { url: own, shortCircuit: true };
      const found = next(specifier, context);
      const anew = generation > 0 && isPeoples(found.url) && !found.url.includes('/node_modules/');
      return anew ? { ...found, url: `${found.url}?${generation}` } : found;
    },
    load(url, context, next) {
      if (!isPeoples(url)) return next(url, context);
      const path = fileURLToPath(url);
      const text = readFileSync(path, 'utf8');
      if (!url.includes('/node_modules/')) loaded.set(path, digestOf(text));
      if (!/\.m?ts$/.test(path)) return next(url, context);
      const source = stripped(text, path);
      return { format: 'module', source, shortCircuit: true };
    },
  });
}
