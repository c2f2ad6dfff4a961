/** Whatever YAML value stands where a pipeline should: a clear error of the configuration, never a fault of the program. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDocument, stringify } from 'yaml';
import { ok, shown } from './shown.ts';

const keys = fc.constantFrom(
  ...['sources', 'operators', 'sinks', 'components', 'only', 'http', 'state', 'name', 'kind', 'apiVersion', 'engine'],
  ...[
    'type',
    'from',
    'files',
    'path',
    'url',
    'queue',
    'when_full',
    'listen',
    'past',
    'out',
    '<<',
    'format',
    'tls',
    'x',
  ],
);
const leaves = fc.oneof(
  fc.constantFrom(
    'replay',
    'stdout',
    'http',
    'rules',
    'file',
    'throttle',
    'internal',
    'past',
    'out',
    '',
    '/none',
    null,
  ),
  fc.oneof(fc.boolean(), fc.integer(), fc.double(), fc.string()),
);
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    leaves,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(keys, tie('value'), { maxKeys: 4 }),
  ),
}));
const clear = /^(?:ok$|exit (?:78|2)\n(?:p\.yaml|--set):\d+:\d+: error: )/;

describe('any value for a pipeline', () => {
  it.each([
    ['sources', '"sources"', '^^^^^^^'],
    ['5', '5', '^'],
    ['true', 'true', '^^^^'],
  ])('one scalar, %s', (text, named, marks) => {
    expect(shown(`\n${text}`)).toBe(
      `exit 78\np.yaml:2:1: error: A pipeline file must be a map, not ${named}\n  ${text}\n  ${marks}\np.yaml has an error`,
    );
  });

  it.each([
    ['little-endian with a mark', Buffer.from(`\uFEFF${ok}`, 'utf16le')],
    ['little-endian', Buffer.from(ok, 'utf16le')],
    ['big-endian with a mark', Buffer.from(`\uFEFF${ok}`, 'utf16le').swap16()],
    ['big-endian', Buffer.from(ok, 'utf16le').swap16()],
  ])('UTF-16, %s', (_, bytes) => {
    expect(shown(bytes.toString('utf8'))).toContain('p.yaml:1:1: error: This file is in UTF-16, not in UTF-8');
  });

  it('is told with its place', () => {
    fc.assert(
      fc.property(value, (any) => {
        expect(shown(stringify(any))).toMatch(clear);
      }),
      { numRuns: 150 },
    );
  });

  it('is told with its place where the rest is right', () => {
    const paths = fc.constantFrom(
      ...[
        ['sources'],
        ['sinks'],
        ['operators'],
        ['sources', 'past'],
        ['sources', 'past', 'files'],
        ['operators', 'calm'],
      ],
      ...[['operators', 'calm', 'from'], ['sinks', 'out'], ['sinks', 'out', 'queue'], ['sinks', 'out', '<<'], ['only']],
    );
    fc.assert(
      fc.property(paths, value, (path, any) => {
        const document = parseDocument(ok);
        document.setIn(path, document.createNode(any));
        expect(shown(String(document))).toMatch(clear);
      }),
      { numRuns: 150 },
    );
  });

  it('is told with its place when it is given by --set', () => {
    const paths = fc.constantFrom(
      'sources',
      'sinks.out',
      'operators.calm.from',
      'sinks.out.queue',
      'only',
      'state',
      'x.0',
    );
    fc.assert(
      fc.property(paths, value, fc.constantFrom(ok, '5', '', '[]'), (path, any, yaml) => {
        expect(shown(yaml, [`${path}=${JSON.stringify(any)}`])).toMatch(clear);
      }),
      { numRuns: 100 },
    );
  });

  it('that contains itself is told', () => {
    for (const yaml of ['&a [*a]', '&a { x: *a }', ok.replace('{ type: stdout', '&a { x: *a, type: stdout')])
      expect(shown(yaml)).toMatch(/^exit 78\np\.yaml:\d+:\d+: error: /);
    expect(shown(ok.replace('[/dev/null]', '&a [*a]'))).toMatch(/^exit 78\np\.yaml:\d+:\d+: error: /);
  });

  it('cut off anywhere', () => {
    for (let end = 0; end < ok.length; end++) expect(shown(ok.slice(0, end)), ok.slice(0, end)).toMatch(clear);
  });
});
