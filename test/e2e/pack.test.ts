/** What `npm pack` makes works where it is installed: no compiler, no make, nothing but Node.js, npm and coreutils. */

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { scratch } from '../scratch.ts';
import { cannotTrace, Program, pipeline, repository, Stage } from './program.ts';

const folder = scratch();
const bin = join(folder, 'bin');
const home = join(folder, 'home');
const installed = join(home, 'node_modules/falco-pipe');
const command = join(home, 'node_modules/.bin/falco-pipe');
/** What somebody has who only uses it: settings of how to reach the network stay, those of the tests' own npm do not. */
const env: NodeJS.ProcessEnv = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_OPTIONS|NODE_PATH|VITEST|MAKE)/.test(name)),
  ),
  PATH: bin,
};
let packed: string[];

function find(name: string): string {
  const paths = (process.env.PATH ?? '').split(delimiter).map((each) => join(each, name));
  const path = paths.find((each) => existsSync(each));
  if (path === undefined) throw new Error(`${name} is not in PATH`);
  return realpathSync(path);
}

const run = (args: readonly string[]) => Program.run(args, { command, env, cwd: home });

beforeAll(() => {
  for (const each of [bin, home]) mkdirSync(each);
  for (const name of ['npm', 'sh', 'readlink', 'uname', 'cat']) symlinkSync(find(name), join(bin, name));
  symlinkSync(process.execPath, join(bin, 'node'));
  const json = execFileSync('npm', ['pack', '--json', '--pack-destination', folder], {
    cwd: repository,
    encoding: 'utf8',
  });
  // What the build prints before comes first.
  const [made] = JSON.parse(json.slice(json.indexOf('[\n'))) as { filename: string; files: { path: string }[] }[];
  packed = made?.files.map(({ path }) => path) ?? [];
  writeFileSync(join(home, 'package.json'), '{ "private": true }');
  const install = ['install', '--no-audit', '--no-fund', '--prefer-offline', join(folder, made?.filename ?? '')];
  execFileSync('npm', install, { cwd: home, env, stdio: 'pipe' });
}, 120_000);

test('all that it needs is inside, and nothing else', () => {
  expect(packed).toEqual(
    expect.arrayContaining([
      'README.md',
      'LICENSE',
      'bin/falco-pipe',
      'dist/cli.js',
      'dist/types/src/index.d.ts',
      'dist/types/src/rules/index.d.ts',
      'dist/types/src/testing/index.d.ts',
      `prebuilds/linux-${process.arch}/actor`,
      `prebuilds/linux-${process.arch}/falco_pipe.node`,
      `prebuilds/linux-${process.arch}/sensor.bpf.o`,
      'rules/host.yaml',
      'actions/stable.yaml',
      'pipelines/collector.yaml',
      'pipelines/default.yaml',
      'pipelines/demo.yaml',
      'pipelines/edge.yaml',
      'pipelines/demo.jsonl.gz',
      'schema/pipeline.schema.json',
      'deploy/falco-pipe.service',
      'docs/reference/cli.md',
    ]),
  );
  const kinds =
    /^(bin|dist|prebuilds|rules|actions|pipelines|schema|deploy|docs)\/|^(README|CHANGELOG|SECURITY)\.md$|^LICENSE$|^package\.json$/;
  expect(packed.filter((path) => !kinds.test(path) || /^dist\/.*(\.test\.|\.built$)/.test(path))).toEqual([]);
});

test('--version', async () => {
  const { code, stdout, stderr } = await run(['--version']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^falco-pipe \d/);
});

test('the demo: alerts from recorded events', async () => {
  const { code, stdout, stderr } = await run(['run', join(installed, 'pipelines/demo.yaml')]);
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/^\d\d:\d\d:\d\d\.\d{9}: (Critical|Warning|Notice|Error) /m);
  expect(stderr).toMatch(/"dropped":0,/);
});

test('the program that performs scenarios can be executed', () => {
  const actor = join(installed, `prebuilds/linux-${process.arch}/actor`);
  const { status, stdout } = spawnSync(actor, [], { input: '', encoding: 'utf8' });
  expect(status).toBe(0);
  expect(stdout).toMatch(/^0 stage \/tmp\/falco-pipe-/);
});

test('the public types are types, not holes', () => {
  const text = (config: string) => `import { defineOperator, where } from 'falco-pipe';
import { runSteps } from 'falco-pipe/testing';
import { loadRules } from 'falco-pipe/rules';
import { z } from 'zod';
export default defineOperator({
  type: 'mine', summary: 'Mine.', examples: [], config: z.strictObject({ prefix: z.string() }),
  create: ({ ${config} }) => where((event) => String(event.get('proc.name')).startsWith(${config})),
});
export { loadRules, runSteps };
`;
  writeFileSync(join(home, 'right.mts'), text('prefix'));
  writeFileSync(join(home, 'wrong.mts'), text('perfix'));
  const strict = [
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2024',
    '--typeRoots',
    `${repository}/node_modules/@types`,
    '--types',
    'node',
  ];
  const check = (file: string) =>
    spawnSync(join(repository, 'node_modules/.bin/tsc'), [...strict, file], { cwd: home, encoding: 'utf8' }).stdout;
  expect(check('right.mts')).toBe('');
  expect(check('wrong.mts')).toContain("Property 'perfix' does not exist");
});

test('rules judge events in a program of its own, without RxJS and without the kernel', () => {
  const rules = `- rule: Secret read
  desc: d
  condition: evt.type in (open, openat) and fd.name = /etc/shadow and not proc.name in (sshd)
  output: A secret was read (file=%fd.name by=%proc.name)
  priority: WARNING
`;
  writeFileSync(
    join(home, 'judge.mjs'),
    `import { bindRules, catalogues, EventRecord, loadRules, recordForm } from 'falco-pipe/rules';
const { ok, rules } = loadRules([{ name: 'mine.yaml', content: ${JSON.stringify(rules)} }], { catalogues });
const ruleset = bindRules(rules, recordForm, { matching: 'all' });
const hit = ({ output }, event) => console.log(output.bind(recordForm).text(event));
for (const name of ['cat', 'sshd']) {
  const fields = { 'fd.name': '/etc/shadow', 'proc.name': name };
  ruleset.judge(new EventRecord('syscall', 'openat', 0n, fields), hit, (_, error) => console.log(error));
}
console.log(ok);
`,
  );
  const { stdout, stderr } = spawnSync(process.execPath, ['judge.mjs'], { cwd: home, encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(stdout).toBe('A secret was read (file=/etc/shadow by=cat)\ntrue\n');
  const parts = importedBy(join(installed, 'dist/rules.js')).map((path) => readFileSync(path, 'utf8'));
  expect(parts.length).toBeGreaterThan(1);
  // Names that only RxJS and the addon's loader have.
  for (const part of parts) expect(part).not.toMatch(/_trySubscribe|falco_pipe\.node/);
});

/** A module of the package with all that it imports at once. */
function importedBy(path: string, found = new Set<string>()): string[] {
  if (found.has(path)) return [];
  found.add(path);
  const imports = [...readFileSync(path, 'utf8').matchAll(/(?:from|import)"(\.[^"]+)"/g)];
  for (const [, each = ''] of imports) importedBy(join(path, '..', each), found);
  return [...found];
}

test('create operator: it runs, and types check, where npm has put what we depend on beside us', async () => {
  const { code } = await run(['create', 'operator', 'mine', '--in', 'components']);
  expect(code).toBe(0);
  const path = pipeline(
    home,
    `components: [./components/mine.ts]
sources: { past: { type: replay, files: ${installed}/pipelines/demo.jsonl.gz } }
operators: { mine: { type: mine, from: past, prefix: no-such-program } }
sinks: { out: { type: stdout, from: mine } }
`,
  );
  const { code: ran, stderr } = await run(['run', path]);
  expect(ran, stderr).toBe(0);
  const tsc = spawnSync(join(repository, 'node_modules/.bin/tsc'), ['-p', join(home, 'components')], {
    encoding: 'utf8',
  });
  // Only the types of Node.js itself are the user's to install, for the test.
  expect(tsc.stdout.split('\n').filter((line) => line !== '' && !line.includes("'node:"))).toEqual([]);
});

test('the worked example, whose TypeScript lies below node_modules', async () => {
  const { code, stderr } = await run(['validate', join(installed, 'docs/guides/examples/night-watch.yaml')]);
  expect(code, stderr).toBe(0);
});

describe.skipIf(cannotTrace)(`kernel events${cannotTrace ? ` (skipped: ${cannotTrace})` : ''}`, () => {
  test('become alerts', async () => {
    const stage = new Stage();
    const path = pipeline(
      home,
      `sources: { node: { type: ebpf, scope: { descendants_of: ${stage.pid} } } }
operators: { detect: { type: rules, from: node, files: node_modules/falco-pipe/rules/host.yaml } }
sinks: { out: { type: stdout, from: detect } }
`,
      'live.yaml',
    );
    const program = Program.start(['run', path], { command, env, cwd: home });
    await program.ready();
    await stage.run('cat /etc/shadow >/dev/null');
    await program.until(({ stdout }) => stdout.includes('/etc/shadow'));
    expect(await program.stop()).toBe(0);
    await stage.close();
  });
});
