/** Bundles src/ into dist/: a chunk per verb, so that `--version` loads nothing (135 -> 60 ms to start, spec/performance.md). */

import { spawnSync } from 'node:child_process';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { build } from 'esbuild';

// Built beside and then exchanged: a program that runs, or starts meanwhile, finds its files.
const fresh = `.build/dist-${process.pid}`;
process.once('exit', () => rmSync(fresh, { recursive: true, force: true }));
const { errors } = await build({
  entryPoints: {
    cli: 'src/cli/main.ts',
    index: 'src/index.ts',
    rules: 'src/rules/index.ts',
    testing: 'src/testing/index.ts',
    register: 'src/pipeline/plan/register.ts',
    'store-worker': 'src/store/worker.ts',
    'cloud-worker': 'src/sources/shared/cloud-worker/worker.ts',
    // One copy of RxJS and zod for us and for people's components.
    'vendor/rxjs': 'src/vendor/rxjs.ts',
    'vendor/zod': 'src/vendor/zod.ts',
  },
  outdir: fresh,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node22.22',
  minifySyntax: true,
  // Node keeps the text of what it has loaded, twice as large when a comment is not ASCII.
  minifyWhitespace: true,
  lineLimit: 120,
  sourcemap: 'linked',
  sourcesContent: false,
  // For Node RxJS names its CommonJS files, whose exports an ES module cannot pass on by name.
  alias: { rxjs: resolve('node_modules/rxjs/dist/esm/index.js') },
  chunkNames: 'chunks/[name]-[hash]',
  legalComments: 'linked',
  // CommonJS dependencies (pino) call require() for what Node brings.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  logLevel: 'warning',
}).catch((error: { errors?: unknown[] }) => {
  if (!error.errors) throw error;
  return { errors: error.errors };
});
// Both have said by then what is wrong.
if (errors.length > 0) process.exit(1);
const types = spawnSync('node_modules/.bin/tsc', ['-p', 'tsconfig.types.json', '--outDir', `${fresh}/types`], {
  stdio: 'inherit',
});
if (types.status !== 0) process.exit(1);
const old = `${fresh}-old`;
if (existsSync('dist')) renameSync('dist', old);
renameSync(fresh, 'dist');
rmSync(old, { recursive: true, force: true });
