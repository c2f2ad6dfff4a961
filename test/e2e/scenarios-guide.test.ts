/** The guide docs/guides/scenarios.md: its file is the one that it shows, its commands print what it says. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { examples, readGuide, wordsOf } from './guide.ts';
import { cannotTrace, Program } from './program.ts';

const { blocks, steps } = readGuide('scenarios.md');

test('the file is as it is shown', () => {
  const text = readFileSync(join(examples, 'my-rules.test.yaml'), 'utf8');
  expect(blocks.filter(({ language }) => language === 'yaml').map((block) => block.text)).toEqual([text]);
});

describe.skipIf(cannotTrace)(`the commands${cannotTrace ? ` (skipped: ${cannotTrace})` : ''}`, () => {
  test('are two, and it is said what they print', () => {
    expect(steps.map(({ printed }) => printed.split('\n').length)).toEqual([2, 7]);
  });

  test.each(steps.map((step) => [step.commands.join('; '), step] as const))('%s', async (_, { commands, printed }) => {
    for (const command of commands) {
      const { stdout, stderr, code } = await Program.run(wordsOf(command).slice(1), { cwd: examples });
      expect(stdout + stderr).toBe(printed);
      expect(code).toBe(printed.startsWith('FAIL') ? 1 : 0);
    }
  });
});
