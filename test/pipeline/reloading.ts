/** Runs whose plans are exchanged, by virtual time. */

import { expect, vi } from 'vitest';
import type { AnyDefinition, SourceContext } from '../../src/core/component.ts';
import { UserError } from '../../src/core/errors.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { Run } from '../../src/pipeline/run/run.ts';
import { recordedLog } from '../core/shared.ts';
import { ManualSource, type Parts, registryOf } from './harness.ts';

export const flush = () => vi.advanceTimersByTimeAsync(0);
export const range = (count: number, from = 0) => Array.from({ length: count }, (_, index) => from + index);

/** A run whose plan can be exchanged; the registry, and so every definition, is the same throughout. */
export async function running(yaml: string, parts: Parts, more: readonly AnyDefinition[] = []) {
  const registry = registryOf(parts);
  for (const definition of more) registry.add(definition, 'test');
  const { log, lines } = recordedLog();
  const plan = (text: string) => planPipeline(PipelineDocument.parse('test.yaml', text), registry);
  const run = await Run.start(plan(yaml), { log, resolve: String });
  return { run, lines, reload: (text: string) => run.reload(plan(text)) };
}

export async function stopped(run: Run) {
  const stop = run.stop(1000);
  await vi.runAllTimersAsync();
  const summary = await stop;
  expect(summary.delivered + summary.filtered + summary.dropped + summary.in_flight).toBe(summary.seen);
  return summary;
}

/** A source that counts how often it is opened and closed, and remembers what was asked of it. */
export function observed() {
  const input = new ManualSource();
  const seen = { opened: 0, closed: 0, asked: [] as string[][], refuse: false };
  const open = (ctx: SourceContext) => {
    seen.opened++;
    ctx.onDemand((demand) => {
      if (seen.refuse) throw new UserError('that cannot be had');
      seen.asked.push([...(demand.get('syscall')?.fields ?? [])].sort());
    });
    ctx.signal.addEventListener('abort', () => seen.closed++);
    return input.input;
  };
  return { input, seen, open };
}
