/** The sink `program`: events as lines to the standard input of a program, which is started again when it ends. */

import { z } from 'zod';
import { defineSink } from '../core/component.ts';
import { Child } from './shared/child.ts';
import { jsonLineKeys, lineReads, linesOf } from './shared/lines.ts';

export const program = defineSink({
  type: 'program',
  summary:
    'Gives events as lines to a program that it runs; what the pipe to the program has taken counts as delivered.',
  config: z.strictObject({
    command: z
      .array(z.string())
      .min(1)
      .describe('The program and its arguments; no shell. It runs in the folder of the pipeline file.'),
    ...jsonLineKeys,
  }),
  examples: [
    {
      title: "To the system's log",
      yaml: 'journal: { type: program, from: detect, format: text, command: [logger, --tag, falco-pipe] }',
    },
  ],
  reads: lineReads,
  async open(config, ctx) {
    const lines = linesOf(config);
    const child = await Child.start(config.command as [string, ...string[]], ctx);
    return {
      write: (events, signal) => child.write(lines(events).join(''), signal),
      rehearse: lines,
      close: () => child.close(),
    };
  },
});
