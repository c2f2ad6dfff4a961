/** How loadings of a pipeline that runs ended: in its status, its metrics, and what it says of itself. */

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { prometheusText } from '../../../src/pipeline/run/prometheus.ts';
import { ManualSink, start } from '../harness.ts';
import { flush, stopped } from '../reloading.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('a refused one is a problem until the next that is not, and each of them is told', async () => {
  const out = new ManualSink();
  const told: unknown[][] = [];
  out.write = async (events) => {
    told.push(...events.map((event) => [event.type, event.get('internal.reason'), event.get('internal.message')]));
  };
  const yaml = 'sources: { self: { type: internal } }\nsinks: { out: { type: out, from: self } }';
  const { run, lines } = await start(yaml, { sinks: { out } });
  const seen = () => {
    const page = prometheusText(run.status(), run.plan);
    const metric = (name: string) => Number(new RegExp(`^falco_pipe_${name} (\\S+)$`, 'm').exec(page)?.[1]);
    const at = metric('config_last_reload_success_timestamp_seconds');
    const { problems, reloads } = run.status();
    return { problems, reloads, ok: metric('config_last_reload_successful'), ago: Date.now() / 1000 - at };
  };
  await vi.advanceTimersByTimeAsync(5000);
  expect(seen()).toMatchObject({ problems: [], reloads: { done: 0, failed: 0 }, ok: 1, ago: 5 });
  for (const why of ['no such key', 'no such file']) run.loadings.refused(why);
  await flush();
  expect(seen()).toMatchObject({
    problems: ['not reloaded, it runs as before: no such file'],
    reloads: { done: 0, failed: 2 },
    ok: 0,
    ago: 5,
  });
  run.loadings.done('reloaded (SIGHUP)');
  await flush();
  expect(seen()).toMatchObject({ problems: [], reloads: { done: 1, failed: 2 }, ok: 1, ago: 0 });
  expect(told).toEqual([
    ['error', 'reload_refused', 'not reloaded, it runs as before: no such key'],
    ['error', 'reload_refused', 'not reloaded, it runs as before: no such file'],
    ['health', 'reloaded', 'reloaded (SIGHUP)'],
  ]);
  // They are in the log already.
  expect(lines).toEqual([]);
  await stopped(run);
});
