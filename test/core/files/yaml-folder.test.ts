/** Which entries of a folder are rules files, and what is said of a folder that may not be read. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { yamlFilesOf, yamlNamesIn } from '../../../src/core/files/yaml-folder.ts';
import { scratch } from '../../scratch.ts';

test('files, and links to files: nothing hidden, no folder, no pipe', () => {
  const folder = scratch();
  const files = ['b.yaml', 'a.yml', 'a.test.yaml', 'notes.txt', '.hidden.yaml'];
  for (const name of files) writeFileSync(join(folder, name), '');
  mkdirSync(join(folder, 'sub.yaml'));
  execFileSync('mkfifo', [join(folder, 'pipe.yaml')]);
  // Emacs has one of these beside each file that is edited and not saved.
  symlinkSync('who@host.1234:1', join(folder, '.#a.yaml'));
  symlinkSync('notes.txt', join(folder, 'c.yaml'));
  symlinkSync('sub.yaml', join(folder, 'd.yaml'));
  expect(yamlNamesIn(folder)).toEqual(['a.yml', 'b.yaml', 'c.yaml']);
  expect(yamlFilesOf('rules.d', folder)).toEqual(['rules.d/a.yml', 'rules.d/b.yaml', 'rules.d/c.yaml']);
});

test('a file whose link leads nowhere is not left out without a word', () => {
  const folder = scratch();
  symlinkSync('nowhere', join(folder, 'a.yaml'));
  expect(yamlNamesIn(folder)).toEqual(['a.yaml']);
});

test('what is no folder stands for itself', () => {
  expect(yamlNamesIn('/dev/null')).toBeUndefined();
  expect(yamlNamesIn('/nowhere')).toBeUndefined();
  expect(yamlNamesIn('/dev/null/below')).toBeUndefined();
  expect(yamlFilesOf('a.yaml', '/nowhere')).toEqual(['a.yaml']);
});
