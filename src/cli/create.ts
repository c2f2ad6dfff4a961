/** `falco-pipe create`: a component of one's own, ready to run and to test. */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';
import { exitCode, messageOf, UserError } from '../core/errors.ts';
import { packageRoot } from '../core/package.ts';
import { say } from './say.ts';

export interface CreateOptions {
  readonly in: string;
}

/**
 * Writes NAME.ts, NAME.test.ts and, where there is none, tsconfig.json into a folder. Never overwrites. `name` is
 * kebab-case or snake_case; the type in pipelines is the snake_case of it.
 */
export async function create(name: string, { in: folder }: CreateOptions): Promise<void> {
  if (!/^[a-z][a-z0-9]*([-_][a-z0-9]+)*$/.test(name)) {
    throw new UserError(`"${name}" is no name: small letters, digits and - only, such as mark-night`, {
      exit: exitCode.usage,
    });
  }
  const file = name.replaceAll('_', '-');
  const type = name.replaceAll('-', '_');
  const written = { [`${file}.ts`]: operatorText(type), [`${file}.test.ts`]: testText(file, type) };
  for (const each of Object.keys(written)) {
    const path = join(folder, each);
    if (existsSync(path))
      throw new UserError(`${path} is there already; nothing was written`, { exit: exitCode.usage });
  }
  try {
    mkdirSync(folder, { recursive: true });
    for (const [each, text] of Object.entries(written)) writeFileSync(join(folder, each), text);
    if (!existsSync(join(folder, 'tsconfig.json'))) writeFileSync(join(folder, 'tsconfig.json'), tsconfigText());
  } catch (error) {
    throw new UserError(`Cannot write into ${folder}: ${messageOf(error)}`, { exit: exitCode.failure, cause: error });
  }
  say(`${nextSteps(folder, file, type)}\n`);
}

function operatorText(type: string): string {
  return `import { defineOperator, where } from 'falco-pipe';
import { z } from 'zod';

/** One operator: what it is called, how it is configured, what it reads, what it does. */
export default defineOperator({
  type: '${type}',
  summary: 'Lets events pass of processes whose name begins with a prefix.',
  config: z.strictObject({
    prefix: z.string().min(1).describe('What the name of the process must begin with.'),
  }),
  examples: [{ title: 'Only shells', yaml: '${type}: { type: ${type}, from: detect, prefix: bash }' }],
  // The fields it reads decide what the kernel collects and what alerts carry; \`types: ['execve']\` would narrow it further.
  reads: ['proc.name'],
  // where(test) passes events, change(map) replaces them, expand(each) makes several, stream(rxjs) is for windows and waits.
  create: ({ prefix }) => where((event) => String(event.get('proc.name') ?? '').startsWith(prefix)),
});
`;
}

function testText(file: string, type: string): string {
  return `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSteps } from 'falco-pipe/testing';
import ${camel(type)} from './${file}.ts';

test('events of processes with the prefix pass, others do not', () => {
  const events = ['bash', 'bashful', 'ls'].map((name) => ({ type: 'execve', fields: { 'proc.name': name } }));
  const { events: passed, errors } = runSteps(${camel(type)}, { prefix: 'bash' }, events);
  assert.deepEqual(passed.map((event) => event.get('proc.name')), ['bash', 'bashful']);
  assert.deepEqual(errors, []);
});
`;
}

function tsconfigText(): string {
  const ours = (path: string) => [join(packageRoot, path)];
  const paths = {
    'falco-pipe': ours('dist/types/src/index.d.ts'),
    'falco-pipe/testing': ours('dist/types/src/testing/index.d.ts'),
    'falco-pipe/rules': ours('dist/types/src/rules/index.d.ts'),
    rxjs: installed('rxjs'),
    zod: installed('zod'),
  };
  const node = installed('@types/node')[0];
  const compilerOptions = {
    target: 'es2024',
    // Whatever the package.json above says, components are loaded as modules.
    module: 'esnext',
    moduleResolution: 'bundler',
    strict: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    // Types are stripped, not compiled: what is more than types is an error here already.
    erasableSyntaxOnly: true,
    verbatimModuleSyntax: true,
    skipLibCheck: true,
    ...(node === undefined ? {} : { types: ['node'], typeRoots: [dirname(node)] }),
    paths,
  };
  return `${JSON.stringify({ compilerOptions }, null, 2)}\n`;
}

/** The folder of a package as we see it: below our own folder in a checkout, beside it where npm has installed us. */
function installed(name: string): string[] {
  try {
    const found = findPackageJSON(name, join(packageRoot, 'package.json'));
    return found === undefined ? [] : [dirname(found)];
  } catch {
    return [];
  }
}

function camel(type: string): string {
  return type.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}

function nextSteps(folder: string, file: string, type: string): string {
  const path = folder === '.' ? `./${file}.ts` : `${folder.startsWith('/') ? '' : './'}${folder}/${file}.ts`;
  return `${join(folder, `${file}.ts`)}, its test and tsconfig.json are written.

Test it:
  ${nodeCommand()} --import ${join(packageRoot, 'dist/register.js')} --test ${join(folder, `${file}.test.ts`)}

Use it in a pipeline (paths start at the pipeline's folder):
  components: [${path}]
  operators:
    mine: { type: ${type}, from: detect, prefix: bash }`;
}

// A checkout brings a Node of its own, which need not be the one in PATH.
function nodeCommand(): string {
  return process.execPath.startsWith(packageRoot) ? process.execPath : 'node';
}
