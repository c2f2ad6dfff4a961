/** The event bus: MQTT over a websocket. It keeps nothing for us, so it only tells when the trail is worth asking. */

import type { SourceContext } from '../../core/component.ts';
import { exitCode, messageOf, SourceError, UserError } from '../../core/errors.ts';
import { backoff } from '../../core/failure/retry.ts';
import { proxyAgentFor, proxyOf, saidOf } from '../../core/net/proxy.ts';
import { connectionError, readTls } from '../../core/net/tls.ts';
import type { Config } from './config.ts';
import type { Session } from './session.ts';

/** Waits before another connection, in ms. */
const AGAIN = { initial: 1000, max: 60_000 };
/** Seconds after which the other end has to show that it is there. */
const KEEPALIVE = 30;
/** ms that a connection may take. */
const CONNECT = 30_000;
/** The largest message, in bytes. */
const MESSAGE = 4 * 1024 * 1024;
/** Refusals in a row, each with a new token, after which it is given up. */
const REFUSALS = 2;

export interface BusListener {
  /** A connection stands: whatever came before it was not heard. */
  connected(): void;
  message(topic: string, payload: string): void;
}

/** How a connection has ended. */
interface End {
  readonly why: string;
  readonly refused: boolean;
  readonly stood: boolean;
}

type Libraries = typeof import('./mqtt.ts') & typeof import('../shared/ws.ts');

export class Bus {
  readonly #config: Config;
  readonly #ctx: SourceContext;
  readonly #session: Session;
  readonly #listener: BusListener;
  readonly #signal: AbortSignal;

  constructor(config: Config, ctx: SourceContext, session: Session, listener: BusListener, signal: AbortSignal) {
    this.#config = config;
    this.#ctx = ctx;
    this.#session = session;
    this.#listener = listener;
    this.#signal = signal;
  }

  /** Listens until the signal is aborted. Rejects with a SourceError when we are refused. */
  async run(): Promise<void> {
    const libraries = { ...(await import('./mqtt.ts')), ...(await import('../shared/ws.ts')) };
    let refusals = 0;
    for (let attempt = 1; !this.#signal.aborted; attempt++) {
      const { why, refused, stood } = await this.#connect(libraries);
      if (this.#signal.aborted) return;
      if (stood) attempt = 1;
      refusals = refused ? refusals + 1 : 0;
      if (refusals >= REFUSALS) {
        const hint = 'the user has no right to it, or set event_bus: false';
        throw new SourceError(`access to the event bus was refused: ${why}; ${hint}`, { exit: exitCode.noPermission });
      }
      const message = `the event bus is not heard: ${why}; the trail is read all the same`;
      this.#ctx.report('health', { reason: 'event_bus', message });
      if (!refused) await this.#ctx.sleep(backoff(AGAIN, attempt)).catch(() => {});
    }
  }

  async #connect({ connect, WebSocket }: Libraries): Promise<End> {
    let token: string;
    try {
      token = await this.#session.token();
    } catch (error) {
      if (error instanceof UserError) throw error;
      return { why: messageOf(error), refused: false, stood: false };
    }
    const url = `${this.#config.url.replace(/^http/, 'ws').replace(/\/$/, '')}/messaging/mqtt`;
    const end = { why: 'the connection was closed', refused: false, stood: false };
    const refuse = (why: string) => {
      Object.assign(end, { why, refused: true });
      this.#session.forget(token);
    };
    return new Promise((resolve) => {
      const client = connect(url, {
        protocolVersion: 4,
        clean: true,
        keepalive: KEEPALIVE,
        connectTimeout: CONNECT,
        // Each connection needs a token that is good then: we connect anew ourselves.
        reconnectPeriod: 0,
        createWebsocket: (address, protocols) => {
          const headers = { authorization: `Bearer ${token}` };
          const tls = this.#config.tls ? readTls(this.#config.tls, this.#ctx.resolve) : {};
          const through = proxyAgentFor(address);
          const socket = new WebSocket(address, [...protocols], { headers, maxPayload: MESSAGE, ...tls, ...through });
          // mqtt itself would only say that it was closed.
          socket.on('unexpected-response', (_request, { statusCode = 0 }) => {
            const why = `status ${statusCode}`;
            if (statusCode === 401 || statusCode === 403) refuse(why);
            else end.why = why;
            socket.terminate();
          });
          return socket;
        },
      });
      const stop = () => client.end(true);
      this.#signal.addEventListener('abort', stop, { once: true });
      client.on('connect', () => {
        const topic = this.#topic();
        client.subscribe(topic, { qos: 1 }, (error, granted = []) => {
          if (error || granted.some(({ qos }) => qos === 128)) {
            refuse(`the topic ${topic} may not be read`);
            client.end(true);
            return;
          }
          end.stood = true;
          this.#listener.connected();
        });
      });
      client.on('message', (topic, payload) => this.#listener.message(topic, payload.toString('utf8')));
      client.on('error', (error) => {
        const { code } = error as { code?: unknown };
        // MQTT 3.1.1 §3.2.2.3: a bad user name or password, not authorized.
        if (code === 4 || code === 5) refuse(error.message);
        else if (!end.refused && !end.why.startsWith('status '))
          end.why = saidOf(connectionError(error), proxyOf(new URL(url)));
        client.end(true);
      });
      client.on('close', () => {
        this.#signal.removeEventListener('abort', stop);
        client.end(true);
        resolve(end);
      });
    });
  }

  /** A provider may hear of all organizations, others of their own. */
  #topic(): string {
    const { org } = this.#session.identity;
    if (this.#config.org === undefined) return 'publish/#';
    return `publish/${org ?? '+'}/+`;
  }
}
