/** The alerting rules for Prometheus: they ask for what there is, fire when something is wrong, and are silent when nothing is. */

import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createHistogram } from 'node:perf_hooks';
import { expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { type SourceContext, where } from '../../src/core/component.ts';
import { WriteError } from '../../src/core/write-error.ts';
import { PipelineDocument } from '../../src/pipeline/document.ts';
import { planPipeline } from '../../src/pipeline/plan.ts';
import { allMetrics, componentLabels, prometheusText } from '../../src/pipeline/prometheus.ts';
import { Run } from '../../src/pipeline/run.ts';
import { Store } from '../../src/store/store.ts';
import { recordedLog } from '../core/shared.ts';
import { repository } from '../e2e/program.ts';
import { ManualSink, ManualSource, registryOf } from '../pipeline/harness.ts';
import { atEnd, scratch } from '../scratch.ts';

interface AlertingRule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}

const file = readFileSync(join(repository, 'deploy/prometheus/alerts.yaml'), 'utf8');
const rules = (parse(file) as { groups: { rules: AlertingRule[] }[] }).groups.flatMap((group) => group.rules);

/** What an expression selects: the metric, and what it asks of labels. */
function selectorsIn(expr: string): { name: string; matchers: { label: string; op: string; value: string }[] }[] {
  const matchersIn = (inner: string) =>
    [...inner.matchAll(/(\w+)(=~|!~|!=|=)"([^"]*)"/g)].map(([, label = '', op = '', value = '']) => ({
      label,
      op,
      value,
    }));
  return [...expr.matchAll(/(?<![{,"\w])(up|[a-z]+_[a-z_]+)(?![\w(])(?:\{([^}]*)\})?/g)].map(
    ([, name = '', inner = '']) => ({ name, matchers: matchersIn(inner) }),
  );
}

const yamlOf = (room: number) => `sources: { src: { type: src } }
operators: { op: { type: op, from: src } }
sinks:
  down: { type: down, from: op, batch: 1, queue: { events: ${room}, when_full: spill, spill_events: 3 } }
  picky: { type: picky, from: op }`;

/** The page of a run in which all goes well, or all that can goes wrong. */
async function pageOf(mood: 'good' | 'bad'): Promise<() => string> {
  const isBad = mood === 'bad';
  const source = new ManualSource();
  const [down, picky] = [new ManualSink(), new ManualSink()];
  if (isBad) {
    down.write = () => new Promise(() => {});
    picky.write = () => Promise.reject(new WriteError('no', { permanent: true }));
  }
  let ctx!: SourceContext;
  const op = () =>
    where((event) => {
      if (isBad && event.get('n') === 19) throw new Error('crafted');
      return true;
    });
  const open = (given: SourceContext) => {
    ctx = given;
    return source.input;
  };
  const registry = registryOf({ sources: { src: open }, operators: { op }, sinks: { down, picky } });
  const plan = planPipeline(PipelineDocument.parse('test.yaml', yamlOf(isBad ? 1 : 1000)), registry);
  const store = await Store.open(scratch(), () => {});
  const run = await Run.start(plan, { log: recordedLog().log, resolve: String, store });
  atEnd(async () => {
    await run.stop(0);
    await store.close();
  });
  const turns = createHistogram();
  for (let n = 0; n < 20; n++) source.emit(1, n);
  if (isBad) {
    ctx.trouble('it has no connection');
    ctx.metrics.counter('unfetched').value = 2;
    ctx.metrics.counter('behind').value = 7200;
    ctx.report('gap', { reason: 'stream_limits', count: 5, message: 'five events were missed' });
    run.loadings.refused('a mistake', true);
    const isWrong = { dropped: expect.any(Number), on_disk: 3, dead_lettered: expect.any(Number) };
    await vi.waitFor(() => expect(run.totals.summary()).toMatchObject(isWrong), 20_000);
  } else {
    await vi.waitFor(() => expect(run.totals.summary()).toMatchObject({ delivered: 20 }), 20_000);
  }
  let scrapes = 0;
  return () => {
    scrapes++;
    if (isBad) {
      ctx.metrics.counter('lag', '0').value = 100_000 * scrapes;
      ctx.report('drop', { reason: 'ring_full', count: 1, message: 'the ring was full' });
    } else source.emit(1);
    turns.record(isBad ? 5e8 : 1e6);
    return prometheusText(run.status(), plan, turns);
  };
}

test('each says what is wrong and what to do, and none is named twice', () => {
  expect(rules.length).toBeGreaterThan(10);
  expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  for (const { labels, annotations } of rules) {
    expect(['page', 'ticket']).toContain(labels.severity);
    expect(annotations.summary).toContain('falco-pipe');
    expect(annotations.description).toMatch(/\.$/);
  }
});

test('what they ask for is served: metrics, labels, and values of labels', async () => {
  const page = (await pageOf('bad'))();
  const samples = [...page.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)].map(([, name, inner = '']) => ({
    name,
    labels: new Map([...inner.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', value = '']) => [label, value])),
  }));
  const asked = rules.flatMap(({ alert, expr }) => selectorsIn(expr).map((selector) => ({ alert, ...selector })));
  expect(new Set(asked.map(({ alert }) => alert)).size).toBe(rules.length);
  for (const { alert, name, matchers } of asked) {
    // Prometheus itself makes that, and its labels.
    if (name === 'up') continue;
    const metric = allMetrics.find((each) => each.name === name);
    expect([alert, name, metric !== undefined]).toEqual([alert, name, true]);
    const labels = [...(metric?.labels ?? []), ...componentLabels];
    for (const { label } of matchers) expect([alert, labels]).toEqual([alert, expect.arrayContaining([label])]);
    const isMet = (own: ReadonlyMap<string, string>) =>
      matchers.every(({ label, op, value }) => {
        const is = op.endsWith('~')
          ? new RegExp(`^(?:${value})$`).test(own.get(label) ?? '')
          : own.get(label) === value;
        return op.startsWith('!') ? !is : is;
      });
    expect([alert, name, samples.some((sample) => sample.name === name && isMet(sample.labels))]).toEqual([
      alert,
      name,
      true,
    ]);
  }
});

const noPrometheus = spawnSync('prometheus', ['--version']).status !== 0;

test.skipIf(noPrometheus)(
  `in Prometheus all of them fire where all is wrong, and none where nothing is${noPrometheus ? ' (skipped: there is none; Debian: prometheus)' : ''}`,
  async () => {
    const folder = scratch();
    const pages = { good: await pageOf('good'), bad: await pageOf('bad') };
    // It begins anew all the time, too.
    let starts = 1000;
    const restarted = () => pages.bad().replace(/^(process_start_time_seconds) .*$/m, `$1 ${starts++}`);
    const server = createServer(({ url }, response) => response.end(url === '/bad' ? restarted() : pages.good()));
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    atEnd(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const target = (name: string, to: number) => ({
      job_name: `falco-pipe-${name}`,
      metrics_path: `/${name}`,
      static_configs: [{ targets: [`127.0.0.1:${to}`] }],
    });
    // What takes minutes need not take them here.
    const quick = parse(file.replaceAll(/^ +for: .*\n/gm, '').replaceAll('offset 15m', 'offset 1h')) as object;
    writeFileSync(join(folder, 'alerts.yml'), JSON.stringify(quick));
    const config = {
      global: { scrape_interval: '500ms', scrape_timeout: '500ms', evaluation_interval: '500ms' },
      rule_files: ['alerts.yml'],
      scrape_configs: [target('good', port), target('bad', port), target('gone', 9)],
    };
    writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config));
    const address = `127.0.0.1:${await freePort()}`;
    const flags = [
      '--config.file=prometheus.yml',
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=${address}`,
    ];
    const prometheus = spawn('prometheus', flags, { cwd: folder, stdio: 'ignore' });
    atEnd(() => prometheus.kill('SIGKILL'));
    const firing = async () => {
      const response = await fetch(`http://${address}/api/v1/rules`);
      const { data } = (await response.json()) as { data: { groups: { rules: Evaluated[] }[] } };
      return data.groups.flatMap((group) => group.rules);
    };
    const jobsOf = ({ alerts }: Evaluated) => new Set(alerts.map(({ labels }) => labels.job));
    await vi.waitFor(
      async () => {
        const all = await firing();
        expect(all.filter(({ alerts }) => alerts.length === 0).map(({ name }) => name)).toEqual([]);
      },
      { timeout: 60_000, interval: 500 },
    );
    for (const rule of await firing()) {
      expect(rule).toMatchObject({ health: 'ok' });
      const job = rule.name === 'FalcoPipeDown' ? 'falco-pipe-gone' : 'falco-pipe-bad';
      expect([rule.name, [...jobsOf(rule)]]).toEqual([rule.name, [job]]);
      for (const { annotations } of rule.alerts) expect(annotations.summary).not.toMatch(/<no value>|error/);
    }
  },
  90_000,
);

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

interface Evaluated {
  readonly name: string;
  readonly health: string;
  readonly alerts: readonly {
    readonly labels: { readonly job: string };
    readonly annotations: { readonly summary: string };
  }[];
}
