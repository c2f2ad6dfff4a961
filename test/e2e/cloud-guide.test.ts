/** The pipelines and parts of pipelines in the guide on audit logs are valid, as they stand there. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { builtIn } from '../../src/pipeline/plan/registry.ts';
import { examples, readGuide } from './guide.ts';

const blocks = readGuide('cloud.md').blocks.filter(({ language }) => language === 'yaml');

it('has pipelines', () => {
  expect(blocks.length).toBeGreaterThanOrEqual(7);
});

it.each(blocks.map(({ text }) => [Object.keys(parse(text).sources).join(', '), text] as const))('%s', (_, text) => {
  const shown = parse(text) as { sources: object; operators?: object; sinks?: object };
  // A source alone is shown without what reads it.
  const sinks = shown.sinks ?? { out: { type: 'stdout', from: Object.keys(shown.operators ?? shown.sources) } };
  const yaml = stringify({ ...shown, sinks });
  const { warnings } = planPipeline(PipelineDocument.parse(join(examples, 'guide.yaml'), yaml), builtIn());
  expect(warnings).toEqual([]);
});

it('shows the example by a queue as it is', () => {
  const lines = readFileSync(join(examples, 'aws-queue.yaml'), 'utf8').split('\n');
  const pipeline = lines.filter((line) => !line.startsWith('#')).join('\n');
  expect(blocks.map(({ text }) => text)).toContain(pipeline);
});
