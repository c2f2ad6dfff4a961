/**
 * The format `pagerduty`: PagerDuty's Events API v2 (github.com/PagerDuty/developer-docs, docs/events-API-v2: 01-Overview for
 * answers and sizes, 02-Trigger-Events for the fields).
 */

import { hash } from 'node:crypto';
import { z } from 'zod';
import { secret } from '../../core/secret.ts';
import type { Alert } from '../../events/alert.ts';
import { rfc3339 } from '../../events/time.ts';
import { bounded, cutText } from '../shared/bounded.ts';
import { byPriority, fieldText, firstOf, jsonOf, presentFields, tagsOf, textOf } from '../shared/json.ts';
import { defineFormat, type HttpResponse, JSON_TYPE } from './format.ts';
import { jsonIn, notFrom } from './own-answer.ts';

const options = z.strictObject({
  routing_key: secret().describe('The integration key of a service or of an orchestration, 32 characters.'),
  dedup_fields: z
    .array(z.string())
    .default([
      ...['k8s.ns.name', 'k8s.pod.name', 'container.id', 'proc.name', 'user.name'],
      ...['ct.user', 'ct.name', 'ka.user.name', 'ka.verb', 'ka.target.name'],
    ])
    .describe(
      'Output fields that tell alerts of a rule apart: those alike in them, and in hostname unless they are of a cloud, are one alert there while it is open.',
    ),
});

const SEVERITIES: Record<string, string> = {
  Emergency: 'critical',
  Alert: 'critical',
  Critical: 'critical',
  Error: 'error',
  Warning: 'warning',
};

const MOST = 512_000; // bytes of an event; the limit is 512 KB
const LONGEST_SUMMARY = 1024; // characters

export const pagerduty = defineFormat({
  type: 'pagerduty',
  summary: 'PagerDuty, Events API v2: an alert opens an alert there, or adds to one that is open.',
  url: 'https://events.pagerduty.com',
  options,
  create: ({ routing_key: routingKey, dedup_fields: dedupFields }, reveal) => ({
    most: 1,
    encode([alert]) {
      const key = reveal(routingKey);
      const body = alert
        ? bounded(alert, MOST, (short) => JSON.stringify(event(short, key, dedupKey(alert, dedupFields))))
        : '';
      return { path: '/v2/enqueue', headers: JSON_TYPE, body };
    },
    accepted: (response, alerts) =>
      answerOf(response)?.status === 'success' ? undefined : notFrom('PagerDuty', response, alerts),
    canBeMended: isOfKey,
  }),
});

function event(alert: Alert, routingKey: string, dedup: string): object {
  const [rule, priority, output] = ['rule', 'priority', 'output'].map((name) => fieldText(alert, name));
  const own = { rule, priority, source: fieldText(alert, 'source'), tags: tagsOf(alert), output };
  const fields = presentFields(alert).map(([name, value]) => [name, jsonOf(value)]);
  return {
    routing_key: routingKey,
    event_action: 'trigger',
    dedup_key: dedup,
    client: 'falco-pipe',
    payload: {
      summary: cutText(output?.trim() || rule?.trim() || 'alert', LONGEST_SUMMARY),
      source: fieldText(alert, 'hostname').trim() || own.source.trim() || 'falco-pipe',
      severity: byPriority(alert, SEVERITIES, 'info'),
      timestamp: rfc3339(alert.time).replace(/\d{6}Z$/, 'Z'), // ms: its examples have no more
      ...named(alert, 'component', 'proc.name', 'ct.src', 'ka.target.resource'),
      ...named(alert, 'group', 'k8s.ns.name', 'ka.target.namespace'),
      class: rule,
      custom_details: { ...Object.fromEntries(fields), ...own },
    },
  };
}

function named(alert: Alert, key: string, ...fields: readonly string[]): object {
  const value = firstOf(alert, ...fields);
  return value === undefined ? {} : { [key]: textOf(value) };
}

// An event of a cloud may reach any replica: the host that saw it tells nothing.
const OF_A_HOST: ReadonlySet<string> = new Set(['syscall', 'container', 'internal']);

function dedupKey(alert: Alert, fields: readonly string[]): string {
  const source = fieldText(alert, 'source');
  const host = OF_A_HOST.has(source) ? fieldText(alert, 'hostname') : '';
  const values = fields.map((name) => {
    const value = alert.outputFields[name];
    return value === undefined || value === null ? null : textOf(value);
  });
  return hash('sha256', JSON.stringify([fieldText(alert, 'rule'), source, host, values]), 'hex');
}

/** A routing key that is wrong is 400 with errors such as "Length of 'routing_key' is incorrect" or "Invalid routing key". */
function isOfKey(response: HttpResponse): boolean {
  const errors = answerOf(response)?.errors;
  return Array.isArray(errors) && errors.some((each) => /routing.key/i.test(JSON.stringify(each)));
}

function answerOf(response: HttpResponse): { readonly status?: unknown; readonly errors?: unknown } | undefined {
  return jsonIn(response) ?? undefined;
}
