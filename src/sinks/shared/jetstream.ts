/** Publishing to NATS JetStream: one connection, made by the first write and again after it was lost. */

import type { Context } from '../../core/component.ts';
import { messageOf } from '../../core/errors.ts';
import type { JetStreamClient, NatsConnection } from '../../nats/client.ts';
import {
  type ConnectionConfig,
  connectionOptions,
  connectTo,
  explained,
  watchConnection,
} from '../../nats/connection.ts';

export interface Message {
  readonly subject: string;
  readonly body: string;
  /** The same for the same message: the stream keeps one. */
  readonly id: string | undefined;
}

export interface Outcome {
  readonly fate: 'taken' | 'again' | 'refused';
  /** Where it was taken, or why not. */
  readonly what: string;
}

export class Publisher {
  readonly #config: ConnectionConfig;
  readonly #ctx: Context;
  readonly #nats: typeof import('../../nats/client.ts');
  #connection: NatsConnection | undefined;
  #client: JetStreamClient | undefined;
  // A write that was given up may have left it: who writes next waits for the same.
  #connecting: Promise<JetStreamClient> | undefined;
  #closed = false;
  // The connection is lost and not made again yet: what is published meanwhile the client throws away.
  #isOffline = false;
  // Of writes that wait for the stream: called when the connection is lost, for no answer comes then.
  readonly #waiting = new Set<() => void>();

  private constructor(config: ConnectionConfig, ctx: Context, nats: typeof import('../../nats/client.ts')) {
    this.#config = config;
    this.#ctx = ctx;
    this.#nats = nats;
  }

  /** Throws a UserError when a secret is missing. Does not connect. */
  static async open(config: ConnectionConfig, ctx: Context): Promise<Publisher> {
    const nats = await import('../../nats/client.ts');
    connectionOptions(config, ctx, nats);
    return new Publisher(config, ctx, nats);
  }

  /**
   * One outcome a message, in their order, at once when the connection is lost or the signal aborted. Rejects when there is no
   * connection.
   */
  async publish(messages: readonly Message[], signal: AbortSignal): Promise<Outcome[]> {
    const client = await this.#connected();
    signal.throwIfAborted();
    if (this.#isOffline) throw new Error(this.#lost);
    const most = this.#connection?.info?.max_payload ?? Number.POSITIVE_INFINITY;
    const outcomes: Outcome[] = [];
    const { promise: givenUp, resolve: giveUp } = Promise.withResolvers<string>();
    const lost = () => giveUp(this.#lost);
    const late = () => giveUp(explained(this.#config, signal.reason));
    this.#waiting.add(lost);
    signal.addEventListener('abort', late, { once: true });
    const each = messages.map(async (message, place) => {
      outcomes[place] = await this.#publish(client, message, most);
    });
    const what = await Promise.race([Promise.all(each).then(() => ''), givenUp]);
    signal.removeEventListener('abort', late);
    this.#waiting.delete(lost);
    return messages.map((_, place) => outcomes[place] ?? { fate: 'again', what });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#connection?.close();
  }

  async #publish(client: JetStreamClient, { subject, body, id }: Message, most: number): Promise<Outcome> {
    const bytes = Buffer.from(body);
    if (bytes.length > most) {
      return {
        fate: 'refused',
        what: `an event of ${bytes.length} bytes, where the server takes ${most} (max_payload)`,
      };
    }
    try {
      const ack = await client.publish(subject, bytes, id ? { msgID: id } : {});
      const twice = ack.duplicate ? ', which had it already' : '';
      return { fate: 'taken', what: `stream ${ack.stream}, sequence ${ack.seq}${twice}` };
    } catch (error) {
      return { fate: 'again', what: this.#explain(error, subject) };
    }
  }

  async #connected(): Promise<JetStreamClient> {
    if (this.#client && this.#connection && !this.#connection.isClosed()) return this.#client;
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #connect(): Promise<JetStreamClient> {
    const connection = await connectTo(this.#config, this.#ctx, this.#nats);
    if (this.#closed) {
      await connection.close();
      throw new Error('the sink is closed');
    }
    this.#isOffline = false;
    watchConnection(connection, {
      lost: () => {
        this.#isOffline = true;
        for (const giveUp of this.#waiting) giveUp();
      },
      back: () => {
        this.#isOffline = false;
      },
      over: (error) => error && this.#ctx.log.warn(`connection lost: ${messageOf(error)}`),
    });
    this.#connection = connection;
    this.#client = this.#nats.jetstream(connection);
    return this.#client;
  }

  #explain(error: unknown, subject: string): string {
    const { name } = error as Partial<Error>;
    // The client takes a subject that nobody listens to for a server without JetStream.
    if (name === 'JetStreamNotEnabled' || name === 'NoRespondersError') {
      return `no stream takes the subject ${subject}: make one, or enable JetStream on the server`;
    }
    return this.#isOffline ? this.#lost : explained(this.#config, error);
  }

  get #lost(): string {
    return explained(this.#config, new Error('the connection is lost, and is made again as soon as that can be'));
  }
}
