/** The guide docs/guides/testing-rules.md: its files are those that it shows, its commands print what it says. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { examples, readGuide, wordsOf } from './guide.ts';
import { Program } from './program.ts';

const { blocks, steps } = readGuide('testing-rules.md');

test('the files are as they are shown', () => {
  const names = ['ssh-keys.yaml', 'ssh-keys.test.yaml', 'ssh-keys-pipeline.test.yaml'];
  const texts = names.map((name) => readFileSync(join(examples, name), 'utf8'));
  expect(blocks.filter(({ language }) => language === 'yaml').map(({ text }) => text)).toEqual(texts);
});

test('every command is followed by what it prints', () => {
  expect(steps.map(({ commands, printed }) => [commands.length, printed.split('\n').length])).toEqual([
    [1, 2],
    [1, 6],
    [1, 4],
    [1, 2],
  ]);
});

test.each(steps.map((step) => [step.commands.join('; '), step] as const))('%s', async (_, { commands, printed }) => {
  for (const command of commands) {
    const { stdout, stderr, code } = await Program.run(wordsOf(command).slice(1), { cwd: examples });
    expect(stdout + stderr).toBe(printed);
    expect(code).toBe(printed.startsWith('FAIL') ? 1 : 0);
  }
});
