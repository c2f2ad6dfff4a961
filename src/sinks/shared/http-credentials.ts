/** What the sink `http` is let in with: two things that would be sent as one header, and what would go in the clear. */

import { isLoopback } from '../../core/address.ts';
import type { PlanContext } from '../../core/component.ts';
import { placeText } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import type { Format } from '../formats/format.ts';
import type { ClientConfig } from './http-client.ts';

type Credentials = Pick<ClientConfig, 'headers' | 'bearer_token' | 'basic' | 'oauth'>;

/** A header of every request, and the key that it comes from. */
interface Sent {
  readonly path: readonly string[];
  readonly header: string;
}

/**
 * Reports keys that set a header which another one sets: the receiver would get one of them. `credential` is what the format
 * sends.
 */
export function checkHeaders(given: Credentials, credential: Format['credential'], plan: PlanContext): void {
  const { bearer_token: token, basic, oauth } = given;
  const all: Sent[] = [
    ...(credential ? [{ path: ['format', credential.option], header: credential.header }] : []),
    ...Object.entries({ bearer_token: token, basic, oauth }).flatMap(([key, value]) =>
      value ? [{ path: [key], header: 'authorization' }] : [],
    ),
    ...Object.keys(given.headers).map((name) => ({ path: ['headers', name], header: name.toLowerCase() })),
  ];
  const first = new Map<string, Sent>();
  for (const sent of all) {
    const { header, path } = sent;
    const before = first.get(header);
    if (!before) {
      first.set(header, sent);
      continue;
    }
    const [key, other] = [path.join('.'), before.path.join('.')];
    const message = `${key} is sent as the header ${header}, and so is ${other}: the receiver would get one of them`;
    const via = [`${other}: ${placeText(plan.placer(before.path)({ start: 0, end: 0 }))}`];
    plan.report({ severity: 'error', code: 'CONFIG_VALUE', message, via, hint: 'Remove one of them.' }, path);
  }
}

/** What is said of secrets that cross a network in the clear. */
export interface Exposed {
  readonly message: string;
  readonly hint: string;
}

/**
 * What of the credentials, and of the format's options, goes in the clear to an address; undefined where nothing does. The
 * address is not repeated: it may be a secret.
 */
export function exposedTo(url: string, given: Credentials, options: object | undefined): Exposed | undefined {
  const ofFormat = Object.entries(options ?? {}).flatMap(([name, value]) =>
    value instanceof Secret ? [`format.${name}`] : [],
  );
  const ofHeaders = Object.entries(given.headers).flatMap(([name, value]) =>
    value instanceof Secret || /^authorization$/i.test(name) ? [`headers.${name}`] : [],
  );
  const own = (['bearer_token', 'basic', 'oauth'] as const).filter((key) => given[key]);
  return exposed(url, [...ofFormat, ...own, ...ofHeaders]);
}

/** Warns of what goes in the clear, where the addresses are known. */
export function checkExposed(
  url: string | Secret,
  given: Credentials,
  options: object | undefined,
  plan: PlanContext,
): void {
  const warn = (what: Exposed | undefined, path: readonly string[]) =>
    what && plan.report({ severity: 'warning', code: 'PLAIN_TOKEN', ...what }, path);
  if (typeof url === 'string') warn(exposedTo(url, given, options), ['url']);
  if (given.oauth) warn(exposed(given.oauth.token_url, ['oauth.client_secret']), ['oauth', 'token_url']);
}

function exposed(url: string, keys: readonly string[]): Exposed | undefined {
  const { protocol, hostname } = URL.parse(url) ?? {};
  if (keys.length === 0 || protocol !== 'http:' || isLoopback(hostname ?? '')) return undefined;
  const many = keys.length > 1;
  const message = `${keys.join(', ').replace(/, (?=[^,]*$)/, ' and ')} ${many ? 'cross' : 'crosses'} the network in the clear`;
  return { message, hint: 'Use https://.' };
}
