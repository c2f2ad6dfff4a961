/** What the sink `http` is let in with: two things that would be sent as one header, and what would go in the clear. */

import type { PlanContext } from '../../core/component.ts';
import { placeText } from '../../core/errors.ts';
import { type Exposed, exposedAt, warnOfExposed } from '../../core/net/exposed.ts';
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
  if (typeof url === 'string') warnOfExposed(exposedTo(url, given, options), plan, ['url']);
  const { oauth } = given;
  if (oauth) warnOfExposed(exposed(oauth.token_url, ['oauth.client_secret']), plan, ['oauth', 'token_url']);
}

function exposed(url: string, keys: readonly string[]): Exposed | undefined {
  if (keys.length === 0) return undefined;
  return exposedAt(url, `${keys.join(', ').replace(/, (?=[^,]*$)/, ' and ')} ${keys.length > 1 ? 'cross' : 'crosses'}`);
}
