/** An operator of one's own: made by `create`, from the guide, and in every way in which loading one can go wrong. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { scratch } from '../scratch.ts';
import { Program, pipeline, repository } from './program.ts';

/** A pipeline over the demo's records with one operator of type `mine`. */
function stage(component: string, options: { file?: string; mine?: string; packageJson?: string } = {}): string {
  const { file = 'mine.ts', mine = '{ type: mine, from: detect }', packageJson } = options;
  const folder = scratch();
  writeFileSync(join(folder, file), component);
  if (packageJson) writeFileSync(join(folder, 'package.json'), packageJson);
  return pipeline(
    folder,
    `components: [./${file}]
sources: { past: { type: replay, files: ${repository}/pipelines/demo.jsonl.gz } }
operators:
  detect: { type: rules, from: past, files: ${repository}/rules/host.yaml }
  mine: ${mine}
sinks: { out: { type: stdout, from: mine, format: json } }
`,
  );
}

const MINE = `import { defineOperator, where } from 'falco-pipe';
import { map, type Observable } from 'rxjs';
import { z } from 'zod';
const unused: Observable<number> | undefined = undefined as unknown as undefined;
void [map, unused];
export default defineOperator({
  type: 'mine', summary: 'Shells only.', config: z.strictObject({ name: z.string().default('bash') }), examples: [],
  reads: ['proc.name'],
  create: ({ name }) => where((event) => event.get('proc.name') === name),
});
`;

const run = async (path: string, ...args: string[]) => Program.run(['run', path, ...args]);

describe('works as it is', () => {
  test('in a folder made by npm init, whose .ts files are CommonJS to Node', async () => {
    const packageJson = '{ "name": "x", "version": "1.0.0", "main": "index.js", "type": "commonjs" }';
    const { code, json, stderr } = await run(stage(MINE, { packageJson }));
    expect(stderr).not.toMatch(/rror|arning/);
    expect(code).toBe(0);
    expect(json.length).toBeGreaterThan(3);
    expect(new Set(json.map(({ output_fields: fields }) => (fields as Record<string, string>)['proc.name']))).toEqual(
      new Set(['bash']),
    );
  });

  test('as a package that ships JavaScript', async () => {
    const path = stage(MINE);
    const folder = join(path, '../node_modules/falco-mine');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "name": "falco-mine", "type": "module", "exports": "./index.js" }');
    writeFileSync(
      join(folder, 'index.js'),
      MINE.replace(', type Observable', '')
        .replace(/const unused.*\n/, '')
        .replace(', unused', ''),
    );
    writeFileSync(path, readFileSync(path, 'utf8').replace('./mine.ts', 'falco-mine'));
    const { code, json } = await run(path);
    expect(code).toBe(0);
    expect(json.length).toBeGreaterThan(3);
  });

  test('made by create: its test passes, it runs, and its types hold', async () => {
    const folder = join(scratch(), 'own');
    const made = await Program.run(['create', 'operator', 'by-prefix', '--in', folder]);
    expect(made.code).toBe(0);
    const command = /node --import .* --test .*\.ts/.exec(made.stdout)?.[0] ?? '';
    const [, ...args] = command.split(' ');
    const env = { ...process.env, NODE_OPTIONS: '' };
    expect(execFileSync(process.execPath, args, { encoding: 'utf8', env })).toMatch(/pass 1/);
    execFileSync(join(repository, 'node_modules/.bin/tsc'), ['-p', folder]);
    const path = stage(readFileSync(join(folder, 'by-prefix.ts'), 'utf8'), {
      mine: '{ type: by_prefix, from: detect, prefix: ba }',
    });
    const { code, json } = await run(path);
    expect(code).toBe(0);
    expect(json.length).toBeGreaterThan(3);
    const again = await Program.run(['create', 'operator', 'by-prefix', '--in', folder]);
    expect(again.code).toBe(2);
    expect(again.stderr).toMatch(/is there already; nothing was written/);
  });

  test('the one in the guide, which is the file beside it', async () => {
    const examples = join(repository, 'docs/guides/examples');
    const guide = readFileSync(join(repository, 'docs/guides/operators.md'), 'utf8');
    expect(guide).toContain(readFileSync(join(examples, 'office-hours.ts'), 'utf8').trim());
    const args = ['--import', join(repository, 'dist/register.js'), '--test', join(examples, 'office-hours.test.ts')];
    expect(execFileSync(process.execPath, args, { encoding: 'utf8' })).toMatch(/pass 1/);
    const sets = [
      '--set',
      'operators.night.opens=0',
      '--set',
      'operators.night.closes=24',
      '--set',
      'operators.night.always=[root]',
    ];
    const all = await run(join(examples, 'night-watch.yaml'), ...sets);
    expect(all.code).toBe(0);
    expect(all.stdout.trim().split('\n').length).toBeGreaterThan(10);
    const none = await run(join(examples, 'night-watch.yaml'), ...sets.slice(0, 4));
    expect(none.stdout).toBe('');
  });
});

describe('is refused with what to do', () => {
  test.each([
    [
      'a syntax that cannot be stripped',
      `${MINE}\nenum Colour { Red }\n`,
      {},
      /mine\.ts has TypeScript that is more than types.*erasableSyntaxOnly/s,
    ],
    [
      'a module that throws',
      `throw new Error('no luck');\n`,
      {},
      /The component \.\/mine\.ts cannot be loaded: no luck \(.*mine\.ts:1/,
    ],
    [
      'no default export',
      `export const mine = 1;\n`,
      {},
      /\.\/mine\.ts: the default export is not a component; export default defineOperator/,
    ],
    [
      'a syntax error',
      `const a = 1;\nexport default {\n  x y\n};\n`,
      {},
      /\.\/mine\.ts cannot be loaded: .* \(\/.*\/mine\.ts:3\)/,
    ],
    [
      'a type that is taken',
      MINE.replace("type: 'mine'", "type: 'filter'"),
      {},
      /the operator type filter is taken; give yours another name/,
    ],
    [
      'a key that is every operator’s',
      MINE.replace('{ name:', '{ from:'),
      {},
      /defines "from", a key that every operator has/,
    ],
    [
      'an import that is nowhere',
      `import 'left-pad';\n${MINE}`,
      {},
      /The component .* cannot be loaded, for an import of it fails: .*left-pad/,
    ],
    ['an import that is misspelt', MINE.replaceAll("'falco-pipe'", "'falco-pip'"), {}, /Did you mean "falco-pipe"\?/],
    [
      'a misspelt key of its configuration',
      MINE,
      { mine: '{ type: mine, from: detect, nam: sh }' },
      /5:37: error: Unknown key "nam" at operators\.mine\n.*\n.*\^\^\^\n.*Did you mean "name"\?/,
    ],
  ])('%s', async (_name, component, options, message) => {
    const { code, stderr } = await run(stage(component, options));
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/fault of the program/);
    expect(code).toBe(78);
  });

  test('a path that is nowhere', async () => {
    const path = stage(MINE);
    writeFileSync(path, readFileSync(path, 'utf8').replace('./mine.ts', './yours.ts'));
    const { code, stderr } = await run(path);
    expect(stderr).toMatch(
      /The component \.\/yours\.ts cannot be found: .*Paths start at the folder of the pipeline file/,
    );
    expect(code).toBe(78);
  });

  test('kernel events without saying which fields are read', async () => {
    const path = stage(MINE.replace("  reads: ['proc.name'],\n", ''));
    writeFileSync(
      path,
      `components: [./mine.ts]\nsources: { node: { type: ebpf } }\noperators: { mine: { type: mine, from: node } }\nsinks: { out: { type: stdout, from: mine } }\n`,
    );
    const { code, stderr } = await run(path);
    expect(stderr).toMatch(
      /reads kernel events but does not say which fields it reads\n.*\n.*\n.*Add `reads: \['proc.name', …\]`/,
    );
    expect(code).toBe(78);
  });
});
