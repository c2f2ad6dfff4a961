/** The guide docs/guides/rules.md: its files are those that it shows, its commands print what it says. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { examples, readGuide, wordsOf } from './guide.ts';
import { Program } from './program.ts';

const { blocks, steps } = readGuide('rules.md');

test('every command of the guide is followed by what it prints', () => {
  expect(steps.length).toBeGreaterThanOrEqual(7);
  for (const { printed } of steps) expect(printed).not.toBe('');
});

test.each(steps.map((step) => [step.commands.join('; '), step] as const))('%s', async (_, { commands, printed }) => {
  let output = '';
  for (const command of commands) {
    const { stdout, stderr, code } = await Program.run(wordsOf(command).slice(1), { cwd: examples });
    output += stdout + stderr;
    expect([0, 78]).toContain(code);
    expect(code === 78).toBe(command.includes('mistake'));
  }
  // Parts in order; … stands for what is left out.
  let at = 0;
  for (const part of printed.split('…\n')) {
    const found = output.indexOf(part, at);
    expect(found, `${part}\nis not in\n${output}`).toBeGreaterThanOrEqual(0);
    at = found + part.length;
  }
});

test.each(['my-rules.yaml', 'my-overrides.yaml', 'my-feeds.yaml'])('%s is as it is shown', (name) => {
  const text = readFileSync(join(examples, name), 'utf8');
  expect(blocks.filter(({ language }) => language === 'yaml').map((block) => block.text)).toContain(text);
});
