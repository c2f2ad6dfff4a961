/** Connecting to Event Hubs: the keys of it, clients, and what their errors mean. */

import { z } from 'zod';
import type { Context, PlanContext } from '../core/component.ts';
import { exitCode, messageOf, UserError } from '../core/errors.ts';
import { completeProxyAddresses, proxyAgentFor } from '../core/net/proxy.ts';
import { secret } from '../core/secret.ts';

const HOST = /^[a-z0-9.-]+(:\d+)?$/i;

/** The keys of every component that connects to Event Hubs. */
export const connectionKeys = {
  connection: secret()
    .optional()
    .describe('A connection string, of the hub or of its namespace. Without it: `namespace`, and Microsoft Entra ID.'),
  namespace: z
    .string()
    .regex(HOST, 'a namespace is the name of a host, such as NAME.servicebus.windows.net')
    .optional()
    .describe(
      'The host of the namespace, `NAME.servicebus.windows.net`: we are who the environment, the workload identity or the managed identity says (DefaultAzureCredential).',
    ),
  hub: z.string().min(1).optional().describe('The event hub. Default: the one that the connection string names.'),
  transport: z
    .enum(['amqp', 'websockets'])
    .default('amqp')
    .describe('amqp: port 5671. websockets: port 443, where only that is let through.'),
};

export interface ConnectionConfig extends z.output<z.ZodObject<typeof connectionKeys>> {}

/** Finds what does not go together. */
export function checkConnection({ connection, namespace, hub }: ConnectionConfig, plan: PlanContext): void {
  const report = (message: string, path: string[] = []) =>
    plan.report({ severity: 'error', code: 'CONFIG_AZURE', message }, path);
  if (!connection && namespace === undefined) report('It needs `connection`, or `namespace` and `hub`');
  else if (connection && namespace !== undefined) report('`connection` names the namespace already', ['namespace']);
  else if (!connection && hub === undefined) report('With `namespace` it needs `hub`');
}

/**
 * Reads the connection string, each time anew: keys are rotated. Undefined where none is configured. Throws a UserError
 * (exit 78) when it is not there or is none; the message never has it.
 */
export function readConnection(
  { connection, hub = '' }: ConnectionConfig,
  { resolve }: Pick<Context, 'resolve'>,
): { readonly text: string; readonly host: string; readonly hub: string } | undefined {
  if (!connection) return undefined;
  const text = connection.read(resolve);
  const parts = new Map(
    text.split(';').map((part) => {
      const [key = '', ...value] = part.trim().split('=');
      return [key.toLowerCase(), value.join('=')];
    }),
  );
  const wrong = (what: string) => new UserError(`the connection string ${what}`, { exit: exitCode.config });
  const host = /^\w+:\/\/([^/]+)\/*$/.exec(parts.get('endpoint') ?? '')?.[1] ?? '';
  if (!HOST.test(host)) throw wrong('has no Endpoint=sb://NAME.servicebus.windows.net');
  if (!parts.has('sharedaccesssignature') && !(parts.get('sharedaccesskeyname') && parts.get('sharedaccesskey'))) {
    throw wrong('has no SharedAccessKeyName and SharedAccessKey');
  }
  const own = parts.get('entitypath');
  if (own !== undefined && hub !== '' && own !== hub) throw wrong(`is of the hub ${own}, where \`hub\` is ${hub}`);
  const wanted = own ?? hub;
  if (wanted === '') throw wrong('names no hub (EntityPath): name it with `hub`');
  return { text, host, hub: wanted };
}

/**
 * Where a client connects to, and as whom: what its constructor takes, the host, and the name of the hub for people. Throws as
 * readConnection does.
 */
export async function targetOf(config: ConnectionConfig, ctx: Pick<Context, 'resolve'>) {
  const read = readConnection(config, ctx);
  if (read) return { arguments: [read.text, read.hub], host: read.host, name: `${read.host}/${read.hub}` } as const;
  const { namespace = '', hub = '' } = config;
  completeProxyAddresses();
  const { DefaultAzureCredential } = await import('./identity.ts');
  const credential = new DefaultAzureCredential();
  return { arguments: [namespace, hub, credential], host: namespace, name: `${namespace}/${hub}` } as const;
}

/** Options of a client: how often it tries by itself, and how it connects to the host. */
export async function clientOptions({ transport }: ConnectionConfig, host: string, retries: number) {
  const exponential = 0;
  const retryOptions = {
    maxRetries: retries,
    retryDelayInMs: 500,
    maxRetryDelayInMs: 5000,
    timeoutInMs: 15_000,
    mode: exponential,
  };
  if (transport === 'amqp') return { retryOptions };
  const { WebSocket } = await import('./sockets.ts');
  const webSocketConstructorOptions = proxyAgentFor(`wss://${host}`);
  return { retryOptions, webSocketOptions: { webSocket: WebSocket as never, webSocketConstructorOptions } };
}

/** Words that are in an error for whoever has no right, of the service or of Blob storage. */
const REFUSED =
  /\b(AuthorizationFailure|AuthenticationFailed|AuthorizationPermissionMismatch|InvalidAuthenticationInfo|InvalidSignature|ExpiredToken)\b/;

interface Refused {
  readonly code?: string;
  readonly name?: string;
  readonly statusCode?: number;
  readonly errors?: readonly unknown[];
}

/** Whether no other try can succeed before rights or configuration change: access is refused, or there is no such thing. */
export function isRefusal(error: unknown): boolean {
  const { code, name, statusCode, errors } = error as Refused;
  // All tries of the SDK together.
  if (errors) return errors.some(isRefusal);
  if (code === 'UnauthorizedError' || code === 'MessagingEntityNotFoundError') return true;
  if (name === 'AuthenticationError' || statusCode === 401 || statusCode === 403) return true;
  return (code === 'ContainerNotFound' && statusCode === 404) || REFUSED.test(messageOf(error));
}

/** What went wrong, in one line. */
export function explained(error: unknown): string {
  const { code, errors, name } = error as { code?: string; errors?: unknown[]; name?: string };
  if (errors && errors.length > 0) return [...new Set(errors.map(explained))].join('; ');
  const text = messageOf(error).trim().split('\n')[0] ?? '';
  if (code === 'MessagingEntityNotFoundError')
    return `${text} Is the name of the hub, or of the consumer group, right?`;
  return text || code || name || 'unknown error';
}
