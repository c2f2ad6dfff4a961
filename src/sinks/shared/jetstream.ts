/** Publishing to NATS JetStream: one connection, made by the first write and again after it was lost. */

import type { Context } from '../../core/component.ts';
import { messageOf } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import { connectionError, readTls, type TlsConfig } from '../../core/tls.ts';
import type { JetStreamClient, NatsConnection } from './nats.ts';

export interface PublisherConfig {
  readonly servers: string | readonly string[];
  readonly subject: string;
  readonly credentials?: Secret | undefined;
  readonly token?: Secret | undefined;
  readonly basic?: { readonly user: string; readonly password: Secret } | undefined;
  readonly tls?: Omit<TlsConfig, 'server_name'> | undefined;
}

export interface Outcome {
  readonly fate: 'taken' | 'again' | 'refused';
  /** Where it was taken, or why not. */
  readonly what: string;
}

const CONNECT = 10_000; // ms for a connection to be made; the sink's own time-out covers the whole write

export class Publisher {
  readonly #config: PublisherConfig;
  readonly #ctx: Context;
  readonly #nats: typeof import('./nats.ts');
  #connection: NatsConnection | undefined;
  #client: JetStreamClient | undefined;

  private constructor(config: PublisherConfig, ctx: Context, nats: typeof import('./nats.ts')) {
    this.#config = config;
    this.#ctx = ctx;
    this.#nats = nats;
  }

  /** Throws a UserError when a secret or a file of TLS is missing. Does not connect. */
  static async open(config: PublisherConfig, ctx: Context): Promise<Publisher> {
    const publisher = new Publisher(config, ctx, await import('./nats.ts'));
    publisher.#options();
    return publisher;
  }

  /** One outcome a message, in their order. Rejects when there is no connection. */
  async publish(
    messages: readonly { body: string; id: string | undefined }[],
    signal: AbortSignal,
  ): Promise<Outcome[]> {
    const client = await this.#connected();
    signal.throwIfAborted();
    const most = this.#connection?.info?.max_payload ?? Number.POSITIVE_INFINITY;
    return Promise.all(messages.map(({ body, id }) => this.#publish(client, body, id, most)));
  }

  async close(): Promise<void> {
    await this.#connection?.close();
  }

  async #publish(client: JetStreamClient, body: string, id: string | undefined, most: number): Promise<Outcome> {
    const bytes = Buffer.from(body);
    if (bytes.length > most) {
      return {
        fate: 'refused',
        what: `an event of ${bytes.length} bytes, where the server takes ${most} (max_payload)`,
      };
    }
    try {
      const ack = await client.publish(this.#config.subject, bytes, id ? { msgID: id } : {});
      const twice = ack.duplicate ? ', which had it already' : '';
      return { fate: 'taken', what: `stream ${ack.stream}, sequence ${ack.seq}${twice}` };
    } catch (error) {
      return { fate: 'again', what: this.#explain(error) };
    }
  }

  // The client takes a subject that nobody listens to for a server without JetStream.
  #explain(error: unknown): string {
    const { name } = error as Partial<Error>;
    if (name !== 'JetStreamNotEnabled' && name !== 'NoRespondersError') return messageOf(error);
    return `no stream takes the subject ${this.#config.subject}: make one, or enable JetStream on the server`;
  }

  async #connected(): Promise<JetStreamClient> {
    if (this.#client && this.#connection && !this.#connection.isClosed()) return this.#client;
    try {
      const connection = await this.#nats.connect(this.#options());
      void connection.closed().then((error) => error && this.#ctx.log.warn(`connection lost: ${messageOf(error)}`));
      this.#connection = connection;
      this.#client = this.#nats.jetstream(connection);
      return this.#client;
    } catch (error) {
      throw new Error(`${[this.#config.servers].flat().join(', ')}: ${connectionError(error)}`, { cause: error });
    }
  }

  #options(): Parameters<typeof import('./nats.ts')['connect']>[0] & object {
    const { servers, credentials, token, basic, tls } = this.#config;
    const { resolve, id } = this.#ctx;
    return {
      servers: [servers].flat(),
      name: `falco-pipe ${id}`,
      timeout: CONNECT,
      maxReconnectAttempts: -1,
      ...(tls ? { tls: readTls(tls, resolve) } : {}),
      ...(token ? { token: token.read(resolve) } : {}),
      ...(basic ? { user: basic.user, pass: basic.password.read(resolve) } : {}),
      ...(credentials
        ? { authenticator: this.#nats.credsAuthenticator(new TextEncoder().encode(credentials.read(resolve))) }
        : {}),
    };
  }
}
