/** The verb `create`, through the built program: what it writes runs, passes its own test and type-checks as it stands. */

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { Program, pipeline, repository } from '../e2e/program.ts';
import { scratch } from '../scratch.ts';

const event = (name: string) =>
  `${JSON.stringify({ source: 'syscall', time: 1_700_000_000_000_000_000, type: 'execve', fields: { 'proc.name': name } })}\n`;

describe.each([
  ['in a bare folder', undefined],
  ['in a folder that npm init made', { name: 'mine', version: '1.0.0', type: 'commonjs' }],
])('create operator %s', (_where, packageJson) => {
  const folder = scratch();
  let said: string;

  beforeAll(async () => {
    if (packageJson) writeFileSync(join(folder, 'package.json'), JSON.stringify(packageJson));
    const { code, stdout } = await Program.run(['create', 'operator', 'mark-night'], { cwd: folder });
    expect(code).toBe(0);
    said = stdout;
  });

  test('writes the operator, its test and a tsconfig', () => {
    const written = readdirSync(folder).filter((name) => name !== 'package.json');
    expect(written.sort()).toEqual(['mark-night.test.ts', 'mark-night.ts', 'tsconfig.json']);
  });

  test('a pipeline runs it', async () => {
    writeFileSync(join(folder, 'events.jsonl'), event('bash') + event('ls'));
    const path = pipeline(
      folder,
      `components: [./mark-night.ts]
sources: { past: { type: replay, files: events.jsonl } }
operators: { mine: { type: mark_night, from: past, prefix: bash } }
sinks: { out: { type: stdout, from: mine, format: json, fields: [proc.name] } }
`,
    );
    const { code, json, stderr } = await Program.run(['run', path]);
    expect(code).toBe(0);
    expect(json.map(({ fields }) => fields)).toEqual([{ 'proc.name': 'bash' }]);
    expect(stderr).not.toContain('Warning');
  });

  test('its test passes by the command that is printed', () => {
    const command = said.split('\n').find((line) => line.includes('--test'));
    expect(command).toBeDefined();
    // Vitest's own settings must not reach a test runner of another kind.
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(NODE_|VITEST|TEST)/.test(name)));
    const { status, stdout } = spawnSync('sh', ['-c', command as string], { cwd: folder, env, encoding: 'utf8' });
    expect(stdout).toContain('pass 1');
    expect(status).toBe(0);
  });

  test('types check as it stands', () => {
    const tsc = spawnSync(join(repository, 'node_modules/.bin/tsc'), ['-p', folder], { encoding: 'utf8' });
    expect(tsc.stdout).toBe('');
    expect(tsc.status).toBe(0);
  });
});

test('never overwrites', async () => {
  const folder = scratch();
  writeFileSync(join(folder, 'mine.test.ts'), 'precious');
  const { code, stderr } = await Program.run(['create', 'operator', 'mine', '--in', folder]);
  expect(code).toBe(2);
  expect(stderr).toContain('mine.test.ts is there already; nothing was written');
  expect(readdirSync(folder)).toEqual(['mine.test.ts']);
  expect(readFileSync(join(folder, 'mine.test.ts'), 'utf8')).toBe('precious');
});

test('a folder that cannot be made: exit 1', async () => {
  const { code, stderr } = await Program.run(['create', 'operator', 'mine', '--in', 'package.json/mine']);
  expect(code).toBe(1);
  expect(stderr).toContain('Cannot write into package.json/mine');
});
