/** Aliases and merge keys in a pipeline file: what they stand for is meant, and errors are where the text is. */

import { describe, expect, it } from 'vitest';
import { PipelineDocument } from '../../../src/pipeline/plan/document.ts';
import { ok, shown } from './shown.ts';

const merged = ok.replace(
  '  out: { type: stdout, from: calm }',
  '  out: &d { type: stdout, from: calm, batch: 7 }\n  two: { <<: *d, type: file, path: /tmp/x }',
);

describe('merge keys', () => {
  it('give what they name, under what stands beside them', () => {
    expect(shown(merged)).toBe('ok');
    expect(PipelineDocument.parse('p.yaml', merged).value()).toMatchObject({
      sinks: { two: { type: 'file', from: 'calm', batch: 7, path: '/tmp/x' } },
    });
    const list = 'a: &a { x: 1 }\nb: &b { x: 2, y: 3 }\nc: { <<: [*a, *b], z: 4 }\n';
    expect(PipelineDocument.parse('p.yaml', list).value()).toMatchObject({ c: { x: 1, y: 3, z: 4 } });
  });

  it('what is wrong in what they name is told there', () => {
    expect(shown(merged.replace('batch: 7', 'batch: x'))).toContain('p.yaml:6:46: error: sinks.out.batch must be');
    expect(shown(merged.replace('batch: 7', 'batch: x'))).toContain('p.yaml:6:46: error: sinks.two.batch must be');
    expect(shown(merged.replace('batch: 7', 'batsh: 7'))).toContain(
      'p.yaml:6:39: error: Unknown key "batsh" at sinks.two',
    );
    expect(shown(merged.replace('<<: *d, ', '<<: [*d, { batch: x }], batch: 0, '))).toContain(
      'p.yaml:7:41: error: sinks.two',
    );
  });

  it('a value that is an alias is told at the alias, what is within it at its own place', () => {
    const alias = ok.replace('limit: 10', 'limit: &n x').replace('from: calm }', 'from: calm, batch: *n }');
    expect(shown(alias)).toContain('p.yaml:6:43: error: sinks.out.batch must be');
    const map = ok
      .replace('[/dev/null]', '&f [/dev/null], rate: 1')
      .replace('type: stdout', 'queue: &q { events: x }, retry: *q, type: stdout');
    expect(shown(map)).toContain('p.yaml:6:22: error: Unknown key "events" at sinks.out.retry');
  });

  it.each([
    ['<<: 5', 'p.yaml:7:14'],
    ['<<: [*d, x]', 'p.yaml:7:19'],
    ['<<: *n', 'p.yaml:7:14'],
  ])('%s is refused', (text, place) => {
    const yaml = merged.replace('<<: *d', text).replace('batch: 7', 'batch: &n 7');
    expect(shown(yaml)).toContain(`${place}: error: What << merges is a map, an alias of one, or a list of such`);
  });

  it('a --set goes before what is merged', () => {
    const document = PipelineDocument.parse('p.yaml', merged, ['sinks.two.batch=9']);
    expect(document.value()).toMatchObject({ sinks: { out: { batch: 7 }, two: { batch: 9, from: 'calm' } } });
  });

  it('a second document after aliases without an end is told', () => {
    for (const yaml of ['a: &a [*a]\n---\nb: 1\n', 'a: *b\n---\nb: 1\n'])
      expect(shown(yaml)).toMatch(/^exit 78\np\.yaml:/);
  });
});
