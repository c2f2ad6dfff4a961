/** The operator `redact`: secrets are taken out of the texts of events. */

import { RE2JS } from 're2js';
import { z } from 'zod';
import { change, defineOperator } from '../core/component.ts';
import { messageOf } from '../core/errors.ts';
import type { EventRecord } from '../events/record.ts';
import { REDACTED, type Redactor, redactCommon, redacted } from '../events/redact.ts';

const config = z.strictObject({
  common: z
    .boolean()
    .default(true)
    .describe(
      'Replace what is commonly secret: passwords and tokens of options, variables, addresses and headers; AWS keys; private keys.',
    ),
  patterns: z
    .array(z.string().min(1))
    .default([])
    .describe('More to replace: regular expressions of RE2. Of a match with a group the group alone is replaced.'),
});

export const redact = defineOperator<typeof config, readonly RE2JS[]>({
  type: 'redact',
  summary: 'Replaces secrets in the texts of events: the output of an alert and every field.',
  config,
  examples: [
    { title: 'Common secrets', yaml: 'clean: { type: redact, from: detect }' },
    {
      title: 'Numbers of customers too',
      yaml: "clean: { type: redact, from: detect, patterns: ['customer=([0-9]+)'] }",
    },
  ],
  prepare({ patterns }, edge) {
    const state = patterns.flatMap((pattern, index) => {
      try {
        return RE2JS.compile(pattern);
      } catch (error) {
        const message = `"${pattern}" is no regular expression: ${messageOf(error).replace(/^error parsing regexp: /, '')}`;
        edge.report({ severity: 'error', code: 'CONFIG_PATTERN', message }, ['patterns', index]);
        return [];
      }
    });
    const reads = new Map(edge.sources.map((source) => [source, { fields: new Set<string>(), types: 'all' as const }]));
    return { state, reads };
  },
  create({ common }, { state }) {
    const redactors = [...(common ? [redactCommon] : []), ...state.map(redactorOf)];
    const all: Redactor = (text) => redactors.reduce((rest, redactor) => redactor(rest), text);
    return change((event) => redacted(event as EventRecord, all));
  },
});

function redactorOf(pattern: RE2JS): Redactor {
  return (text) => {
    const matcher = pattern.matcher(text);
    let clean = '';
    let from = 0;
    while (matcher.find()) {
      const group = matcher.groupCount() > 0 && matcher.start(1) >= 0 ? 1 : 0;
      // What matches nothing hides nothing.
      if (matcher.end(group) === matcher.start(group)) continue;
      clean += text.slice(from, matcher.start(group)) + REDACTED;
      from = matcher.end(group);
    }
    return clean + text.slice(from);
  };
}
