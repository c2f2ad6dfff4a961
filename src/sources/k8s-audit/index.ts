/** The source `k8s_audit`: what the API server of Kubernetes did for whom, from its webhook or its log. */

import { existsSync } from 'node:fs';
import { z } from 'zod';
import { reading } from '../../core/claim.ts';
import { defineSource, type PlanContext } from '../../core/component.ts';
import { size } from '../../core/config.ts';
import { cloudFills } from '../../events/cloud/event.ts';
import { clusterKey } from '../shared/cluster-key.ts';
import { checkServer, serverKeys } from '../shared/server-keys.ts';
import { logFile } from './log-file.ts';
import { webhook } from './webhook.ts';

const config = z.strictObject({
  mode: z
    .enum(['webhook', 'file'])
    .default('webhook')
    .describe('webhook: listen for what kube-apiserver posts. file: follow the log that it writes.'),
  cluster: clusterKey,
  ...serverKeys(9765, '/k8s-audit'),
  file: z
    .string()
    .min(1)
    .optional()
    .describe('Of mode file: the log (`--audit-log-path`), an event a line; its rotation is followed.'),
  start: z
    .enum(['end', 'beginning'])
    .default('end')
    .describe(
      'Of mode file: where to begin a log that was never read before; the beginning is that of its oldest part.',
    ),
  max_event: size().prefault('4MiB').describe('Of mode file: the longest line; a longer one is counted as dropped.'),
});

/** Keys that mean something in mode webhook alone, and have no default that says so. */
const OF_WEBHOOK = ['tls', 'bearer_token'] as const;

export const k8sAudit = defineSource({
  type: 'k8s_audit',
  summary: "Kubernetes audit events, from the API server's webhook or from its log.",
  config,
  examples: [
    { title: 'A webhook on this machine', yaml: 'cluster: { type: k8s_audit }' },
    {
      title: 'A webhook for other machines, which have to show a certificate',
      yaml: [
        'cluster:',
        '  type: k8s_audit',
        '  listen: 0.0.0.0:9765',
        '  tls: { cert: /etc/falco-pipe/tls.crt, key: /etc/falco-pipe/tls.key, client_ca: /etc/falco-pipe/clients.crt }',
      ].join('\n'),
    },
    {
      title: 'The log of an API server on this machine',
      yaml: 'cluster: { type: k8s_audit, mode: file, file: /var/log/kubernetes/audit.log, cluster: prod }',
    },
  ],
  delivery: 'at_least_once',
  emits: () => ['k8s_audit'],
  fills: cloudFills,
  positionFor: ({ mode, file }) => ({ mode, file }),
  prepare(given, plan) {
    if (given.mode === 'webhook') {
      if (given.file !== undefined) {
        plan.report({ severity: 'error', code: 'CONFIG_MODE', message: '`file` is of mode file' }, ['file']);
      }
      checkServer(given, plan);
      return;
    }
    if (given.file === undefined) {
      plan.report({ severity: 'error', code: 'CONFIG_MODE', message: 'mode file needs `file`, the log to follow' });
    } else {
      plan.claim(reading(plan.resolve(given.file)), ['file']);
      sayWhenMissing(given.file, plan);
    }
    for (const key of OF_WEBHOOK) {
      if (given[key] === undefined) continue;
      plan.report({ severity: 'error', code: 'CONFIG_MODE', message: `\`${key}\` is of mode webhook` }, [key]);
    }
  },
  open: (given, ctx) =>
    given.mode === 'webhook' ? webhook(given, ctx) : logFile({ ...given, file: given.file as string }, ctx),
});

// The API server may make it later, and this may be another machine.
function sayWhenMissing(file: string, plan: PlanContext): void {
  if (existsSync(plan.resolve(file))) return;
  const message = `There is no ${file} yet: it is followed once it is there`;
  plan.report({ severity: 'warning', code: 'CONFIG_FILE', message }, ['file']);
}
