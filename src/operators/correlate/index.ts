/** The operator `correlate`: events that mean something together, across sources, become an alert. */

import { defineOperator, stream } from '../../core/component.ts';
import { config } from './config.ts';
import { type CorrelateState, planCorrelate, providedFields } from './plan.ts';
import { correlated } from './stream.ts';

export const correlate = defineOperator<typeof config, CorrelateState>({
  type: 'correlate',
  summary:
    'Raises an alert when events match together: so many, so many different, one after the other, or side by side.',
  config,
  emits: 'alert',
  examples: [
    {
      title: 'Five alerts of one user in five minutes',
      yaml: 'busy: { type: correlate, from: detect, key: user.name, threshold: { count: 5 }, rule: Many alerts of one user }',
    },
    {
      title: 'One program that connects to many hosts',
      yaml: [
        'scan:',
        '  type: correlate',
        '  from: node',
        '  key: proc.pid',
        '  within: 1m',
        '  distinct: { field: fd.sip, count: 20, condition: evt.type = connect }',
        '  rule: Scan of the network',
        '  output: "%correlate.count connections of process %proc.pid"',
      ].join('\n'),
    },
    {
      title: 'A file is made, then run',
      yaml: [
        'dropped:',
        '  type: correlate',
        '  from: detect',
        '  key: container.id',
        '  sequence:',
        '    - condition: rule contains "Write below"',
        '    - condition: rule contains "Execution"',
        '  rule: Dropped and executed',
        '  priority: Critical',
      ].join('\n'),
    },
  ],
  provides: () => providedFields,
  prepare(options, edge) {
    const { state, reads } = planCorrelate(options, edge);
    return { state, reads, notes: { lateness: state.lateness } };
  },
  create: (options, ctx) => stream(correlated(options, ctx)),
});
