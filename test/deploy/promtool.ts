/** Prometheus's own judgement, by its promtool, which needs no server and makes hours pass at once (Debian: promtool). */

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratch } from '../scratch.ts';

/** What is scraped: values by series, in promtool's notation, one a minute. */
export type Series = Readonly<Record<string, string>>;

export interface Case {
  readonly name: string;
  readonly series: Series;
  /** By minute, which alerts fire then; rules are judged every five. */
  readonly firing: Readonly<Record<number, readonly string[]>>;
  /** By alert that fires: its labels and annotations, exactly, in a minute. */
  readonly said?: {
    readonly minute: number;
    readonly alert: string;
    readonly labels: object;
    readonly annotations: object;
  };
}

/** What promtool finds wrong when the rules in `file` are given these series: nothing, else its text. */
export function wrongIn(file: string, cases: readonly Case[]): string {
  const tests = cases.map(({ name, series, firing, said }) => ({
    name,
    interval: '1m',
    input_series: Object.entries(series).map(([series, values]) => ({ series, values })),
    promql_expr_test: Object.entries(firing).map(([minute, alerts]) => ({
      expr: 'group by (alertname) (ALERTS{alertstate="firing"})',
      eval_time: `${minute}m`,
      exp_samples: alerts.map((alert) => ({ labels: `{alertname="${alert}"}`, value: 1 })),
    })),
    alert_rule_test: said && [
      {
        eval_time: `${said.minute}m`,
        alertname: said.alert,
        exp_alerts: [{ exp_labels: said.labels, exp_annotations: said.annotations }],
      },
    ],
  }));
  const path = join(scratch(), 'tests.yaml');
  writeFileSync(path, JSON.stringify({ rule_files: [file], evaluation_interval: '5m', tests }));
  const { status, stdout, stderr, error } = spawnSync('promtool', ['test', 'rules', path], { encoding: 'utf8' });
  if (error) throw error;
  return status === 0 ? '' : `${stdout}${stderr}`;
}

/** What keeps Prometheus from reading a page of metrics: nothing, else its text. */
export function unreadable(page: string): string {
  const { stderr, error } = spawnSync('promtool', ['check', 'metrics'], { input: page, encoding: 'utf8' });
  if (error) throw error;
  return stderr;
}
