/** Receives the alerts of another detector, as Falco's http output sends them: JSON by POST, on loopback. */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exitCode, messageOf, UserError } from '../../core/errors.ts';
import { isLoopback } from '../../core/net/address.ts';

/** What is looked at of an alert of whichever detector. */
export interface ForeignAlert {
  readonly rule: string;
  /** When its event was, ms since the epoch; undefined when that is not said, or not understood. */
  readonly time: number | undefined;
  /** Ids of FALCO_PIPE_TEST in its output fields; empty when they do not have the environment. */
  readonly ids: readonly string[];
}

/** Alerts from a time on. */
export class Watch {
  readonly alerts: ForeignAlert[] = [];
  readonly close: () => void;
  #look: (() => void) | undefined;

  constructor(close: (watch: Watch) => void) {
    this.close = () => close(this);
  }

  add(alert: ForeignAlert): void {
    this.alerts.push(alert);
    this.#look?.();
  }

  /** Whether an alert that passes the test is here within so many ms; false when the signal aborts first. */
  until(test: (alert: ForeignAlert) => boolean, ms: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(ms)]);
      const end = (found: boolean) => {
        this.#look = undefined;
        limit.removeEventListener('abort', give);
        resolve(found);
      };
      const give = () => end(false);
      this.#look = () => {
        if (this.alerts.some(test)) end(true);
      };
      if (limit.aborted) return give();
      limit.addEventListener('abort', give, { once: true });
      this.#look();
    });
  }
}

/** Bytes of one request, at most. */
const LARGEST = 16 << 20;
/** Time of day without a date or a zone, as Falco prints times by default. */
const LOCAL_TIME = /^\d{2}:\d{2}:\d{2}/;

export class Receiver {
  readonly #server: Server;
  readonly #watches = new Set<Watch>();
  /** Gets every alert. */
  onAlert: ((alert: ForeignAlert) => void) | undefined;
  /** How many alerts have come. */
  received = 0;
  /** How many requests held none. */
  refused = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Listens where the URL says. @throws UserError (exit 2) when it is not of this machine alone, or nothing can listen there */
  static async listen(text: string): Promise<Receiver> {
    const { hostname, port } = loopback(text);
    const server = createServer((request, response) => {
      receiver.#take(request).then(
        (status) => response.writeHead(status).end(),
        () => response.destroy(),
      );
    });
    const receiver = new Receiver(server);
    try {
      server.listen(Number(port || 80), hostname.replace(/^\[|\]$/g, ''));
      await once(server, 'listening');
    } catch (error) {
      throw new UserError(`Cannot listen at ${text}: ${messageOf(error)}`, { exit: exitCode.usage, cause: error });
    }
    return receiver;
  }

  /** Where it listens; the URL may have said port 0. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Begins to look at what comes. */
  watch(): Watch {
    const watch = new Watch((each) => this.#watches.delete(each));
    this.#watches.add(watch);
    return watch;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #take(request: IncomingMessage): Promise<number> {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of request) {
      length += (chunk as Buffer).length;
      if (length > LARGEST) return 413;
      chunks.push(chunk as Buffer);
    }
    if (request.method !== 'POST') return 405;
    const alerts = alertsIn(Buffer.concat(chunks).toString());
    if (alerts === undefined) {
      this.refused++;
      return 400;
    }
    for (const alert of alerts) {
      this.received++;
      this.onAlert?.(alert);
      for (const watch of this.#watches) watch.add(alert);
    }
    return 200;
  }
}

function loopback(text: string): URL {
  const url = URL.parse(text.includes('://') ? text : `http://${text}`);
  if (url?.protocol === 'http:' && isLoopback(url.hostname)) return url;
  const message = `--against takes an http URL of this machine, such as http://127.0.0.1:2801, not "${text}"`;
  throw new UserError(message, { exit: exitCode.usage });
}

/** One alert, a list of them, or one a line; undefined: something else. */
function alertsIn(body: string): readonly ForeignAlert[] | undefined {
  const whole = jsonOf(body);
  const values = whole === undefined ? body.trim().split('\n').map(jsonOf) : Array.isArray(whole) ? whole : [whole];
  const alerts = values.map(alertOf);
  return alerts.every((alert) => alert !== undefined) ? alerts : undefined;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function alertOf(value: unknown): ForeignAlert | undefined {
  const { rule, time, output_fields: fields } = (value ?? {}) as Record<string, unknown>;
  if (typeof rule !== 'string') return undefined;
  const texts = Object.entries((fields ?? {}) as Record<string, unknown>).map(([name, text]) => `${name}=${text}`);
  // Either the whole environment, `proc.env`, or the one variable, `proc.env[FALCO_PIPE_TEST]`.
  const ids = texts.flatMap((text) => [...text.matchAll(/FALCO_PIPE_TEST\]?=(\d+)\//g)].map(([, id = '']) => id));
  const at = typeof time === 'string' && !LOCAL_TIME.test(time) ? Date.parse(time) : Number.NaN;
  return { rule, time: Number.isNaN(at) ? undefined : at, ids };
}
