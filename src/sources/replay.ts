/** The source `replay`: records from files, as `record` writes them. */

import { closeSync, openSync, statSync } from 'node:fs';
import { Observable } from 'rxjs';
import { z } from 'zod';
import { reading } from '../core/claim.ts';
import { defineSource, type SourceContext } from '../core/component.ts';
import { paths } from '../core/config.ts';
import { type Diagnostic, exitCode, messageOf, renderDiagnostic, UserError } from '../core/errors.ts';
import { fileLines } from '../core/files/file-lines.ts';
import type { Batch } from '../core/flow/batch.ts';
import { Redelivery } from '../core/flow/redelivery.ts';
import { type EventRecord, recordForm } from '../events/record.ts';
import { parseRecord } from '../events/record-json.ts';

/** Records in one batch, at most. */
const BATCH = 256;

/** Where a replay stands: lines that are settled, in the file at that index. */
const Position = z.object({ file: z.int().min(0), line: z.int().min(0) });

const config = z.strictObject({
  files: paths().describe('The file, or files one after the other: a record a line; plain or gzip.'),
  rate: z.number().positive().optional().describe('Events a second. Default: as fast as they are taken.'),
  emits: z
    .array(z.string())
    .min(1)
    .default(['syscall'])
    .describe('The event sources of the records; a record of another one is an error.'),
  on_error: z
    .enum(['stop', 'skip'])
    .default('stop')
    .describe('A line that is no record: stop the pipeline, or count it as dropped and go on.'),
});

export const replay = defineSource({
  type: 'replay',
  summary: 'Replays records from files: JSON lines, also gzip. The pipeline ends when all its sources have.',
  config,
  examples: [
    { title: 'A thousand events a second', yaml: 'past: { type: replay, files: events.jsonl.gz, rate: 1000 }' },
  ],
  delivery: 'at_least_once',
  emits: ({ emits }) => emits,
  prepare({ files }, plan) {
    for (const [index, path] of files.entries()) {
      const file = plan.resolve(path);
      plan.claim(reading(file), ['files', index]);
      try {
        // By opening, for access(2) knows nothing of capabilities; but opening a pipe would take from it.
        if (statSync(file).isFile()) closeSync(openSync(file, 'r'));
      } catch (error) {
        const message = `Cannot read ${path}: ${messageOf(error)}`;
        const hint = path.includes('*') ? { hint: 'Patterns are not taken; name each file.' } : {};
        plan.report({ severity: 'error', code: 'CONFIG_FILE', message, ...hint }, ['files', index]);
      }
    }
  },
  open: (options, ctx) =>
    new Observable<Batch>((subscriber) => {
      const delivery = new Redelivery((batch) => subscriber.next(batch), ctx);
      read(options, ctx, delivery)
        .then(() => delivery.settled())
        .then(() => subscriber.complete())
        .catch((error) => subscriber.error(error));
    }),
});

async function read(options: z.output<typeof config>, ctx: SourceContext, delivery: Redelivery): Promise<void> {
  const from = Position.safeParse(ctx.position()).data ?? { file: 0, line: 0 };
  const started = ctx.now();
  let emitted = 0;
  for (const [file, path] of options.files.entries()) {
    if (file < from.file) continue;
    let line = 0;
    let pending: EventRecord[] = [];
    const flush = async (last: number): Promise<void> => {
      const events = pending;
      const source = events[0]?.source;
      pending = [];
      if (source === undefined) return;
      await ctx.credit(events.length);
      delivery.emit({ source, form: recordForm, events }, { file, line: last });
      emitted += events.length;
      if (options.rate) await ctx.sleep(Math.max(0, started + (emitted / options.rate) * 1000 - ctx.now()));
    };
    const size = options.rate ? Math.max(1, Math.min(BATCH, Math.floor(options.rate / 20))) : BATCH;
    for await (const text of fileLines(ctx.resolve(path), { what: 'records', shown: path, signal: ctx.signal })) {
      line++;
      if (file === from.file && line <= from.line) continue;
      const record = recordOf(text, path, line, options, ctx);
      if (!record) continue;
      // A batch holds records of one event source. So that order is kept, a change of it ends the batch.
      if (pending[0] && pending[0].source !== record.source) await flush(line - 1);
      pending.push(record);
      if (pending.length >= size) await flush(line);
    }
    await flush(line);
    delivery.mark({ file: file + 1, line: 0 });
  }
}

function recordOf(
  text: string,
  file: string,
  line: number,
  { emits, on_error }: z.output<typeof config>,
  ctx: SourceContext,
): EventRecord | undefined {
  if (text.trim() === '') return undefined;
  const parsed = parseRecord(text, { file, line });
  if ('record' in parsed && emits.includes(parsed.record.source)) return parsed.record;
  const problem: Diagnostic =
    'problem' in parsed
      ? parsed.problem
      : {
          severity: 'error',
          code: 'REPLAY_SOURCE',
          message: `A record of the event source "${parsed.record.source}" where only ${emits.join(', ')} is announced`,
          at: { file, line, column: 1 },
          hint: `Name it under the source's \`emits\`.`,
        };
  if (on_error === 'stop') throw new UserError(renderDiagnostic(problem), { exit: exitCode.failure });
  ctx.report('drop', { reason: 'bad_record', count: 1, message: renderDiagnostic(problem) });
  return undefined;
}
