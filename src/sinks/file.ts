/** The sink `file`: events as lines at the end of a file. */

import { z } from 'zod';
import { defineSink } from '../core/component.ts';
import { lineKeys, lineOf, lineReads } from './shared/lines.ts';
import { Writer } from './shared/writer.ts';

const MODE = 'a file mode is three octal digits in quotes ("600")';

export const file = defineSink({
  type: 'file',
  summary: 'Appends events to a file; SIGUSR1 opens it again after a rotation.',
  config: z.strictObject({
    path: z.string().min(1).describe('The file; it and its folder are made when missing.'),
    mode: z
      .string(MODE)
      .regex(/^0?[0-7]{3}$/, MODE)
      .default('600')
      .describe('Permissions of a file that is made, in octal.'),
    ...lineKeys,
    format: lineKeys.format
      .unwrap()
      .default('json')
      .describe(lineKeys.format.description ?? ''),
  }),
  examples: [
    { title: 'Alerts for a log shipper', yaml: 'log: { type: file, from: detect, path: /var/log/falco-pipe.jsonl }' },
  ],
  reads: lineReads,
  async open(config, ctx) {
    const line = lineOf(config);
    const writer = await Writer.toFile(ctx.resolve(config.path), Number.parseInt(config.mode, 8));
    return {
      write: (events, signal) => writer.write(events.map((event) => `${line(event)}\n`).join(''), signal),
      reopen: () => writer.reopen(),
      close: () => writer.close(),
    };
  },
});
