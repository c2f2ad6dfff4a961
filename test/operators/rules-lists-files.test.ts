/** A list whose file is none: it refuses the start; later the old items stay, which is a problem until there is a file again. */

import { execFileSync } from 'node:child_process';
import { rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it, vi } from 'vitest';
import type { UserError } from '../../src/core/errors.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { Run } from '../../src/pipeline/run/run.ts';
import { sentHeaders } from '../../src/rules/lists/items-headers.ts';
import { recordedLog } from '../core/shared.ts';
import { ManualSink, ManualSource, registryOf } from '../pipeline/harness.ts';
import { scratch } from '../scratch.ts';

const folder = scratch();
const list = join(folder, 'far.txt');
const rules = join(folder, 'rules.yaml');

beforeEach(() => rmSync(list, { force: true }));

function planned(more = '') {
  writeFileSync(
    rules,
    `- list: far
  items_from: { file: far.txt${more} }
- rule: listed
  desc: d
  condition: evt.type = openat and fd.name in (far)
  output: "%fd.name"
  priority: NOTICE
`,
  );
  const yaml = `sources: { in: { type: manual } }
operators: { detect: { type: rules, from: in, files: ${rules} } }
sinks: { out: { type: collect, from: detect } }
`;
  return planPipeline(
    PipelineDocument.parse('test.yaml', yaml),
    registryOf({ sources: { manual: () => new ManualSource().input }, sinks: { collect: new ManualSink() } }),
  );
}

function errorOf(more?: string): string | undefined {
  try {
    planned(more);
    return undefined;
  } catch (error) {
    return (error as UserError).diagnostics[0]?.message;
  }
}

it('that is a pipe or a device, or that is too large, refuses the start', { timeout: 10_000 }, () => {
  execFileSync('mkfifo', [list]);
  expect(errorOf()).toBe('Cannot read far.txt: it is a pipe, no regular file');
  rmSync(list);
  symlinkSync('/dev/zero', list);
  expect(errorOf()).toBe('Cannot read far.txt: it is a device, no regular file');
  rmSync(list);
  writeFileSync(list, '');
  truncateSync(list, 128 * 1024 ** 2 + 1);
  expect(errorOf()).toBe('Cannot read far.txt: it has more than 128 MiB');
  rmSync(list);
  writeFileSync(list, '/data/one\n');
  expect(errorOf()).toBeUndefined();
});

it('that becomes a pipe stays as it was, and holds up neither the end nor other files', {
  timeout: 20_000,
}, async () => {
  writeFileSync(list, '/data/one\n/data/two\n');
  const { log, lines } = recordedLog();
  const run = await Run.start(planned(', refresh: 1s'), { log, resolve: String });
  const counted = (name: string) => run.metrics.get('detect')?.byLabel(name).far ?? 0;
  rmSync(list);
  execFileSync('mkfifo', [list]);
  await vi.waitFor(() => expect(counted('list_failures')).toBeGreaterThan(1), 10_000);
  const why = 'the list far stays as it is: far.txt: it is a pipe, no regular file';
  expect(run.status().problems).toEqual([`operator detect: ${why}`]);
  expect(counted('list_items')).toBe(2);
  expect(lines.filter((line) => line.includes('no regular file'))).toHaveLength(1);
  rmSync(list);
  writeFileSync(list, '/data/three\n');
  await vi.waitFor(() => expect(counted('list_items')).toBe(1), 10_000);
  expect(run.status().problems).toEqual([]);
  await run.stop(1000);
});

it('a secret that is sent for a list is read from a file only', { timeout: 10_000 }, () => {
  execFileSync('mkfifo', [list]);
  const send = () => sentHeaders({ 'x-key': { file: list } });
  expect(send).toThrow('the header x-key cannot be read: it is a pipe, no regular file');
  rmSync(list);
  writeFileSync(list, 'k-1\n');
  expect(send()).toEqual({ 'x-key': 'k-1' });
});
