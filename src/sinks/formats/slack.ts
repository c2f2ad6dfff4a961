/** The format `slack`: an incoming webhook of Slack (Mattermost and Rocket.Chat take the same). */

import { z } from 'zod';
import type { Alert } from '../../events/alert.ts';
import { byPriority, fieldText, presentFields, tagsOf, textOf } from '../shared/json.ts';
import { defineFormat, JSON_TYPE } from './format.ts';
import { unlessPage } from './own-answer.ts';

const options = z.strictObject({
  show: z
    .enum(['all', 'text', 'fields'])
    .default('all')
    .describe('What a message shows: the output, a table of fields, or both.'),
  username: z.string().optional().describe('The name that messages come from, where the webhook allows it.'),
  icon: z.string().optional().describe('Address of a picture, or an emoji such as `:owl:`.'),
  alerts_per_message: z
    .int()
    .min(1)
    .max(50)
    .default(10)
    .describe('Alerts in one message; Slack takes about one a second.'),
});

const COLOURS: Record<string, string> = {
  Emergency: '#b30000',
  Alert: '#b30000',
  Critical: '#e34a33',
  Error: '#fc8d59',
  Warning: '#f5b400',
  Notice: '#3b82c4',
  Informational: '#7aa874',
};

const SHORT = 36; // characters of a value that leaves room for another beside it (spec/ecosystem.md §4.2)

export const slack = defineFormat({
  type: 'slack',
  summary: 'Slack by an incoming webhook; Mattermost and Rocket.Chat too.',
  options,
  create: ({ show, username, icon, alerts_per_message: most }) => ({
    most,
    encode(alerts) {
      const [first] = alerts;
      const summary = alerts.length === 1 && first ? headline(first) : `${alerts.length} alerts`;
      const message = {
        text: escaped(summary),
        ...(username ? { username } : {}),
        ...(icon ? (icon.startsWith(':') ? { icon_emoji: icon } : { icon_url: icon }) : {}),
        attachments: alerts.map((alert) => attachment(alert, show)),
      };
      return { path: '/', headers: JSON_TYPE, body: JSON.stringify(message) };
    },
    // Its `ok` says that it is HTML.
    accepted: unlessPage('Slack', 'ok'),
  }),
});

function headline(alert: Alert): string {
  return `${fieldText(alert, 'priority')}: ${fieldText(alert, 'rule')}`;
}

function attachment(alert: Alert, show: 'all' | 'text' | 'fields') {
  const own: [string, string][] = ['rule', 'priority', 'source', 'hostname'].map((name) => [
    name,
    fieldText(alert, name),
  ]);
  const tags = tagsOf(alert).join(', ');
  const fields = [
    ...own,
    ...(tags ? [['tags', tags] as const] : []),
    ...presentFields(alert).map(([name, value]) => [name, textOf(value)] as const),
  ];
  return {
    fallback: escaped(`${headline(alert)}: ${fieldText(alert, 'output')}`),
    color: byPriority(alert, COLOURS, '#9aa0a6'),
    ...(show === 'fields' ? {} : { text: escaped(fieldText(alert, 'output')) }),
    ...(show === 'text'
      ? {}
      : {
          fields: fields.map(([title, value]) => ({ title, value: escaped(value), short: [...value].length < SHORT })),
        }),
    ts: Number(alert.time / 1_000_000_000n),
  };
}

// In Slack's text these three begin links, mentions and entities.
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
