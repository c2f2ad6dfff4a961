/** The sink `file`: events as lines at the end of a file. */

import { type Stats, statSync } from 'node:fs';
import { z } from 'zod';
import { writing } from '../core/claim.ts';
import { defineSink } from '../core/component.ts';
import { jsonLineKeys, lineReads, linesOf, writeLines } from './shared/lines.ts';
import { Rotation, rotateKeys, rotating, writingAside } from './shared/rotation.ts';
import { Writer } from './shared/writer.ts';

const MODE = 'a file mode is three octal digits in quotes ("600")';

export const file = defineSink({
  type: 'file',
  summary:
    'Appends events to a file, which it can rotate; SIGUSR1 opens it again after somebody else has. One that is removed is made anew. A named pipe is written as long as somebody reads it.',
  config: z.strictObject({
    path: z.string().min(1).describe('The file; it and its folder are made when missing.'),
    mode: z
      .string(MODE)
      .regex(/^0?[0-7]{3}$/, MODE)
      .default('600')
      .describe('Permissions of a file that is made, in octal.'),
    rotate: rotateKeys.optional(),
    ...jsonLineKeys,
  }),
  examples: [
    { title: 'Alerts for a log shipper', yaml: 'log: { type: file, from: detect, path: /var/log/falco-pipe.jsonl }' },
    {
      title: 'A file a day, or for each 100 MiB, for two weeks',
      yaml: 'log: { type: file, from: detect, path: /var/log/falco-pipe.jsonl, rotate: { size: 100MiB, age: 1d, keep: 14 } }',
    },
  ],
  reads: lineReads,
  prepare(config, plan) {
    const path = plan.resolve(config.path);
    const found = statusOf(path);
    if (found?.isDirectory()) {
      const message = `${config.path} is a folder`;
      plan.report({ severity: 'error', code: 'CONFIG_FILE', message, hint: 'Name a file in it.' }, ['path']);
    }
    if (config.rotate && found?.isFIFO()) {
      const message = `${config.path} is a pipe: there is nothing of it to put aside`;
      plan.report({ severity: 'error', code: 'CONFIG_FILE', message, hint: 'Leave `rotate` out.' }, ['rotate']);
    }
    plan.claim([...writing(path), ...writingAside(path), ...(config.rotate ? rotating(path) : [])], ['path']);
  },
  async open(config, ctx) {
    const lines = linesOf(config);
    const path = ctx.resolve(config.path);
    const writer = await Writer.toFile(path, Number.parseInt(config.mode, 8));
    const { log, now } = ctx;
    const reopen = () => writer.reopen();
    const size = () => writer.size;
    const rotation = config.rotate && (await Rotation.start({ path, config: config.rotate, log, now, size, reopen }));
    const openAgain = async () => {
      await reopen();
      await rotation?.reopened();
    };
    return {
      async write(events, signal) {
        if (writer.removed) {
          await openAgain();
          log.warn(`${path} was removed by somebody: it was made anew`);
        }
        const all = lines(events);
        // A line that is torn is ended in the file where it began.
        if (!writer.torn) await rotation?.before(Buffer.byteLength(all.join('')));
        await writeLines(writer, all, events, signal);
      },
      rehearse: lines,
      reopen: openAgain,
      async close() {
        await writer.close();
        await rotation?.close();
      },
    };
  },
});

function statusOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
