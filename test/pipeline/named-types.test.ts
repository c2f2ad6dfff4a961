/** Calls that come too often for whoever takes any call are sent when they are named, whatever else is asked for. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { builtIn } from '../../src/pipeline/plan/registry.ts';
import { wantedFor } from '../../src/sources/ebpf/wanted.ts';
import { scratch } from '../scratch.ts';

const folder = scratch();
const NAMED = 'evt.type in (openat, pread, write)';
const ANY = 'proc.name = true';

/** Which of the frequent calls the kernel is asked for by these lines of a pipeline with the source `node`. */
function frequentBy(...lines: string[]): string[] {
  const yaml = ['sources: { node: { type: ebpf } }', ...lines].join('\n');
  const { sources } = planPipeline(PipelineDocument.parse(join(folder, 'p.yaml'), yaml), builtIn());
  const { sensor } = wantedFor(sources[0]?.demand.get('syscall'), { failedExec: false, pushdown: true });
  expect(sensor.calls.has('openat')).toBe(true);
  return ['read', 'pread', 'write', 'writev'].filter((call) => sensor.calls.has(call));
}

const OUT = 'sinks: { out: { type: stdout, from: it } }';

function byRules(...conditions: string[]): string[] {
  const file = join(folder, 'rules.yaml');
  const rule = (condition: string, n: number) =>
    `- rule: r${n}\n  desc: d\n  condition: ${condition}\n  output: x\n  priority: INFO\n`;
  writeFileSync(file, conditions.map(rule).join(''));
  return frequentBy(`operators: { it: { type: rules, from: node, files: '${file}' } }`, OUT);
}

it('by a rule beside one that names no types', () => {
  expect(byRules(NAMED)).toEqual(['pread', 'write']);
  expect(byRules(NAMED, ANY)).toEqual(['pread', 'write']);
  expect(byRules(ANY)).toEqual([]);
});

it('by a rule that is true for others, too', () => {
  expect(byRules(`${NAMED} or ${ANY}`)).toEqual(['pread', 'write']);
  expect(byRules(`not evt.type = read or ${ANY}`)).toEqual([]);
  expect(byRules(`not (not evt.type = read and not ${ANY})`)).toEqual(['read']);
});

it('by an operator beside a sink that takes any call, and by a route', () => {
  const filter = `{ type: filter, from: node, condition: "${NAMED}" }`;
  expect(frequentBy(`operators: { it: ${filter} }`, 'sinks: { out: { type: stdout, from: [it, node] } }')).toEqual([
    'pread',
    'write',
  ]);
  expect(frequentBy('sinks: { out: { type: stdout, from: node } }')).toEqual([]);
  const routes = `[{ name: a, condition: "${NAMED}" }, { name: b, condition: "${ANY}" }]`;
  expect(frequentBy(`operators: { it: { type: route, from: node, routes: ${routes} } }`, OUT)).toEqual([
    'pread',
    'write',
  ]);
});

it('by an operator above one that takes any call', () => {
  const operators = `operators:
  any: { type: filter, from: node, condition: "${NAMED} or ${ANY}" }
  it: { type: throttle, from: any, limit: 1, per: 1m, key: proc.name }`;
  expect(frequentBy(operators, OUT)).toEqual(['pread', 'write']);
});
