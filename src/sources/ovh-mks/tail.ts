/** Follows a stream of Logs Data Platform: it has no places to go back to, so what was missed is said, not fetched. */

import type { SourceContext } from '../../core/component.ts';
import { SourceError } from '../../core/errors.ts';
import { backoff } from '../../core/failure/retry.ts';
import { liveAck } from '../../core/flow/ack.ts';
import type { Batch } from '../../core/flow/batch.ts';
import { proxyAgentFor, proxyOf, saidOf } from '../../core/net/proxy.ts';
import { connectionError, readTls } from '../../core/net/tls.ts';
import { withoutSecrets } from '../../core/secret.ts';
import { cloudBatch } from '../../events/cloud/batch.ts';
import { decodeDocument } from '../../events/cloud/decode.ts';
import type { CloudEvent } from '../../events/cloud/event.ts';
import { originOf } from '../shared/cluster-key.ts';
import type { Config } from './config.ts';
import { readFrame } from './frames.ts';

/** Waits before another connection, in ms. */
const AGAIN = { initial: 1000, max: 60_000 };
/** How often it is written down that the server was there, in ms. */
const KEEP = 1000;
/** The largest frame, in bytes; a larger one ends the connection. */
const FRAME = 16 * 1024 * 1024;
/** Ids that are remembered: around a new connection frames may come again. */
const REMEMBERED = 10_000;
/** No other try would be answered otherwise: the token, the address or the right is wrong. */
const REFUSED: ReadonlySet<number> = new Set([400, 401, 403, 404]);

export class Tail {
  readonly #config: Config;
  readonly #ctx: SourceContext;
  readonly #next: (batch: Batch) => void;
  readonly #stop = new AbortController();
  readonly #seen = new Set<string>();
  #pending: CloudEvent[] = [];
  // When the server was last known to be there, in ms; 0: never yet.
  #alive = 0;
  #kept = 0;
  #attempt = 0;

  constructor(config: Config, ctx: SourceContext, next: (batch: Batch) => void) {
    this.#config = config;
    this.#ctx = ctx;
    this.#next = next;
    // Also what passed between two runs was not seen.
    const before = ctx.position();
    if (typeof before === 'number') this.#alive = before;
  }

  stop(): void {
    this.#stop.abort();
  }

  /** Returns when it was stopped; rejects with a SourceError when it is refused. */
  async run(): Promise<void> {
    // Before it is unsubscribed.
    this.#ctx.signal.addEventListener('abort', () => this.#flush(), { once: true });
    const { WebSocket } = await import('../shared/ws.ts');
    this.#ctx.trouble('not connected yet');
    while (!this.#stopped) {
      const why = await this.#session(WebSocket);
      if (this.#stopped) return;
      this.#ctx.trouble(why);
      this.#ctx.log.warn(`${why}; another connection is tried`);
      await this.#ctx.sleep(backoff(AGAIN, ++this.#attempt)).catch(() => {});
    }
  }

  get #stopped(): boolean {
    return this.#stop.signal.aborted || this.#ctx.signal.aborted;
  }

  /** One connection, from its beginning to its end. Resolves with why it has ended. */
  #session(WebSocket: typeof import('ws').WebSocket): Promise<string> {
    const { url, token, silence, tls } = this.#config;
    const secret = token.read(this.#ctx.resolve);
    const clean = (error: unknown) => withoutSecrets(connectionError(error), [secret, encodeURIComponent(secret)]);
    const address = new URL(url);
    address.searchParams.set('tk', secret);
    return new Promise((resolve, reject) => {
      let why = 'the connection was closed';
      let heard = false;
      const socket = new WebSocket(address, {
        maxPayload: FRAME,
        handshakeTimeout: silence,
        ...(tls ? readTls(tls, this.#ctx.resolve) : {}),
        ...proxyAgentFor(url),
      });
      // A ping when nothing was heard for a while; when that is not answered either, there is nobody.
      const watch = setInterval(() => {
        if (socket.readyState !== WebSocket.OPEN) return;
        if (!heard) {
          why = `nothing was heard for ${Math.round((2 * silence) / 1000)} s`;
          answered = true;
          socket.terminate();
          return;
        }
        heard = false;
        socket.ping();
      }, silence);
      const stop = () => socket.terminate();
      this.#stop.signal.addEventListener('abort', stop, { once: true });
      const hear = () => {
        heard = true;
        this.#attempt = 0;
        const now = this.#ctx.now();
        if (now - this.#kept >= KEEP) this.#ctx.advance((this.#kept = now));
        this.#alive = now;
      };
      socket.on('open', () => {
        this.#gap();
        hear();
        this.#ctx.trouble();
      });
      socket.on('pong', hear);
      socket.on('message', (data) => {
        // Not seen: part of the gap that the next run tells of.
        if (this.#stopped) return;
        hear();
        this.#take(data.toString());
      });
      let refused: SourceError | undefined;
      let answered = false;
      socket.on('unexpected-response', (_request, { statusCode = 0 }) => {
        answered = true;
        why = `${address.host} answered with status ${statusCode}`;
        if (REFUSED.has(statusCode)) refused = new SourceError(`access was refused: ${why}; look at token and url`);
        socket.terminate();
      });
      socket.on('error', (error) => {
        if (!answered) why = `no connection to ${address.host}: ${saidOf(clean(error), proxyOf(address))}`;
      });
      socket.on('close', (code) => {
        clearInterval(watch);
        this.#stop.signal.removeEventListener('abort', stop);
        if (refused) reject(refused);
        else resolve(code === 1006 ? why : `${why} (code ${code})`);
      });
    });
  }

  #gap(): void {
    if (this.#alive === 0) return;
    const to = Math.max(this.#ctx.now(), this.#alive); // clocks are set back too
    const span = { from: BigInt(this.#alive) * 1_000_000n, to: BigInt(to) * 1_000_000n };
    const seconds = Math.ceil((to - this.#alive) / 1000);
    const message = `what the stream had in the ${seconds} s without a connection was not seen`;
    this.#ctx.report('gap', { reason: 'reconnect', ...span, message });
  }

  #take(text: string): void {
    const lost = (reason: string, why: string) =>
      this.#ctx.reject(text, { reason, message: `a message of the stream is no audit event: ${why}` });
    const frame = readFrame(text);
    if ('problem' in frame) {
      lost('bad_frame', frame.problem);
      return;
    }
    const { app_ids: apps, cluster } = this.#config;
    if (apps && !apps.includes(frame.app ?? '')) {
      this.#ctx.metrics.add('other_apps', '', 1);
      return;
    }
    const received = BigInt(this.#ctx.now()) * 1_000_000n;
    const decoded = decodeDocument('k8s_audit', frame.document, received, originOf(cluster));
    if ('problem' in decoded) lost('bad_event', decoded.problem);
    else if (this.#isNew(decoded.event.id)) this.#emit(decoded.event);
  }

  #isNew(id: string | undefined): boolean {
    if (id === undefined) return true;
    if (this.#seen.has(id)) {
      this.#ctx.metrics.add('duplicates', '', 1);
      return false;
    }
    this.#seen.add(id);
    const [oldest] = this.#seen;
    if (this.#seen.size > REMEMBERED && oldest !== undefined) this.#seen.delete(oldest);
    return true;
  }

  // What came in one go is one batch.
  #emit(event: CloudEvent): void {
    if (this.#pending.push(event) === 1) setImmediate(() => this.#flush());
  }

  #flush(): void {
    const events = this.#pending.splice(0);
    if (events.length > 0) this.#next({ ...cloudBatch('k8s_audit', events), ack: liveAck });
  }
}
