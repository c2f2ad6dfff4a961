/** What is generated and committed is what the sources give now. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { generated } from '../tools/generated.ts';

const root = join(import.meta.dirname, '..');
const files = generated();

test.each([...files])('%s is up to date (else run: make generate)', (path, text) => {
  const committed = existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : undefined;
  expect(committed === text, `${path} is stale: run make generate, and commit what it writes`).toBe(true);
});

test('nothing else lies in the folders of what is generated', () => {
  const found = ['schema', 'docs/reference'].flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => `${folder}/${name}`),
  );
  expect(found.filter((path) => !files.has(path))).toEqual([]);
});

test('generating twice gives the same', () => {
  expect(generated()).toEqual(files);
});
