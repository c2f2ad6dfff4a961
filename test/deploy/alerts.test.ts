/** The alerting rules for Prometheus: they ask for what there is, fire when something is wrong, and are silent when nothing is. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createHistogram } from 'node:perf_hooks';
import { expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { type OperatorContext, type SourceContext, where } from '../../src/core/component.ts';
import { WriteError } from '../../src/core/failure/write-error.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { allMetrics, componentLabels, prometheusText } from '../../src/pipeline/run/prometheus.ts';
import { Run } from '../../src/pipeline/run/run.ts';
import { Store } from '../../src/store/store.ts';
import { recordedLog } from '../core/shared.ts';
import { repository } from '../e2e/program.ts';
import { ManualSink, ManualSource, registryOf } from '../pipeline/harness.ts';
import { atEnd, scratch } from '../scratch.ts';
import { type Series, unreadable, wrongIn } from './promtool.ts';

interface AlertingRule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}

const file = join(repository, 'deploy/prometheus/alerts.yaml');
const rules = (parse(readFileSync(file, 'utf8')) as { groups: { rules: AlertingRule[] }[] }).groups.flatMap(
  (group) => group.rules,
);

/** What an expression selects: the metric, and what it asks of labels. */
function selectorsIn(expr: string): { name: string; matchers: { label: string; op: string; value: string }[] }[] {
  const matchersIn = (inner: string) =>
    [...inner.matchAll(/(\w+)(=~|!~|!=|=)"([^"]*)"/g)].map(([, label = '', op = '', value = '']) => ({
      label,
      op,
      value,
    }));
  return [
    ...expr.replaceAll(/\bon \([^)]*\)/g, '').matchAll(/(?<![{,"\w])(up|[a-z]+_[a-z_]+)(?![\w(])(?:\{([^}]*)\})?/g),
  ].map(([, name = '', inner = '']) => ({ name, matchers: matchersIn(inner) }));
}

const yamlOf = (room: number) => `sources: { src: { type: src }, other: { type: other } }
operators: { op: { type: op, from: src }, detect: { type: detect, from: other } }
sinks:
  down: { type: down, from: op, batch: 1, queue: { events: ${room}, when_full: spill, spill_events: 3 } }
  picky: { type: picky, from: [op, detect] }`;

/** The page of a run in which all goes well, or all that can goes wrong. */
async function pageOf(mood: 'good' | 'bad'): Promise<() => string> {
  const isBad = mood === 'bad';
  const [source, other] = [new ManualSource(), new ManualSource()];
  const [down, picky] = [new ManualSink(), new ManualSink()];
  if (isBad) {
    down.write = () => new Promise(() => {});
    picky.write = () => Promise.reject(new WriteError('no', { permanent: true }));
  }
  let ctx!: SourceContext;
  const op = (own: OperatorContext) => {
    if (isBad) own.trouble('a list stays as it is');
    return where((event) => {
      if (isBad && event.get('n') === 19) throw new Error('crafted');
      return true;
    });
  };
  const open = (given: SourceContext) => {
    ctx = given;
    return source.input;
  };
  const registry = registryOf({
    sources: { src: open, other: () => other.input },
    operators: { op, detect: () => where(() => true) },
    sinks: { down, picky },
  });
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
    run.report('gap', { reason: 'unclean_end', message: 'it was killed' });
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
      ctx.report('gap', { reason: 'reconnect', message: 'there was no connection' });
      run.metrics.get('detect')?.add('rule_errors', 'R', 1);
    } else {
      source.emit(1);
      other.emit(1);
    }
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

/** Series as a page has them at each of two scrapes, going on as they went from the first to the second. */
function seriesOf(job: string, pages: readonly [string, string]): Series {
  const [first, second] = pages.map(
    (page) =>
      new Map(
        [...page.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)].map(([, name, inner = '', value]) => [
          `${name}{${inner === '' ? '' : `${inner},`}job="falco-pipe",instance="${job}"}`,
          Number(value),
        ]),
      ),
  ) as [Map<string, number>, Map<string, number>];
  return Object.fromEntries(
    [...second].map(([series, value]) => [series, `${first.get(series) ?? 0}+${value - (first.get(series) ?? 0)}x480`]),
  );
}

test('all of them fire where all is wrong, and none where nothing is', async () => {
  const [good, bad] = [await pageOf('good'), await pageOf('bad')];
  const pages = { good: [good(), good()], bad: [bad(), bad()] } as const;
  for (const page of [pages.good[1], pages.bad[1]]) expect(unreadable(page)).toBe('');
  const start = (instance: string) => `process_start_time_seconds{job="falco-pipe",instance="${instance}"}`;
  const firing = { 430: rules.map(({ alert }) => alert).sort() };
  const series = {
    ...seriesOf('bad', pages.bad),
    // It begins anew all the time, too.
    [start('bad')]: '0+60x480',
    'up{job="falco-pipe",instance="gone"}': '0x480',
  };
  const well = {
    ...seriesOf('good', pages.good),
    [start('good')]: '0x480',
    'up{job="falco-pipe",instance="good"}': '1x480',
  };
  const cases = [
    { name: 'all is wrong', series, firing },
    { name: 'nothing is', series: well, firing: { 5: [], 60: [], 430: [] } },
  ];
  expect(wrongIn(file, cases)).toBe('');
});

/** A series of one program: its own labels, and those that Prometheus gives it. */
const of = (name: string, labels = '') => `${name}{${labels === '' ? '' : `${labels},`}job="falco-pipe",instance="a"}`;
const component = (kind: string, type: string, more = '') =>
  `component_id="c",component_kind="${kind}",component_type="${type}"${more}`;
const BEGAN = of('process_start_time_seconds');
const DROPPED = of('falco_pipe_events_total', 'fate="dropped"');
const gaps = (reason: string) => of('falco_pipe_gaps_total', component('source', 'ebpf', `,reason="${reason}"`));
const RULE = of('falco_pipe_rule_errors_total', component('operator', 'rules', ',rule="Odd"'));
const errors = (what: string) => of('falco_pipe_errors_total', component('operator', 'rules', `,what="${what}"`));
const SOURCE = component('source', 'cloudtrail');
const RECEIVED = of('falco_pipe_received_events_total', SOURCE);
const UP = of('falco_pipe_component_up', SOURCE);
const OPERATOR_UP = of('falco_pipe_component_up', component('operator', 'rules'));
const BACKLOG = of('falco_pipe_queue_events', component('sink', 'http', ',where="disk"'));
const DELAY = of('falco_pipe_event_loop_delay_seconds', 'percentile="99"');
/** For half an hour, then down for two minutes, then the same again: at minute 33 it has begun for the second time. */
const twice = (value: number) => `${value}x29 _x3 ${value}x29`;
const BEGUN_TWICE = { [BEGAN]: `0x29 _x3 ${33 * 60}x29` };

test('what was counted before the first scrape, and the same again after a restart, is heard', () => {
  const [drops, missed, killed] = [['FalcoPipeDropsEvents'], ['FalcoPipeMissedEvents'], ['FalcoPipeKilled']];
  const again = (alerts: string[]) => ({ 5: alerts, 25: [], 35: alerts, 55: [] });
  const summary = 'the rule "Odd" of c of falco-pipe on a fails on events';
  const description = rules.find(({ alert }) => alert === 'FalcoPipeRuleFails')?.annotations.description;
  const labels = { severity: 'ticket', job: 'falco-pipe', instance: 'a', rule: 'Odd' };
  const detect = { component_id: 'c', component_kind: 'operator', component_type: 'rules' };
  const said = {
    minute: 35,
    alert: 'FalcoPipeRuleFails',
    labels: { ...labels, ...detect },
    annotations: { summary, description },
  };
  const cases = [
    {
      name: 'lost at the start',
      series: { [BEGAN]: '0x60', [DROPPED]: '5000x60' },
      firing: { 0: drops, 5: drops, 20: [] },
    },
    {
      name: 'lost long before there was a Prometheus',
      series: { [BEGAN]: '-9000x60', [DROPPED]: '5000x60' },
      firing: { 5: drops, 20: [] },
    },
    { name: 'lost at two starts', series: { ...BEGUN_TWICE, [DROPPED]: twice(5000) }, firing: again(drops) },
    { name: 'missed at two starts', series: { ...BEGUN_TWICE, [gaps('expired')]: twice(1) }, firing: again(missed) },
    { name: 'killed twice', series: { ...BEGUN_TWICE, [gaps('unclean_end')]: twice(1) }, firing: again(killed) },
    {
      name: 'the same operator fails',
      series: { ...BEGUN_TWICE, [errors('')]: twice(1) },
      firing: again(['FalcoPipeOperatorFails']),
    },
    {
      name: 'the same rule fails',
      series: { ...BEGUN_TWICE, [errors('')]: twice(1), [RULE]: twice(1) },
      firing: again(['FalcoPipeRuleFails']),
      said,
    },
    {
      name: 'a gap in a long run',
      series: { [BEGAN]: '0x90', [gaps('expired')]: '_x60 1x30' },
      firing: { 50: [], 65: missed, 80: [] },
    },
  ];
  expect(wrongIn(file, cases)).toBe('');
});

test('what is usual is not heard: one reconnect, what waits or is slow for a moment, a start, a kernel without io_uring', () => {
  const gone = { [BEGAN]: '0x400', [RECEIVED]: '7x400', [UP]: '1x400' };
  const cases = [
    {
      name: 'one reconnect',
      series: { [BEGAN]: '0x60', [gaps('reconnect')]: '_x20 1x40' },
      firing: { 5: [], 25: [], 40: [] },
    },
    {
      name: 'many reconnects',
      series: { [BEGAN]: '0x60', [gaps('reconnect')]: '0+0.2x60' },
      firing: { 10: [], 60: ['FalcoPipeReconnects'] },
    },
    { name: 'no io_uring', series: { [BEGAN]: '0x60', [gaps('io_uring')]: '1x60' }, firing: { 5: [] } },
    { name: 'what was on disk at a start', series: { [BACKLOG]: '50 0x90' }, firing: { 0: [], 65: [] } },
    { name: 'what stays on disk', series: { [BACKLOG]: '50x90' }, firing: { 50: [], 65: ['FalcoPipeBacklogStays'] } },
    { name: 'slow at a start', series: { [DELAY]: '0.5 0.001x60' }, firing: { 0: [], 15: [] } },
    { name: 'slow', series: { [DELAY]: '0.5x60' }, firing: { 5: [], 15: ['FalcoPipeStandsStill'] } },
    {
      name: 'a source that is silent, of a program that is gone after seven hours',
      series: gone,
      firing: { 65: [], 355: [], 380: ['FalcoPipeSourceSilent'], 420: [] },
    },
    { name: 'an old list', series: { [OPERATOR_UP]: '1 0x200' }, firing: { 100: [], 190: ['FalcoPipeListStays'] } },
    {
      name: 'a source that is down',
      series: { ...gone, [UP]: '0x400' },
      firing: { 390: ['FalcoPipeSourceDown'] },
    },
  ];
  expect(wrongIn(file, cases)).toBe('');
});
