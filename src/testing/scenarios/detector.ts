/** The detector beside the tests: the kernel source on a stage's processes alone, and the rules under test. */

import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { now } from '../../core/clock.ts';
import { defineSink } from '../../core/component.ts';
import type { Event } from '../../core/event.ts';
import { createLogger } from '../../core/log.ts';
import { type Alert, toAlert } from '../../events/alert.ts';
import type { EventRecord } from '../../events/record.ts';
import { PipelineDocument } from '../../pipeline/plan/document.ts';
import { planPipeline } from '../../pipeline/plan/plan.ts';
import type { Plan } from '../../pipeline/plan/planned.ts';
import { builtIn } from '../../pipeline/plan/registry.ts';
import { Run } from '../../pipeline/run/run.ts';
import type { Rule } from '../../rules/index.ts';

/** The variable by which processes of tests are known (native/actor/actor.h): `ID/ROLE`. */
const MARK = 'proc.env[FALCO_PIPE_TEST]';
/** That of the nearest ancestor that has it: a process may clear its environment. */
const MARK_ABOVE = 'proc.aenv[FALCO_PIPE_TEST]';
/** The output fields that carry them. */
const TEST = 'falco_pipe.test';
const TEST_ABOVE = 'falco_pipe.test_above';

/**
 * A rule of our own: the last process of a test has ended, so that everything before it has been judged. Its output
 * depends on what is known of the container, so that it waits wherever an alert of the same container may wait.
 */
const END = 'falco-pipe test: a test has ended';
const END_RULE = JSON.stringify([
  {
    rule: END,
    desc: 'The first process of a test ends after all others.',
    condition: `evt.type = procexit and ${MARK} endswith /root`,
    output: '%container.name',
    priority: 'DEBUG',
  },
]);

/** ms that what is known of a container is waited for. */
const METADATA_WAIT = '5s';

/** An alert, and when it was here (ms since the epoch). */
export interface Seen {
  readonly alert: Alert;
  readonly at: number;
}

/** What is seen of one test. */
export interface Watch {
  /** Alerts of the last process of the chain and of what it has started, in order. */
  readonly alerts: Seen[];
  /** Its events, where they are asked for. */
  readonly events: EventRecord[];
  /** Resolves when everything that the test did has been judged. */
  readonly over: Promise<void>;
}

export interface DetectorOptions {
  /** Rules files. */
  readonly rules: readonly string[];
  /** The process whose descendants are watched. */
  readonly pid: number;
  /** Fields that alerts are to have, by the names of the rules that are tested; these are enabled. */
  readonly fields: ReadonlyMap<string, ReadonlySet<string>>;
  /** The socket of the engine whose containers are watched. */
  readonly engine?: string | undefined;
}

interface Watching extends Watch {
  /** Streams in which its end has not come yet. */
  awaited: number;
  end(): void;
}

export class Detector {
  readonly #endRule = fileWithoutName(END_RULE);
  readonly #options: DetectorOptions;
  readonly #watches = new Map<string, Watching>();
  #run: Run | undefined;
  #plan!: Plan;

  private constructor(options: DetectorOptions) {
    this.#options = options;
  }

  /** @throws UserError when the rules have errors (exit 78), or the kernel cannot be traced (69, 77) */
  static async start(options: DetectorOptions): Promise<Detector> {
    const detector = new Detector(options);
    try {
      detector.#plan = detector.#planned();
      const log = createLogger({ level: 'error' });
      detector.#run = await Run.start(detector.#plan, { log, resolve });
      return detector;
    } catch (error) {
      await detector.stop();
      throw error;
    }
  }

  /** The rules that are loaded and enabled. */
  get rules(): readonly Rule[] {
    return this.#plan.operators.flatMap(({ prepared }) => {
      const { rules } = prepared.state as { readonly rules: readonly Rule[] };
      return rules.filter(({ name }) => name !== END);
    });
  }

  /** What keeps a rule from firing here at all, such as event types that the kernel source does not have. */
  warningsOf(rule: string): readonly string[] {
    const start = `Rule "${rule}" `;
    return this.#plan.warnings.map(({ message }) => message).filter((message) => message.startsWith(start));
  }

  /** Events that were lost until now. */
  get lost(): number {
    return this.#run?.totals.dropped ?? 0;
  }

  /** Begins to look at a test. */
  watch(id: string): Watch {
    let end = () => {};
    const over = new Promise<void>((resolve) => {
      end = resolve;
    });
    const watch = { alerts: [], events: [], over, end, awaited: this.#plan.sinks.length };
    this.#watches.set(id, watch);
    return watch;
  }

  /** Looks at a test no longer. */
  forget(id: string): void {
    this.#watches.delete(id);
  }

  /** From now on the events of tests are kept too, those that rules look at, with all that the rules read. */
  async keepEvents(rules: readonly Rule[]): Promise<void> {
    this.#plan = this.#planned(rules);
    await this.#run?.reload(this.#plan);
  }

  async stop(): Promise<void> {
    await this.#run?.stop(5000);
    closeSync(this.#endRule);
  }

  #planned(kept: readonly Rule[] = []): Plan {
    const { rules, pid, fields, engine } = this.#options;
    const sockets = engine === undefined ? undefined : { docker: [engine] };
    const additions = [...fields].flatMap(([rule, names]) =>
      names.size === 0 ? [] : [{ match: { rule }, extra_fields: [...names] }],
    );
    const marks = [{ [TEST]: `%${MARK}` }, { [TEST_ABOVE]: `%${MARK_ABOVE}` }];
    const pipeline = {
      sources: {
        node: {
          type: 'ebpf',
          scope: { descendants_of: pid },
          containers: sockets === undefined ? {} : { sockets, metadata_wait: METADATA_WAIT },
        },
      },
      operators: {
        detect: {
          type: 'rules',
          from: 'node',
          files: [`/proc/self/fd/${this.#endRule}`, ...rules],
          select: [...fields.keys()].map((rule) => ({ enable: { rule } })),
          append_output: [{ match: { source: 'syscall' }, extra_fields: marks }, ...additions],
        },
      },
      sinks: {
        alerts: { type: 'test_alerts', from: 'detect' },
        ...(kept.length > 0 ? { events: { type: 'test_events', from: 'node' } } : {}),
      },
    };
    const registry = builtIn();
    registry.add(this.#alerts(), 'test');
    if (kept.length > 0) registry.add(this.#events(kept), 'test');
    return planPipeline(PipelineDocument.parse('falco-pipe test', JSON.stringify(pipeline)), registry);
  }

  #alerts() {
    return defineSink({
      type: 'test_alerts',
      summary: 'Hands alerts to the tests whose they are.',
      config: z.strictObject({}),
      examples: [],
      open: async () => ({
        write: async (events) => {
          for (const event of events) this.#alert(toAlert(event as EventRecord));
        },
        close: async () => {},
      }),
    });
  }

  #events(rules: readonly Rule[]) {
    const all = rules.some(({ condition }) => condition.eventTypes === 'all');
    const types = all ? ('all' as const) : new Set(rules.flatMap(({ condition }) => [...condition.eventTypes]));
    if (types !== 'all') types.add('procexit');
    const fields = new Set([
      MARK,
      'proc.name',
      ...rules.flatMap(({ condition }) => condition.reads.map(({ text }) => text)),
    ]);
    return defineSink({
      type: 'test_events',
      summary: 'Hands events to the tests whose they are.',
      config: z.strictObject({}),
      examples: [],
      reads: () => new Map([['syscall', { fields, types }]]),
      open: async () => ({
        write: async (events) => {
          for (const event of events) {
            const { watch, role } = this.#owner(event.get(MARK), event.get(MARK_ABOVE));
            if (role === 'leaf') watch?.events.push(event as EventRecord);
            if (role === 'root' && event.type === 'procexit') ended(watch);
          }
        },
        close: async () => {},
      }),
    });
  }

  #alert(alert: Alert): void {
    const { watch, role } = this.#owner(alert.get(TEST), alert.get(TEST_ABOVE));
    if (alert.type === END) ended(watch);
    else if (role === 'leaf') watch?.alerts.push({ alert, at: now() });
  }

  /** The test that an event is of, and the role of its process, by its own mark or that of an ancestor. */
  #owner(...marks: ReturnType<Event['get']>[]): { watch: Watching | undefined; role: string | undefined } {
    for (const mark of marks) {
      const [, id = '', role] = typeof mark === 'string' ? (/^(\d+)\/(\w+)/.exec(mark) ?? []) : [];
      if (role !== undefined) return { watch: this.#watches.get(id), role };
    }
    return { watch: undefined, role: undefined };
  }
}

function ended(watch: Watching | undefined): void {
  if (watch && --watch.awaited === 0) watch.end();
}

/** The descriptor of a file that is in no folder: nothing is left of it however this process ends. */
function fileWithoutName(text: string): number {
  const folder = mkdtempSync(join(tmpdir(), 'falco-pipe-'));
  try {
    const file = openSync(join(folder, 'file'), 'w+');
    writeFileSync(file, text);
    return file;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
