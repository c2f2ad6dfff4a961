/**
 * The format `teams`: Microsoft Teams by a webhook of the Workflows app, which takes an Adaptive Card. (The connector that took
 * a MessageCard is retired.) Facts from learn.microsoft.com: a message has about 28 KB (connectors/teams, "Message size
 * limit"), Markdown is read in TextBlock and Fact (platform/task-modules-and-cards/cards/cards-format), not in TextRun.
 */

import { z } from 'zod';
import type { Alert } from '../../events/alert.ts';
import { iso8601 } from '../../events/time.ts';
import { bounded, LEFT_OUT } from '../shared/bounded.ts';
import { byPriority, fieldText, presentFields, tagsOf, textOf } from '../shared/json.ts';
import { defineFormat, inParts, JSON_TYPE } from './format.ts';
import { unlessPage } from './own-answer.ts';

const options = z.strictObject({
  alerts_per_message: z
    .int()
    .min(1)
    .max(4)
    .default(4)
    .describe('Alerts in one message, as many as fit into 20 kB; one that is larger alone is cut, and says so.'),
});

/** The styles of containers that an Adaptive Card has. */
const STYLES: Record<string, string> = {
  Emergency: 'attention',
  Alert: 'attention',
  Critical: 'attention',
  Error: 'attention',
  Warning: 'warning',
  Notice: 'accent',
};

// The workflow answers before it posts, so nobody would say that a message was too large: far from the limit.
const MOST = 20_000; // bytes
const ROOM = MOST - Buffer.byteLength(message([]));

export const teams = defineFormat({
  type: 'teams',
  summary: 'Microsoft Teams by a webhook of the Workflows app (Adaptive Cards).',
  options,
  create: ({ alerts_per_message: most }) => ({
    ...inParts({
      most,
      bytes: ROOM,
      write: (alert) => bounded(alert, ROOM - 1, (short) => JSON.stringify(container(short))),
      join: (items) => ({ path: '/', headers: JSON_TYPE, body: message(items) }),
    }),
    // 202 without a body, unless the workflow has a step of its own that answers.
    accepted: unlessPage('a workflow'),
  }),
});

function message(items: readonly string[]): string {
  const card = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.2',
    msteams: { width: 'Full' },
  };
  const attachment = `{"contentType":"application/vnd.microsoft.card.adaptive","content":${JSON.stringify(card).slice(0, -1)}`;
  return `{"type":"message","attachments":[${attachment},"body":[${items.join(',')}]}}]}`;
}

function container(alert: Alert): object {
  const [rule = '', priority = '', output] = ['rule', 'priority', 'output'].map((name) => fieldText(alert, name));
  const left = alert.outputFields[LEFT_OUT];
  const rows = [
    ['time', iso8601(alert.time)],
    ['source', fieldText(alert, 'source')],
    ['hostname', fieldText(alert, 'hostname')],
    ['tags', tagsOf(alert).join(', ')],
    ...presentFields(alert)
      .filter(([name]) => name !== LEFT_OUT)
      .map(([name, value]) => [name, textOf(value)]),
    ['', left ? `${left} more fields are left out: the message would be too large` : ''],
  ].filter(([, value]) => value !== '');
  return {
    type: 'Container',
    separator: true,
    style: byPriority(alert, STYLES, 'default'),
    items: [
      text([{ text: `${priority}: ${rule}`, weight: 'Bolder', size: 'Medium' }]),
      ...(output ? [text([{ text: output }])] : []),
      ...rows.map(([name, value = '']) =>
        text([...(name ? [{ text: `${name}  `, weight: 'Bolder' }] : []), { text: value, fontType: 'Monospace' }]),
      ),
    ],
  };
}

// Runs of text are shown as they are: whoever chooses the name of a file puts no link into a message.
function text(runs: readonly object[]): object {
  return {
    type: 'RichTextBlock',
    spacing: 'Small',
    inlines: runs.map((run) => ({ type: 'TextRun', ...run })),
  };
}
