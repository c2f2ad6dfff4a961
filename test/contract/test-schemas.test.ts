/** The JSON Schemas of files of tests, which editors complete by: they take what we ship and refuse what the program refuses. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { accepts, flaws } from './json-schema.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const schemaOf = (name: string) => JSON.parse(read(`schema/${name}.schema.json`)) as Record<string, unknown>;

/** Files of tests below a folder. */
const filesIn = (folder: string) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.test.yaml'))
    .map((name) => `${folder}/${name}`);

const guide = (name: string) => `docs/guides/examples/${name}`;

describe.each<[string, string[], object[]]>([
  [
    'rule-tests',
    [...filesIn('rules'), guide('ssh-keys.test.yaml'), guide('ssh-keys-wrong.yaml')],
    [
      { tests: [] },
      { tests: [{ rule: 'R', name: 'n', events: [] }] },
      { tests: [{ rule: 'R', name: 'n', event: [{}] }] },
    ],
  ],
  [
    'pipeline-tests',
    [...filesIn('pipelines'), guide('ssh-keys-pipeline.test.yaml')],
    [
      { pipeline: 'p.yaml' },
      { pipeline: 'p.yaml', tests: [{ name: 'n', events: [{ type: 'openat' }], expect: {} }] },
      { pipeline: 'p.yaml', tests: [{ name: 'n', events: [{ into: 'a', at: '1 second' }], expect: {} }] },
    ],
  ],
])('schema/%s.schema.json', (name, files, wrong) => {
  const { $comment: _, ...schema } = schemaOf(name);

  test('is one of draft 2020-12', () => {
    expect(schema).toMatchObject({ $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'object' });
    expect(flaws(schema)).toEqual([]);
  });

  test.each(files)('accepts %s', (file) => {
    expect(accepts(schema, parse(read(file)))).toBe(true);
  });

  test.each(wrong.map((each) => [JSON.stringify(each), each] as const))('refuses %s', (_text, each) => {
    expect(accepts(schema, each)).toBe(false);
  });
});
