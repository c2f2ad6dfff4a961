/** The sink `stdout`: events as lines on the standard output. */

import { isatty } from 'node:tty';
import { z } from 'zod';
import { writingToStdout } from '../core/claim.ts';
import { defineSink } from '../core/component.ts';
import { lineKeys, lineReads, linesOf, writeLines } from './shared/lines.ts';
import { Writer } from './shared/writer.ts';

export const stdout = defineSink({
  type: 'stdout',
  summary: 'Prints events on the standard output, alerts as Falco prints them.',
  config: z.strictObject({
    ...lineKeys,
    colours: z
      .enum(['auto', 'always', 'never'])
      .default('auto')
      .describe('Colours by priority; auto: on a terminal, unless NO_COLOR is set.'),
  }),
  examples: [{ title: 'Alerts as JSON lines', yaml: 'out: { type: stdout, from: detect, format: json }' }],
  reads: lineReads,
  prepare: (_config, plan) => plan.claim(writingToStdout(), ['type']),
  async open(config, ctx) {
    // Not by process.stdout: that would make it non-blocking for all who share it.
    const terminal = isatty(1);
    const coloured = terminal && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
    const colours = config.colours === 'always' || (config.colours === 'auto' && coloured);
    const lines = linesOf(config, { colours, terminal });
    const writer = await Writer.toStdout();
    return {
      async write(events, signal) {
        try {
          await writeLines(writer, lines(events), events, signal);
        } catch (error) {
          // `falco-pipe run … | head`: nobody reads any more, so there is nothing left to do.
          if ((error as NodeJS.ErrnoException).code === 'EPIPE') ctx.stop('nobody reads the standard output any more');
          throw error;
        }
      },
      async rehearse(events) {
        lines(events);
        await writer.rehearse();
      },
      close: () => writer.close(),
    };
  },
});
