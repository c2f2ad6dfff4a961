/** Connecting to NATS: the keys of it, and a connection that is made again for ever after it was lost. */

import { z } from 'zod';
import { now } from '../core/clock.ts';
import type { Context } from '../core/component.ts';
import { backoff } from '../core/retry.ts';
import { type Secret, secret } from '../core/secret.ts';
import { connectionError, readTls, tlsFileKeys } from '../core/tls.ts';
import type { NatsConnection, NodeConnectionOptions } from './client.ts';

type Client = typeof import('./client.ts');

/** The keys of every component that connects to NATS. */
export const connectionKeys = {
  servers: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
    .describe('Addresses of servers of one cluster: `nats://HOST:4222` or `tls://HOST:4222`.'),
  credentials: secret().optional().describe('A credentials file (`nsc generate creds`).'),
  token: secret().optional().describe('A token.'),
  basic: z
    .strictObject({ user: z.string().min(1).describe('The user.'), password: secret().describe('The password.') })
    .optional()
    .describe('A user and a password.'),
  tls: tlsFileKeys.optional(),
};

export type ConnectionConfig = z.output<z.ZodObject<typeof connectionKeys>>;

/** A subject: words joined by dots. */
export const subjectText = z
  .string()
  .regex(/^[^\s.*>]+(\.[^\s.*>]+)*$/, 'a subject is words joined by dots, without * and >');

const CONNECT = 10_000; // ms for a connection to be made
const AGAIN = { initial: 500, max: 30_000 }; // ms between tries to make it again

/** Options of a connection. Throws a UserError (exit 78) when a secret or a file of TLS is missing. */
export function connectionOptions(
  { servers, credentials, token, basic, tls }: ConnectionConfig,
  { resolve, id }: Pick<Context, 'resolve' | 'id'>,
  client: Client,
): NodeConnectionOptions {
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
    ...(tls ? { tls: readTls(tls, resolve) } : {}),
    ...(token ? { authenticator: client.tokenAuthenticator(read(token)) } : {}),
    ...(basic ? { authenticator: client.usernamePasswordAuthenticator(basic.user, read(basic.password)) } : {}),
    ...(credentials ? { authenticator: client.credsAuthenticator(bytes(credentials)) } : {}),
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
  return `${[servers].flat().join(', ')}: ${connectionError(error)}`;
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
