/** Connecting to NATS: the keys of it, and a connection that is made again for ever after it was lost. */

import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import { z } from 'zod';
import { now } from '../core/clock.ts';
import type { Context, PlanContext } from '../core/component.ts';
import { backoff } from '../core/failure/retry.ts';
import { isReadOnce, readText } from '../core/files/read-once.ts';
import { hostsOf, isLoopback } from '../core/net/address.ts';
import { warnOfExposed } from '../core/net/exposed.ts';
import { connectionError, tlsFileKeys } from '../core/net/tls.ts';
import { PLAIN_SECRET, type Secret, secret } from '../core/secret.ts';
import type { NatsConnection, NodeConnectionOptions, TlsOptions } from './client.ts';

type Client = typeof import('./client.ts');

const urlOf = (server: string) => URL.parse(server.includes('://') ? server : `nats://${server}`);

const server = z
  .string()
  .refine((text) => !text.includes('@'), { error: PLAIN_SECRET, abort: true })
  .refine((text) => {
    const { protocol, host, pathname = '' } = urlOf(text) ?? {};
    return (protocol === 'nats:' || protocol === 'tls:') && host !== '' && pathname.length <= 1;
  }, 'an address is nats://HOST:4222 or tls://HOST:4222');

/** The keys of every component that connects to NATS. */
export const connectionKeys = {
  servers: z
    .union([server, z.array(server).min(1)])
    .describe(
      'Addresses of servers of one cluster: `nats://HOST:4222`, or `tls://HOST:4222`, of which one is enough to have TLS with all.',
    ),
  credentials: secret().optional().describe('A credentials file (`nsc generate creds`).'),
  token: secret().optional().describe('A token.'),
  basic: z
    .strictObject({ user: z.string().min(1).describe('The user.'), password: secret().describe('The password.') })
    .optional()
    .describe('A user and a password.'),
  tls: tlsFileKeys.optional(),
};

export type ConnectionConfig = z.output<z.ZodObject<typeof connectionKeys>>;

/** For `refine` of what has these keys: the server would be told one, and nobody knows which. */
export const oneLogin = [
  ({ credentials, token, basic }: ConnectionConfig) =>
    [credentials, token, basic].filter((each) => each !== undefined).length <= 1,
  'give one of `credentials`, `token` and `basic`',
] as const;

/** Warns of a login that may cross the network in the clear. */
export function checkConnection(config: ConnectionConfig, plan: PlanContext): void {
  const { servers, credentials, token, basic } = config;
  if (insistsOnTls(config) || !(credentials || token || basic)) return;
  const open = [servers].flat().find((each) => !isLoopback(urlOf(each)?.hostname ?? ''));
  if (open === undefined) return;
  // A key of credentials only signs; who is in between can still speak with our rights.
  const what = token ? 'The token' : basic ? 'The password' : 'What we are let in for';
  const message = `${what} may cross the network to ${open} in the clear: nats:// has TLS only where the server wants it`;
  warnOfExposed({ message, hint: 'Use tls://, or set `tls`.' }, plan, ['servers']);
}

/** Names for the account that a connection reaches, at each of its servers: connections that have one in common reach the same. */
export function accountsOf({ servers, credentials, token, basic, tls }: ConnectionConfig): readonly string[] {
  const login = [credentials, token, basic, tls?.cert];
  return [servers].flat().flatMap((each) => {
    const { hostname = '', port } = urlOf(each) ?? {};
    return hostsOf(hostname).map((host) => JSON.stringify([host, port || PORT, login]));
  });
}

const insistsOnTls = ({ servers, tls }: Pick<ConnectionConfig, 'servers' | 'tls'>) =>
  tls !== undefined || [servers].flat().some((each) => urlOf(each)?.protocol === 'tls:');

/** A subject: words joined by dots. */
export const subjectText = z
  .string()
  .regex(/^[^\s.*>]+(\.[^\s.*>]+)*$/, 'a subject is words joined by dots, without * and >');

const PORT = '4222'; // where none is given
const CONNECT = 10_000; // ms for a connection to be made
const AGAIN = { initial: 500, max: 30_000 }; // ms between tries to make it again

/** Options of a connection. Throws a UserError (exit 78) when a secret is missing. */
export function connectionOptions(
  config: ConnectionConfig,
  { resolve, id }: Pick<Context, 'resolve' | 'id'>,
  client: Client,
): NodeConnectionOptions {
  const { servers, credentials, token, basic } = config;
  for (const each of [credentials, token, basic?.password]) each?.read(resolve);
  // Read again for each connection, for it may have been rotated. One that is gone is a wrong one: the server says so.
  const read = (given: Secret) => () => {
    try {
      return given.read(resolve);
    } catch {
      return '';
    }
  };
  const bytes = (given: Secret) => () => new TextEncoder().encode(read(given)());
  let tries = 0;
  let last = 0;
  const wait = () => {
    // It has been there in between.
    if (now() - last > AGAIN.max * 2) tries = 0;
    last = now();
    return backoff(AGAIN, ++tries);
  };
  return {
    servers: [servers].flat(),
    name: `falco-pipe ${id}`,
    timeout: CONNECT,
    maxReconnectAttempts: -1,
    reconnectDelayHandler: wait,
    ...(insistsOnTls(config) ? { tls: tlsOptions(config, resolve) } : {}),
    ...(token ? { authenticator: client.tokenAuthenticator(read(token)) } : {}),
    ...(basic ? { authenticator: client.usernamePasswordAuthenticator(basic.user, read(basic.password)) } : {}),
    ...(credentials ? { authenticator: client.credsAuthenticator(bytes(credentials)) } : {}),
  };
}

// Files, which the client reads for each connection: certificates are rotated; a pipe gives what it has once. With these options it refuses to go without TLS.
function tlsOptions({ servers, tls }: ConnectionConfig, resolve: Context['resolve']): TlsOptions {
  const given = (['ca', 'cert', 'key'] as const).flatMap((name) => {
    const path = tls?.[name] && resolve(tls[name]);
    if (!path) return [];
    return [isReadOnce(path) ? [name, readText(path)] : [`${name}File`, path]];
  });
  return { ...Object.fromEntries(given), checkServerIdentity: identityOf([servers].flat()) };
}

// Of a server that is given by its address the client says no name, and Node would hold it to that of `localhost`.
function identityOf(servers: readonly string[]): typeof checkServerIdentity {
  const hosts = servers.map((each) => (urlOf(each)?.hostname ?? '').replace(/^\[|\]$/g, ''));
  const unnamed = hosts.filter((each) => each === 'localhost' || isIP(each) !== 0);
  return (host, certificate) => {
    const wrong = (host === 'localhost' ? unnamed : [host]).map((each) => checkServerIdentity(each, certificate));
    return wrong.includes(undefined) ? undefined : (wrong[0] ?? checkServerIdentity(host, certificate));
  };
}

/** Connects. Rejects as connectionOptions throws, and with an error that names the servers and says what to do where that is known. */
export async function connectTo(
  config: ConnectionConfig,
  ctx: Pick<Context, 'resolve' | 'id'>,
  client: Client,
): Promise<NatsConnection> {
  const options = connectionOptions(config, ctx, client);
  try {
    return await client.connect(options);
  } catch (error) {
    throw new Error(explained(config, error), { cause: error });
  }
}

/** An error of a connection, with the servers it is about. */
export function explained({ servers }: Pick<ConnectionConfig, 'servers'>, error: unknown): string {
  // What the client says of a server that says nothing.
  const why = connectionError(error).replace(/.*node provided an undefined error$/, 'the server has hung up');
  return `${[servers].flat().join(', ')}: ${why}`;
}

/** Whether the server knows us, and lets us not in: another try will not help. */
export function isRefusal(error: unknown): boolean {
  const { name, cause } = error as Partial<Error>;
  return name === 'AuthorizationError' || name === 'UserAuthenticationExpiredError' || (!!cause && isRefusal(cause));
}

/** Tells when the connection is lost, made again, and when it is over for good (with why, where it was not closed by us). */
export function watchConnection(
  connection: NatsConnection,
  told: { readonly lost: () => void; readonly back: () => void; readonly over: (error: Error | undefined) => void },
): void {
  const watch = async () => {
    for await (const { type } of connection.status()) {
      if (type === 'disconnect') told.lost();
      else if (type === 'reconnect') told.back();
    }
  };
  void watch().catch(() => {});
  void connection.closed().then((error) => told.over(error ?? undefined), told.over);
}
