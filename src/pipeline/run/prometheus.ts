/** Metrics in the text format of Prometheus, made of counters when they are asked for. */

import type { Histogram } from 'node:perf_hooks';
import { packageVersion } from '../../core/package.ts';
import type { Plan } from '../plan/planned.ts';
import { PROGRAM } from './runtime.ts';
import type { ComponentStatus, RunStatus } from './status.ts';

interface Metric {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  /** Labels beside those of every component. */
  readonly labels?: readonly string[];
}

const counter = (name: string, help: string, ...labels: string[]): Metric => ({ name, type: 'counter', help, labels });
const gauge = (name: string, help: string, ...labels: string[]): Metric => ({ name, type: 'gauge', help, labels });

/** Counters of components by their name in the program; those that are not here are `falco_pipe_component_total`. */
const OF_COMPONENTS: Readonly<Record<string, Metric>> = {
  received: counter('falco_pipe_received_events_total', 'Events that a component took in; of a source, emitted.'),
  sent: counter('falco_pipe_sent_events_total', 'Events that left an operator.'),
  delivered: counter('falco_pipe_delivered_events_total', 'Events that a sink has written.'),
  dropped: counter('falco_pipe_dropped_events_total', 'Events that were lost here, by reason.', 'reason'),
  gaps: counter(
    'falco_pipe_gaps_total',
    'How often a component knew that it had missed events, by reason; the log has how many, or from when to when.',
    'reason',
  ),
  spooled: counter('falco_pipe_spooled_events_total', 'Events that a sink left on disk for later.'),
  dead_lettered: counter(
    'falco_pipe_dead_lettered_events_total',
    'Events that a sink gave up or an operator failed on, and what a source rejected, on disk.',
    'reason',
  ),
  errors: counter('falco_pipe_errors_total', 'Failures of a component, by what failed in it.', 'what'),
  lag: gauge('falco_pipe_lag_events', 'Events that a source has yet to deliver, where its service tells.', 'partition'),
  behind: gauge(
    'falco_pipe_behind_seconds',
    'How old the message was that a source took last, or how long ago it is up to when it has looked.',
    'region',
  ),
  waiting: gauge('falco_pipe_waiting_messages', 'Messages that wait in the queue that a source reads.'),
  unfetched: gauge('falco_pipe_unfetched_files', 'Log files that a source has found and could not fetch yet.'),
  lag_seconds: gauge('falco_pipe_lag_seconds', 'How long after it had happened the last event of a source came.'),
  programs: gauge('falco_pipe_attached_programs', 'Programs of a source that are attached in the kernel.'),
  matches: counter('falco_pipe_rule_matches_total', 'Events that a rule matched.', 'rule'),
  list_items: gauge('falco_pipe_list_items', 'Items of a list that comes from a file or the web.', 'list'),
  list_failures: counter('falco_pipe_list_failures_total', 'Times that a list could not be read again.', 'list'),
  list_read: gauge(
    'falco_pipe_list_read_timestamp_seconds',
    'When the items of a list were read, or were what there was to be read, in seconds since the epoch; 0: never.',
    'list',
  ),
  list_refreshes: counter('falco_pipe_list_refreshes_total', 'Times that a list was exchanged.', 'list'),
  rule_errors: counter('falco_pipe_rule_errors_total', 'Events that a rule failed on.', 'rule'),
};

const OTHER = counter('falco_pipe_component_total', 'What else a component counts, by its own names.', 'name', 'label');
const QUEUE_EVENTS = gauge('falco_pipe_queue_events', 'Events that wait for a sink, in memory or on disk.', 'where');
const QUEUE_BYTES = gauge('falco_pipe_queue_bytes', 'Memory that events hold which wait for a sink, estimated.');
const DEAD_LETTERS = gauge(
  'falco_pipe_dead_letter_events',
  'Events in dead letters now, where there is a state folder.',
);
const IN_FLIGHT = gauge('falco_pipe_in_flight_events', 'Events of a replayable source that have not settled.');
const UP = gauge('falco_pipe_component_up', '1 when a component works, 0 when its last try failed.');
const EVENTS = counter('falco_pipe_events_total', 'Events of all sources by what became of them.', 'fate');
const FROM_DISK = counter(
  'falco_pipe_delivered_from_disk_events_total',
  'Events that a sink has written after they had waited on disk, also since earlier runs; by fate they are none, or `spooled`.',
);
const UNSETTLED = gauge('falco_pipe_unsettled_events', 'Events of all sources that are under way.');
const RELOADS = counter('falco_pipe_reloads_total', 'Loadings of the pipeline while it ran.', 'result');
const RELOADED = gauge(
  'falco_pipe_config_last_reload_successful',
  '1 when the last loading of the pipeline went well, 0 when it was refused.',
);
const RELOADED_AT = gauge(
  'falco_pipe_config_last_reload_success_timestamp_seconds',
  'When the pipeline was loaded as it runs, in seconds since the epoch.',
);
const READY = gauge('falco_pipe_ready', '1 when the pipeline runs, its sources are open and its state can be written.');
const DELAY = gauge(
  'falco_pipe_event_loop_delay_seconds',
  'How long turns of the event loop took, since the last scrape: what comes meanwhile waits.',
  'percentile',
);
const INFO = gauge('falco_pipe_info', 'Always 1; the version and the pipeline.', 'version', 'pipeline');
const MEMORY = gauge('process_resident_memory_bytes', 'Resident memory.');
const CPU = counter('process_cpu_seconds_total', 'CPU time, user and system.');
const START = gauge('process_start_time_seconds', 'When the process began, in seconds since the epoch.');

/** Names that dashboards for Falco know. */
const FALCO_RULES = counter(
  'falcosecurity_falco_rules_matches_total',
  'As Falco: events that a rule matched; a label tag_NAME="true" for each of the rule\'s tags.',
  'rule_name',
  'priority',
  'source',
);
const FALCO_EVENTS = counter('falcosecurity_scap_n_evts_total', 'As Falco: kernel events that were seen.');
const FALCO_DROPS = counter('falcosecurity_scap_n_drops_total', 'As Falco: kernel events that were lost.');

/** Every metric, for the reference. */
export const allMetrics: readonly Metric[] = [
  ...Object.values(OF_COMPONENTS),
  OTHER,
  QUEUE_EVENTS,
  QUEUE_BYTES,
  DEAD_LETTERS,
  IN_FLIGHT,
  UP,
  EVENTS,
  FROM_DISK,
  UNSETTLED,
  RELOADS,
  RELOADED,
  RELOADED_AT,
  READY,
  DELAY,
  INFO,
  MEMORY,
  CPU,
  START,
  FALCO_RULES,
  FALCO_EVENTS,
  FALCO_DROPS,
];

/** Labels of metrics of components. */
export const componentLabels = ['component_id', 'component_kind', 'component_type'] as const;

type Labels = Readonly<Record<string, string>>;
type Value = number | Readonly<Record<string, number>>;

/** The whole page. `turns` is the histogram of the event loop's turns, in ns; it is reset. */
export function prometheusText(status: RunStatus, plan: Plan, turns?: Histogram): string {
  const page = new Page();
  for (const component of status.components) ofComponent(page, component);
  ofRun(page, status);
  if (turns) ofEventLoop(page, turns);
  ofProcess(page);
  asFalco(page, status.components, plan);
  return page.text();
}

function ofComponent(page: Page, component: ComponentStatus): void {
  const { id, kind, type, counters, queue, dead_letters, in_flight, problem } = component;
  const labels = { component_id: id, component_kind: kind, component_type: type };
  ofCounters(page, counters, labels);
  if (queue) {
    page.add(QUEUE_EVENTS, queue.events, { ...labels, where: 'memory' });
    page.add(QUEUE_EVENTS, queue.on_disk, { ...labels, where: 'disk' });
    page.add(QUEUE_BYTES, queue.bytes, labels);
  }
  if (dead_letters !== undefined) page.add(DEAD_LETTERS, dead_letters, labels);
  if (in_flight !== undefined) page.add(IN_FLIGHT, in_flight, labels);
  page.add(UP, problem ? 0 : 1, labels);
}

function ofCounters(page: Page, counters: ComponentStatus['counters'], labels: Labels): void {
  for (const [name, value] of Object.entries(counters)) {
    const metric = OF_COMPONENTS[name];
    const [label] = metric?.labels ?? [];
    for (const [each, count] of byLabel(value)) {
      if (!metric) page.add(OTHER, count, { ...labels, name, label: each });
      else page.add(metric, count, label === undefined ? labels : { ...labels, [label]: each });
    }
  }
}

function ofRun(page: Page, { counters, totals, reloads, ready, digest }: RunStatus): void {
  ofCounters(page, counters, { component_id: PROGRAM, component_kind: 'program', component_type: PROGRAM });
  const { delivered, filtered, dropped, spooled = 0, dead_lettered = 0, in_flight } = totals;
  for (const [fate, count] of Object.entries({ delivered, filtered, dropped, spooled, dead_lettered })) {
    page.add(EVENTS, count, { fate });
  }
  page.add(FROM_DISK, totals.delivered_from_disk ?? 0);
  page.add(UNSETTLED, in_flight);
  for (const result of ['done', 'failed'] as const) page.add(RELOADS, reloads[result], { result });
  page.add(RELOADED, reloads.refused ? 0 : 1);
  page.add(RELOADED_AT, reloads.last_done);
  page.add(READY, ready ? 1 : 0);
  page.add(INFO, 1, { version: packageVersion, pipeline: `sha256:${digest}` });
}

function ofEventLoop(page: Page, turns: Histogram): void {
  for (const percentile of [50, 99, 100]) {
    page.add(DELAY, turns.percentile(percentile) / 1e9, { percentile: String(percentile) });
  }
  turns.reset();
}

function ofProcess(page: Page): void {
  const { user, system } = process.cpuUsage();
  page.add(MEMORY, process.memoryUsage.rss());
  page.add(CPU, (user + system) / 1e6);
  // The same at each scrape: a change of it would be taken for a restart.
  page.add(START, Math.round(performance.timeOrigin / 1000));
}

function asFalco(page: Page, components: readonly ComponentStatus[], plan: Plan): void {
  for (const { id, notes } of plan.operators) {
    const matches = new Map(byLabel(components.find((each) => each.id === id)?.counters.matches ?? {}));
    for (const { rule, priority, source, tags } of rulesOf(notes)) {
      const marked = tags.split(',').filter((tag) => tag !== '');
      const own = Object.fromEntries(marked.map((tag) => [`tag_${tag.replaceAll(/\W/g, '_')}`, 'true']));
      const count = matches.get(rule);
      if (count !== undefined) page.add(FALCO_RULES, count, { rule_name: rule, priority, source, ...own });
    }
  }
  const kernel = components.filter(({ kind, type }) => kind === 'source' && type === 'ebpf');
  if (kernel.length === 0) return;
  page.add(FALCO_EVENTS, sum(kernel, 'received') + sum(kernel, 'dropped'));
  page.add(FALCO_DROPS, sum(kernel, 'dropped'));
}

interface ListedRule {
  readonly rule: string;
  readonly priority: string;
  readonly source: string;
  readonly tags: string;
}

function rulesOf(notes: Readonly<Record<string, unknown>>): readonly ListedRule[] {
  return (notes.list as readonly ListedRule[] | undefined) ?? [];
}

function sum(components: readonly ComponentStatus[], name: string): number {
  const counts = components.flatMap(({ counters }) => byLabel(counters[name] ?? 0));
  return counts.reduce((total, [, count]) => total + count, 0);
}

function byLabel(value: Value): [string, number][] {
  return typeof value === 'number' ? [['', value]] : Object.entries(value);
}

class Page {
  readonly #samples = new Map<Metric, string[]>();

  add(metric: Metric, value: number, labels: Labels = {}): void {
    const shown = Object.entries(labels).map(([name, each]) => `${name}="${escaped(each)}"`);
    const line = `${metric.name}${shown.length > 0 ? `{${shown.join(',')}}` : ''} ${value}`;
    const lines = this.#samples.get(metric);
    if (lines) lines.push(line);
    else this.#samples.set(metric, [line]);
  }

  text(): string {
    const families = [...this.#samples].map(
      ([{ name, help, type }, lines]) => `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('\n')}\n`,
    );
    return families.join('');
  }
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
}
