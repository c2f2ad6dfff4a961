/** The sink `http`: alerts as HTTP requests, in one of the formats that receivers know. */

import { z } from 'zod';
import { defineSink, type PlanContext } from '../core/component.ts';
import { exitCode, messageOf, UserError } from '../core/errors.ts';
import type { Event } from '../core/event.ts';
import { retryAfter } from '../core/failure/retry.ts';
import { encodeEach, unwritable, WriteError } from '../core/failure/write-error.ts';
import { checkTlsUsed, inTheClear, tlsKeys } from '../core/net/tls.ts';
import { reveal, Secret, secret, textOrSecret } from '../core/secret.ts';
import type { Alert } from '../events/alert.ts';
import { type Encoder, type Format, type HttpResponse, isOfContent, neededOptions } from './formats/format.ts';
import { formats } from './formats/index.ts';
import { asAlert } from './shared/as-alert.ts';
import { HttpClient, type HttpRequest } from './shared/http-client.ts';
import { checkExposed, checkHeaders, exposedTo } from './shared/http-credentials.ts';
import { lineReads, sendKeys } from './shared/lines.ts';
import { oauthKeys } from './shared/oauth.ts';

const names = formats.map(({ type }) => type) as [string, ...string[]];

const ofServices = formats.filter(({ url }) => url !== undefined).map(({ type }) => type);

const withOptions = formats.map(({ type, options, summary }) =>
  options.safeExtend({ type: z.literal(type) }).describe(summary),
) as unknown as [z.core.$ZodTypeDiscriminable, ...z.core.$ZodTypeDiscriminable[]];

const format = z
  .union([z.enum(names), z.discriminatedUnion('type', withOptions)])
  .prefault('falco')
  .describe(`How alerts are written: ${names.join(', ')}. With options: \`format: { type: loki, line: text }\`.`);

const config = z.strictObject({
  url: textOrSecret()
    .optional()
    .describe(
      `Where requests go. An address without a path gets the format's: \`https://loki:3100\` becomes \`…/loki/api/v1/push\`. Default: the service's, with the formats ${ofServices.join(' and ')}.`,
    ),
  format,
  method: z.enum(['POST', 'PUT']).default('POST').describe('The method of requests.'),
  headers: z
    .record(z.string().regex(/^[\w-]+$/), textOrSecret())
    .prefault({})
    .describe('Headers beside those of the format.'),
  bearer_token: secret().optional().describe('A token, sent as `Authorization: Bearer …`.'),
  basic: z
    .strictObject({
      user: z.string().min(1).describe('The user.'),
      password: secret().describe('The password.'),
    })
    .optional()
    .describe('A user and a password, sent as `Authorization: Basic …`.'),
  oauth: oauthKeys.optional(),
  gzip: z.boolean().default(false).describe('Compress requests.'),
  concurrency: z.int().min(1).max(64).default(4).describe('Requests at once, where a format has one alert a request.'),
  tls: tlsKeys.optional(),
  proxy: textOrSecret()
    .optional()
    .describe(
      'An HTTP proxy: `http://proxy:3128`, also with user and password. Default: the one that HTTPS_PROXY and HTTP_PROXY name, but for the hosts in NO_PROXY.',
    ),
  ...sendKeys,
});

export const http = defineSink({
  type: 'http',
  summary:
    'Sends alerts by HTTP: to falcosidekick, Alertmanager, Elasticsearch, Slack, PagerDuty, Splunk, OpenTelemetry and more.',
  config,
  examples: [
    { title: 'To falcosidekick', yaml: "out: { type: http, from: detect, url: 'http://falcosidekick:2801' }" },
    {
      title: 'To Slack, no more than can be read',
      yaml: 'chat: { type: http, from: detect, format: slack, url: { env: SLACK_WEBHOOK } }',
    },
    {
      title: 'To PagerDuty, whose address is known',
      yaml: 'page: { type: http, from: detect, format: { type: pagerduty, routing_key: { env: PAGERDUTY_KEY } } }',
    },
    {
      title: 'To Elasticsearch with a private authority and a password',
      yaml: [
        'search:',
        '  type: http',
        '  from: detect',
        '  url: https://elastic.example:9200',
        '  format: { type: elasticsearch, index: falco, suffix: daily }',
        '  basic: { user: falco, password: { file: /run/secrets/elastic } }',
        '  tls: { ca: /etc/ssl/private-ca.pem }',
        '  gzip: true',
      ].join('\n'),
    },
  ],
  reads: ({ fields }, sources) => lineReads({ fields }, sources),
  prepare(given, plan) {
    checkFormat(given, plan);
    const [format, options] = chosen(given);
    checkHeaders(given, options && format.credential, plan);
    checkExposed(given.url ?? format.url ?? '', given, options, plan);
    for (const key of ['url', 'proxy'] as const) {
      const text = given[key];
      if (typeof text !== 'string' || isAddress(text)) continue;
      plan.report({ severity: 'error', code: 'CONFIG_VALUE', message: `${key} ${NO_ADDRESS}` }, [key]);
    }
    const addresses = addressesOf(given);
    // What a secret stands for is known when the sink is opened.
    if (addresses.every((each) => typeof each === 'string')) checkTlsUsed(given.tls, addresses, plan);
  },
  async open(given, ctx) {
    const url = addressOf(reveal(urlOf(given), ctx.resolve));
    const clear = inTheClear(
      given.tls,
      addressesOf(given).map((each) => reveal(each, ctx.resolve)),
    );
    if (clear) throw new UserError(`${clear.message}: ${clear.hint}`, { exit: exitCode.config });
    const exposed = given.url instanceof Secret && exposedTo(url.href, given, chosen(given)[1]);
    if (exposed) ctx.log.warn(`${exposed.message}: ${exposed.hint}`);
    const client = await HttpClient.open(given, ctx.resolve);
    const encoder = encoderOf(given, client);
    const sender = new Sender(client, encoder, url, given.concurrency);
    const alertsOf = (events: readonly Event[]) =>
      encodeEach(events, (event) => [event, asAlert(event, given.redact)] as const);
    return {
      write: (events, signal) => sender.write(alertsOf(events), signal),
      probe: (events, signal) => sender.probe(alertsOf(events), signal),
      reopen: () => client.reopen(),
      close: () => client.close(),
    };
  },
});

type Given = z.output<typeof config>;

/** The format, and its options where the configuration has some. */
function chosen({ format }: Given): readonly [Format, object | undefined] {
  const { type, ...options } = (typeof format === 'string' ? { type: format } : format) as { readonly type: string };
  const found = formats.find((each) => each.type === type) as Format;
  return [found, typeof format === 'string' ? undefined : options];
}

function checkFormat(given: Given, plan: PlanContext): void {
  const [format, options] = chosen(given);
  const needed = options ? [] : neededOptions(format);
  if (needed.length > 0) {
    const message = `The format ${format.type} needs ${needed.join(', ')}`;
    const hint = `Write format: { type: ${format.type}, ${needed.map((key) => `${key}: …`).join(', ')} }.`;
    plan.report({ severity: 'error', code: 'CONFIG_VALUE', message, hint }, ['format']);
  }
  if (given.url === undefined && format.url === undefined) {
    const message = `Missing key "url": the format ${format.type} has no address of its own`;
    plan.report({ severity: 'error', code: 'CONFIG_MISSING_KEY', message });
  }
}

function encoderOf(given: Given, client: HttpClient): Encoder {
  const [format, options = format.options.parse({})] = chosen(given);
  // One that is missing is said at once.
  for (const option of Object.values(options)) if (option instanceof Secret) client.reveal(option);
  return format.create(options as never, (secret) => client.reveal(secret));
}

function urlOf(given: Given): string | Secret {
  return given.url ?? (chosen(given)[0].url as string);
}

// All that it speaks to, with the keys of TLS that it has.
function addressesOf(given: Given) {
  return [urlOf(given), given.oauth?.token_url, given.proxy].filter((each) => each !== undefined);
}

const NO_ADDRESS = 'is not an address that begins with http:// or https://';

function isAddress(text: string): boolean {
  return /^https?:$/.test(URL.parse(text)?.protocol ?? '');
}

function addressOf(text: string): URL {
  if (isAddress(text)) return new URL(text);
  // The address may be a secret itself: it is not repeated.
  throw new UserError(`its url ${NO_ADDRESS}`, { exit: exitCode.config });
}

/** An event as it came, and the alert that is sent for it. */
type Pair = readonly [Event, Alert];

/** That, and the part of a request that it has become, where a request has parts. */
type Item = readonly [...Pair, part?: string | undefined];

/** What became of the events of one write. */
interface Outcome {
  readonly refused: Event[];
  readonly again: Event[];
  wait: number;
  why: string;
}

class Sender {
  readonly #client: HttpClient;
  readonly #encoder: Encoder;
  readonly #url: URL;
  readonly #concurrency: number;

  constructor(client: HttpClient, encoder: Encoder, url: URL, concurrency: number) {
    this.#client = client;
    this.#encoder = encoder;
    this.#url = url;
    this.#concurrency = concurrency;
  }

  /** Rejects with a WriteError that tells what was refused and what is to be sent again. */
  async write(pairs: readonly Pair[], signal: AbortSignal): Promise<void> {
    const outcome: Outcome = { refused: [], again: [], wait: 0, why: '' };
    const requests = this.#requests(pairs);
    let sent = 0;
    const work = async () => {
      // Where one was turned away for now, the others would be too.
      while (outcome.again.length === 0) {
        const request = requests.next().value;
        if (!request) return;
        sent += request.length;
        await this.#deliver(request, outcome, signal);
      }
    };
    await Promise.all(Array.from({ length: this.#concurrency }, work));
    const { refused, wait, why } = outcome;
    const again = [...outcome.again, ...pairs.slice(sent).map(([event]) => event)];
    if (refused.length + again.length > 0) throw new WriteError(why, { refused, again, wait });
  }

  /** One request; resolves with what came back, and rejects with it when the alerts were not taken. */
  async probe(pairs: readonly Pair[], signal: AbortSignal): Promise<string> {
    const alerts = pairs.map(([, alert]) => alert);
    const response = await this.#client.send(this.#encode(pairs), signal);
    const { status } = response;
    const verdict = isTaken(status) ? this.#encoder.accepted?.(response, alerts) : undefined;
    if (verdict) throw new Error(`${verdict.why}\n\n${shown(response)}`);
    if (!isTaken(status)) throw new Error(shown(response));
    return shown(response);
  }

  /** What goes into one request after the other, as much as one may have: made when it is asked for. */
  *#requests(pairs: readonly Pair[]): Generator<Item[], undefined> {
    const { most, parts } = this.#encoder;
    let request: Item[] = [];
    let bytes = 0;
    for (const [event, alert] of pairs) {
      let part: string | undefined;
      try {
        part = parts?.write(alert);
      } catch {
        // A request of its own, which tells why it cannot be made.
        if (request.length > 0) yield request;
        yield [[event, alert]];
        request = [];
        bytes = 0;
        continue;
      }
      const more = part === undefined ? 0 : Buffer.byteLength(part) + 1;
      const isFull = request.length === most || (parts !== undefined && bytes + more > parts.bytes);
      if (isFull && request.length > 0) {
        yield request;
        request = [];
        bytes = 0;
      }
      request.push([event, alert, part]);
      bytes += more;
    }
    if (request.length > 0) yield request;
    return undefined;
  }

  #encode(items: readonly Item[]): HttpRequest {
    const alerts = items.map(([, alert]) => alert);
    const parts = items.flatMap(([, , part]) => part ?? []);
    const { path, headers, body } = this.#encoder.encode(alerts, parts.length > 0 ? parts : undefined);
    const url = this.#url.pathname === '/' && !this.#url.search ? new URL(path, this.#url) : this.#url;
    return { url, headers, body };
  }

  async #deliver(items: readonly Item[], outcome: Outcome, signal: AbortSignal): Promise<void> {
    const events = items.map(([event]) => event);
    let request: HttpRequest | undefined;
    let response: HttpResponse;
    try {
      request = this.#encode(items);
      response = await this.#client.send(request, signal);
    } catch (error) {
      // A secret that is missing can be mended.
      if (request === undefined && !(error instanceof UserError)) {
        await this.#refuse(items, unwritable(error), outcome, signal);
        return;
      }
      outcome.again.push(...events);
      outcome.why = messageOf(error);
      return;
    }
    const { status } = response;
    const { canBeMended = () => false } = this.#encoder;
    if (isTaken(status)) {
      this.#judge(response, items, outcome);
      return;
    }
    const mendable = canBeMended(response);
    if (!isOfContent(status) || mendable) {
      outcome.again.push(...events);
      outcome.wait = Math.max(outcome.wait, retryAfter(response.headers['retry-after']));
      outcome.why = told(response, mendable ? OPTIONS : undefined);
    } else await this.#refuse(items, told(response), outcome, signal);
  }

  // One of several may be at fault, or all be too large together: the halves are tried by themselves.
  async #refuse(items: readonly Item[], why: string, outcome: Outcome, signal: AbortSignal): Promise<void> {
    if (items.length === 1) {
      outcome.refused.push(...items.map(([event]) => event));
      outcome.why ||= why;
      return;
    }
    const half = Math.ceil(items.length / 2);
    await this.#deliver(items.slice(0, half), outcome, signal);
    await this.#deliver(items.slice(half), outcome, signal);
  }

  #judge(response: HttpResponse, items: readonly Item[], outcome: Outcome): void {
    const verdict = this.#encoder.accepted?.(
      response,
      items.map(([, alert]) => alert),
    );
    if (!verdict) return;
    const eventsAt = (places: readonly number[]) => places.flatMap((place) => items[place]?.[0] ?? []);
    outcome.refused.push(...eventsAt(verdict.refused));
    outcome.again.push(...eventsAt(verdict.again));
    outcome.why ||= verdict.why;
  }
}

function isTaken(status: number): boolean {
  return status >= 200 && status < 300;
}

function told({ status, headers, body, proxy }: HttpResponse, advice = ADVICE[status]): string {
  const to = status >= 300 && status < 400 && headers.location ? ` to ${headers.location}: put that into url` : '';
  const said = body.replace(/\s+/g, ' ').trim().slice(0, 200);
  const notes = [...(proxy === undefined ? [] : [`perhaps of the proxy ${proxy}`]), ...(advice ? [advice] : [])];
  return `status ${status}${to}${said ? `: ${said}` : ''}${notes.length > 0 ? ` (${notes.join('; ')})` : ''}`;
}

const AGAIN = 'files of secrets are read again for each request';
const CREDENTIALS = `look at its credentials: ${AGAIN}`;
const OPTIONS = `look at the key and the other options of its format: ${AGAIN}`;
const ADDRESS = 'look at url and format';
const ADVICE: Readonly<Record<number, string>> = {
  401: CREDENTIALS,
  403: CREDENTIALS,
  404: ADDRESS,
  405: ADDRESS,
  407: 'look at the user and password of the proxy',
  410: ADDRESS,
  415: ADDRESS,
};

/** An answer for people, as HTTP has it. */
function shown({ status, headers, body, proxy }: HttpResponse): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const whose = proxy === undefined ? '' : ` (perhaps of the proxy ${proxy})`;
  return [`HTTP status ${status}${whose}`, ...lines, '', body.slice(0, 4096)].join('\n').trimEnd();
}
