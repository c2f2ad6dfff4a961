/** An event that cannot be written down costs no other: it is refused, with the reason, whatever the sink and its format. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { liveAck } from '../../src/core/flow/ack.ts';
import { EventRecord, recordForm } from '../../src/events/record.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { Run } from '../../src/pipeline/run/run.ts';
import { formats } from '../../src/sinks/formats/index.ts';
import { recordedLog } from '../core/shared.ts';
import { ManualSource, registryOf } from '../pipeline/harness.ts';
import { atEnd, scratch } from '../scratch.ts';
import { Receiver } from './servers.ts';

const fail = () => {
  throw new Error('crafted');
};
/** An array, so that it is a value; nothing can be made of it. */
const ODD = Object.assign(['odd'], { toString: fail, toJSON: fail, map: fail, join: fail }) as unknown as string;

const OPTIONS: Readonly<Record<string, string>> = {
  pagerduty: ', routing_key: { env: SINK_KEY }',
  datadog: ', api_key: { env: SINK_KEY }',
  splunk_hec: ', token: { env: SINK_KEY }',
};

/** They take no answer but that of their service: what it would take is tried in their own tests. */
const PICKY = new Set(['http_elasticsearch', 'http_pagerduty', 'http_splunk_hec']);

it('is refused by each, and the others arrive', { timeout: 60_000 }, async () => {
  vi.stubEnv('SINK_KEY', 'k');
  const folder = scratch();
  const server = await Receiver.start();
  atEnd(() => void server.stop());
  const retry = 'retry: { initial: 1ms, max: 1ms, give_up_after: 1s }, from: src';
  const sinks = [
    `file_json: { type: file, path: ${join(folder, 'a')}, format: json, fields: [fd.name], ${retry} }`,
    `file_text: { type: file, path: ${join(folder, 'b')}, format: text, fields: [fd.name], ${retry} }`,
    `to_cat: { type: program, command: [sh, -c, 'cat > ${join(folder, 'c')}'], fields: [fd.name], ${retry} }`,
    ...formats.map(
      ({ type }) =>
        `http_${type}: { type: http, url: '${server.url}/${type}', format: { type: ${type}${OPTIONS[type] ?? ''} }, fields: [fd.name], ${retry} }`,
    ),
  ];
  const source = new ManualSource();
  const yaml = `sources: { src: { type: src } }\nsinks:\n  ${sinks.join('\n  ')}\n`;
  const plan = planPipeline(
    PipelineDocument.parse('test.yaml', yaml),
    registryOf({ sources: { src: () => source.input } }),
  );
  const { log, lines } = recordedLog();
  const run = await Run.start(plan, { log, resolve: String });
  const events = ['/good/1', ODD, '/good/2'].map(
    (name) => new EventRecord('syscall', 'open', 1n, { 'fd.name': name, 'proc.name': name }),
  );
  source.input.next({ source: 'syscall', form: recordForm, events, ack: liveAck });
  const sinksOf = () => run.status().components.flatMap(({ kind, id }) => (kind === 'sink' ? [id] : []));
  const refused = (id: string) => run.metrics.get(id)?.byLabel('dropped').refused;
  const isDone = (id: string) => refused(id) === 1 && (PICKY.has(id) || run.metrics.get(id)?.total('delivered') === 2);
  await vi.waitFor(() => expect(sinksOf().filter((id) => !isDone(id))).toEqual([]), 20_000);
  expect(lines.filter((line) => line.includes('it cannot be written down: crafted')).length).toBeGreaterThan(10);
  const failed = lines.filter((line) => line.includes('writing failed'));
  expect(failed.filter((line) => ![...PICKY].some((id) => line.includes(id)))).toEqual([]);
  await run.stop(1000);
  for (const name of ['a', 'b', 'c']) expect(readFileSync(join(folder, name), 'utf8')).toMatch(/good\/1[\s\S]*good\/2/);
  vi.unstubAllEnvs();
});
