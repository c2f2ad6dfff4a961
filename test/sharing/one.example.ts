/** What one file does to the environment and to our modules, and how it has to find them. */
import { writeSync } from 'node:fs';
import { expect, test } from 'vitest';
import { look } from './state.ts';

test('nothing is left of another file', () => {
  expect({ seen: look(), left: process.env.FALCO_PIPE_LEFT, home: process.env.HOME }).toEqual({
    seen: 1,
    home: '/home',
  });
  process.env.FALCO_PIPE_LEFT = 'here';
  delete process.env.HOME;
  writeSync(1, `ran in ${process.pid}\n`);
});
