/** The guides docs/guides/sinks.md and from-falco.md: what they show can be run, and they name every format. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import type { UserError } from '../../src/core/errors.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { builtIn } from '../../src/pipeline/plan/registry.ts';
import { formats } from '../../src/sinks/formats/index.ts';

const guides = join(import.meta.dirname, '../../docs/guides');
const guide = (name: string) => readFileSync(join(guides, name), 'utf8');
const blocks = [...guide('sinks.md').matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text = '']) => text);

const sources = { node: { type: 'replay', files: '/dev/null' } };
const detect = { type: 'rules', from: 'node', files: join(guides, '../../rules/host.yaml') };
const urgent = { type: 'filter', from: 'detect', condition: 'priority = Critical' };

/** What is wrong with a pipeline that has this part: one sink, or whole sections. */
function wrongIn(text: string): string[] {
  const part = parse(text);
  const { sinks, operators } = 'sinks' in part ? part : { sinks: part };
  const above = text.includes('from: urgent') ? { detect, urgent, ...operators } : { detect, ...operators };
  const whole = { sources, operators: above, sinks };
  try {
    planPipeline(PipelineDocument.parse('pipeline.yaml', JSON.stringify(whole)), builtIn());
    return [];
  } catch (error) {
    return (error as UserError).diagnostics.map(({ message }) => message);
  }
}

it.each(blocks.map((text) => [text.split('\n')[0], text]))('sinks.md, %s: is valid', (_, text = '') => {
  expect(wrongIn(text)).toEqual([]);
});

it('they name every format', () => {
  expect(blocks.length).toBeGreaterThan(2);
  for (const { type } of formats) expect(guide('sinks.md')).toContain(`\`${type}\``);
  const shown = blocks.flatMap((text) => Object.values(parse(text).sinks ?? {}) as { format?: unknown }[]);
  const types = shown.map(({ format }) => (format as { type?: string } | undefined)?.type ?? format);
  expect(types).toEqual(expect.arrayContaining(['slack', 'teams', 'pagerduty', 'datadog', 'splunk_hec']));
  const named = [...guide('from-falco.md').matchAll(/\bformats? `(\w+)`/g)].map(([, type]) => type);
  expect(named.length).toBeGreaterThan(10);
  expect(formats.map(({ type }) => type)).toEqual(expect.arrayContaining(named));
});
