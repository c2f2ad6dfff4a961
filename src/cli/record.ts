/** `falco-pipe record`: kernel events to a file, as records or as the raw bytes of the ring. */

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGzip } from 'node:zlib';
import { z } from 'zod';
import { defineSink } from '../core/component.ts';
import { wait } from '../core/config.ts';
import { exitCode, UserError } from '../core/errors.ts';
import { createLogger } from '../core/log.ts';
import { packageRoot } from '../core/package.ts';
import { catalogues } from '../events/catalogue.ts';
import type { EventRecord } from '../events/record.ts';
import { recordJson } from '../events/record-json.ts';
import { PipelineDocument } from '../pipeline/plan/document.ts';
import { planPipeline } from '../pipeline/plan/plan.ts';
import { builtIn } from '../pipeline/plan/registry.ts';
import { Run } from '../pipeline/run/run.ts';

export interface RecordOptions {
  readonly raw?: boolean;
  readonly descendantsOf?: string;
  readonly for?: string;
  readonly fields?: string;
  readonly rules?: readonly string[];
  readonly types?: string;
}

/** Records until a signal or the end of `--for`; prints how much was written, and how much was lost. */
export async function record(file: string, options: RecordOptions): Promise<void> {
  const scope = scopeOf(options.descendantsOf);
  const end = new End(options.for);
  if (options.raw) {
    const { recordRaw } = await import('./record-raw.ts');
    return recordRaw(file, scope, () => end.from());
  }
  const registry = builtIn();
  let written = 0;
  registry.add(
    recorder(file, fieldsOf(options), typesOf(options), () => written++),
    'record',
  );
  const source = { type: 'ebpf', ...(scope === undefined ? {} : { scope: { descendants_of: scope } }) };
  const text = JSON.stringify({ sources: { node: source }, sinks: { out: { type: 'recorder', from: 'node' } } });
  const plan = planPipeline(PipelineDocument.parse('record', text), registry);
  const log = createLogger();
  const run = await Run.start(plan, { log, resolve });
  log.info(`recording to ${file}; stop with Ctrl-C`);
  const { error } = await Promise.race([run.over, end.from().then((): { error?: unknown } => ({}))]);
  const { dropped } = await run.stop(10_000);
  log.info(`${written} records written to ${file}, ${dropped} lost`);
  if (error !== undefined) throw error;
}

function recorder(path: string, fields: ReadonlySet<string>, types: ReadonlySet<string> | 'all', count: () => void) {
  return defineSink({
    type: 'recorder',
    summary: 'Writes records to a file.',
    config: z.strictObject({}),
    examples: [],
    reads: (_config, sources) => new Map(sources.map((source) => [source, { fields, types }])),
    async open() {
      const out = createWriteStream(path);
      await once(out, 'open');
      const gzip = path.endsWith('.gz') ? createGzip() : undefined;
      gzip?.pipe(out);
      const input = gzip ?? out;
      return {
        async write(events) {
          const chosen = events.filter(({ type }) => types === 'all' || types.has(type));
          for (const _ of chosen) count();
          const lines = chosen.map((event) => `${recordJson(event as EventRecord)}\n`).join('');
          if (lines !== '' && !input.write(lines)) await once(input, 'drain');
        },
        async close() {
          input.end();
          await once(out, 'close');
        },
      };
    },
  });
}

function fieldsOf({ fields, rules = [] }: RecordOptions): ReadonlySet<string> {
  if (fields !== undefined) {
    const names = fields.split(',').map((name) => name.trim());
    const unknown = names.find((name) => !catalogues.get('syscall')?.find(name));
    if (unknown !== undefined)
      throw new UserError(`--fields: "${unknown}" is no field of syscall events`, { exit: exitCode.usage });
    return new Set(names);
  }
  // What rules read is what a replay of the records needs: planned as a pipeline with those rules would be.
  const files = rules.length > 0 ? rules.map((each) => resolve(each)) : [resolve(packageRoot, 'rules/host.yaml')];
  const document = PipelineDocument.parse('record', JSON.stringify(rulesPipeline(files)));
  const plan = planPipeline(document, builtIn());
  return new Set(plan.sources[0]?.demand.get('syscall')?.fields);
}

function rulesPipeline(files: readonly string[]): object {
  return {
    sources: { node: { type: 'ebpf' } },
    operators: { detect: { type: 'rules', from: 'node', files } },
    sinks: { out: { type: 'stdout', from: 'detect' } },
  };
}

function typesOf({ types }: RecordOptions): ReadonlySet<string> | 'all' {
  return types === undefined ? 'all' : new Set(types.split(',').map((name) => name.trim()));
}

function scopeOf(pid: string | undefined): number | undefined {
  if (pid === undefined) return undefined;
  if (!/^[1-9]\d*$/.test(pid))
    throw new UserError(`--descendants-of needs the id of a process, not "${pid}"`, { exit: exitCode.usage });
  return Number(pid);
}

/** A signal, or the time given, counted from when recording has begun. */
class End {
  readonly #signalled: Promise<void>;
  readonly #limit: number | undefined;

  constructor(time: string | undefined) {
    const limit = time === undefined ? undefined : wait().safeParse(time);
    if (limit && !limit.success)
      throw new UserError(`--for: ${limit.error.issues[0]?.message}`, { exit: exitCode.usage });
    this.#limit = limit?.data;
    this.#signalled = new Promise((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
    });
  }

  /** Resolves at the end of what begins now. */
  from(): Promise<void> {
    const limit = this.#limit;
    return limit === undefined
      ? this.#signalled
      : Promise.race([this.#signalled, sleep(limit, undefined, { ref: false })]);
  }
}
