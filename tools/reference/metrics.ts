/** The reference of metrics, out of the table that they are served from. */

import { allMetrics, componentLabels } from '../../src/pipeline/run/prometheus.ts';
import { code, page, table } from './markdown.ts';

const INTRODUCTION = `What \`/metrics\` serves where a pipeline has an \`http:\` block, or \`run\` has \`--http\`. Metrics of components have
the labels ${componentLabels.map(code).join(', ')} too. A label or component that has counted nothing yet is absent.

Of all events that sources emitted or lost: the sum of \`falco_pipe_events_total\` over \`fate\`, and \`falco_pipe_unsettled_events\`.`;

/** The page of all metrics. */
export function metricsPage(): string {
  const rows = allMetrics.map(({ name, type, labels = [], help }) => [
    code(name),
    type,
    labels.map(code).join(', '),
    help,
  ]);
  return page('Metrics', INTRODUCTION, [table(['Name', 'Type', 'Labels', 'What it is'], rows)]);
}
