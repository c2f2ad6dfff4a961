/** The sink `syslog`: RFC 5424 messages over UDP (RFC 5426), TCP (RFC 6587), TLS (RFC 5425) or a local socket. */

import { z } from 'zod';
import { defineSink } from '../core/component.ts';
import { messageOf } from '../core/errors.ts';
import type { Event } from '../core/event.ts';
import { encodeEach, WriteError } from '../core/failure/write-error.ts';
import { checkTlsUsed, tlsKeys } from '../core/net/tls.ts';
import { type Alert, alertJson, alertText } from '../events/alert.ts';
import { rfc3339 } from '../events/time.ts';
import { parsePriority, priorities } from '../rules/priority.ts';
import { asAlert } from './shared/as-alert.ts';
import { fieldText } from './shared/json.ts';
import { lineReads, sendKeys } from './shared/lines.ts';
import { type Framing, openSocket } from './shared/socket.ts';

const facilities = [
  ...['kern', 'user', 'mail', 'daemon', 'auth', 'syslog', 'lpr', 'news', 'uucp', 'cron', 'authpriv', 'ftp'],
  ...['ntp', 'audit', 'alert', 'clock', 'local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'],
] as [string, ...string[]];

const ADDRESS = 'an address is udp://HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT or unix:///PATH';

const config = z.strictObject({
  address: z
    .string(ADDRESS)
    .regex(/^((udp|tcp|tls):\/\/.+|unix:\/\/\/.+)$/, ADDRESS)
    .describe(
      'udp://HOST[:514], tcp://HOST[:601], tls://HOST[:6514], or unix:///PATH of a local socket: unix:///dev/log.',
    ),
  facility: z.enum(facilities).default('user').describe('The facility; Falco uses `user`.'),
  app_name: z
    .string()
    .regex(/^[!-~]{1,48}$/)
    .default('falco-pipe')
    .describe('The name of the program in messages: at most 48 letters, no blanks.'),
  format: z
    .enum(['text', 'json'])
    .default('text')
    .describe('text: alerts as Falco prints them. json: the object that Falco writes.'),
  framing: z
    .enum(['octets', 'newline'])
    .default('octets')
    .describe('How a stream tells messages apart: by their length, as RFC 5425 has it, or by line ends.'),
  tls: tlsKeys.optional(),
  ...sendKeys,
});

export const syslog = defineSink({
  type: 'syslog',
  summary: 'Sends alerts to a syslog server (RFC 5424); what the network has taken counts as delivered.',
  config,
  examples: [
    {
      title: 'Over TLS, with an authority of your own',
      yaml: 'siem: { type: syslog, from: detect, address: "tls://siem.example:6514", tls: { ca: /etc/ssl/private-ca.pem } }',
    },
    { title: "To the system's own log", yaml: 'local: { type: syslog, from: detect, address: "unix:///dev/log" }' },
    {
      title: 'Over UDP, as JSON',
      yaml: 'siem: { type: syslog, from: detect, address: "udp://siem.example", format: json }',
    },
  ],
  reads: ({ fields }, sources) => lineReads({ fields }, sources),
  prepare: ({ address, tls }, plan) => checkTlsUsed(tls, [address], plan),
  async open(given, ctx) {
    const socket = openSocket(given.address, given.framing as Framing, given.tls, ctx);
    const message = messagesOf(given);
    // An event that is written again has the message that it had: the socket may have begun to send it.
    let written: ReadonlyMap<Event, string> = new Map();
    return {
      async write(events, signal) {
        const messages = encodeEach(events, (event) => written.get(event) ?? message(asAlert(event, given.redact)));
        written = new Map(events.map((event, place) => [event, messages[place] as string]));
        const { count, tooLong } = await socket.send(messages, signal);
        const refused = tooLong.map((place) => events[place] as Event);
        const again = events.slice(count);
        const why = refused.length > 0 ? 'a message is longer than a datagram can be' : messageOf(signal.reason);
        if (refused.length + again.length > 0) throw new WriteError(why, { refused, again });
      },
      reopen: () => socket.reopen(),
      close: () => socket.close(),
    };
  },
});

const LAST = 2 ** 31 - 1; // of sequenceId, which then begins again with 1 (RFC 5424 §7.3.1)

function messagesOf({ facility, app_name: app, format }: z.output<typeof config>): (alert: Alert) => string {
  let sequence = 0;
  return (alert) => {
    sequence = (sequence % LAST) + 1;
    const severity = priorities.indexOf(parsePriority(fieldText(alert, 'priority')) ?? 'Informational');
    const level = facilities.indexOf(facility) * 8 + severity;
    // Six digits of a second at most.
    const time = `${rfc3339(alert.time).slice(0, 26)}Z`;
    const host =
      fieldText(alert, 'hostname')
        .replace(/[^!-~]/g, '_')
        .slice(0, 255) || '-';
    const text = format === 'json' ? alertJson(alert, { iso8601: true }) : alertText(alert, { iso8601: true });
    return `<${level}>1 ${time} ${host} ${app} ${process.pid} alert [meta sequenceId="${sequence}"] ${text}`;
  };
}
