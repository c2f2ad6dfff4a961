/** What a running program answers: health and metrics over HTTP, and more over a socket that only its user may use. */

import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { exitCode, messageOf, UserError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { addressOf } from '../../core/net/address.ts';
import { wholeBody } from '../../core/net/whole-body.ts';
import { prometheusText } from '../../pipeline/run/prometheus.ts';
import type { Run } from '../../pipeline/run/run.ts';
import { versions } from '../../pipeline/run/status.ts';
import type { Store } from '../../store/store.ts';
import { type ProgramStatus, socketFolder } from '../control.ts';
import { LoopWatch } from './loop-watch.ts';

export interface ServerOptions {
  readonly run: Run;
  readonly log: Logger;
  /** The pipeline file, absolute. */
  readonly pipeline: string;
  /** The state folder, absolute, and what is in it. */
  readonly state: string | undefined;
  readonly store: Store | undefined;
  readonly reload: () => Promise<void>;
}

/** Events a second that a tap samples, where nothing else is asked for. */
const TAP_RATE = 10;
/** A tap whose reader does not keep up misses events past so many bytes. */
const TAP_BUFFER = 1024 ** 2;
/** The largest body of a request, in bytes. */
const BODY = 1024 ** 2;
/** A turn of the event loop that is worth a word, in ms. */
const SLOW = 200;

type Answer = { readonly code?: number; readonly type?: string; readonly body: string };
type Route = (
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
) => Answer | undefined | Promise<Answer | undefined>;

export class Servers {
  readonly #options: ServerOptions;
  readonly #began = Date.now();
  readonly #loop: LoopWatch;
  #control: Server | undefined;
  #socket: string | undefined;
  #http: { readonly address: string; readonly server: Server } | undefined;

  constructor(options: ServerOptions) {
    this.#options = options;
    // What blocks the event loop blocks the drain of the kernel's ring: it is said, once a second at most.
    this.#loop = new LoopWatch(SLOW, (ms) => {
      const message = `the event loop stood still for ${Math.round(ms)} ms`;
      options.run.report('health', { reason: 'event_loop_delay', message });
    });
  }

  /**
   * Serves health and metrics at HOST:PORT from now on, or not at all, if `work` succeeds; else all is as before. Throws a
   * UserError (exit 75 when it is taken, else 69) when the address cannot be had.
   */
  async listen(address: string | undefined, work: () => Promise<void> = async () => {}): Promise<void> {
    const old = this.#http;
    if (old?.address === address) return work();
    const server = address === undefined ? undefined : await this.#serve(address);
    try {
      await work();
    } catch (error) {
      end(server);
      throw error;
    }
    this.#http = server && address !== undefined ? { address, server } : undefined;
    end(old?.server);
  }

  async #serve(address: string): Promise<Server> {
    try {
      return await this.#open(this.#public(), addressOf(address));
    } catch (error) {
      const message = `Health and metrics cannot be served at ${address}: ${messageOf(error)}`;
      // Who has it now, or gives this machine the address, may be done soon.
      const isTaken = ['EADDRINUSE', 'EADDRNOTAVAIL'].includes((error as NodeJS.ErrnoException).code ?? '');
      throw new UserError(message, { exit: isTaken ? exitCode.temporary : exitCode.unavailable, cause: error });
    }
  }

  /** Serves `falco-pipe status`, `top`, `tap` and `dlq`. Where no socket can be made that is said, no more. */
  async control(): Promise<void> {
    const folder = socketFolder();
    const path = join(folder, `${process.pid}.sock`);
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      rmSync(path, { force: true });
      this.#control = await this.#open({ ...this.#public(), ...this.#private() }, { path });
      chmodSync(path, 0o600);
      this.#socket = path;
    } catch (error) {
      this.#options.log.warn(`'falco-pipe status', 'top' and 'tap' cannot reach this program: ${messageOf(error)}`);
    }
  }

  close(): void {
    this.#loop.close();
    end(this.#control);
    end(this.#http?.server);
    if (this.#socket !== undefined) rmSync(this.#socket, { force: true });
  }

  async #open(routes: Routes, where: { host: string; port: number } | { path: string }): Promise<Server> {
    const server = createServer((request, response) => void respond(routes, request, response));
    await new Promise<void>((done, failed) => {
      server.once('error', failed);
      server.listen(where, () => {
        server.off('error', failed);
        done();
      });
    });
    // Serving alone keeps no program alive.
    server.unref();
    server.on('error', (error) => this.#options.log.warn(`a request could not be served: ${messageOf(error)}`));
    return server;
  }

  #public(): Routes {
    const { run } = this.#options;
    return {
      'GET /healthz': () => json({ status: 'ok' }),
      'GET /readyz': () => {
        const { ready, problems } = run.status();
        return json({ status: ready ? 'ready' : 'not ready', problems }, ready ? 200 : 503);
      },
      'GET /metrics': () => ({
        type: 'text/plain; version=0.0.4; charset=utf-8',
        body: prometheusText(run.status(), run.plan, this.#loop.turns),
      }),
      'GET /status': () => json(this.#status()),
      'GET /versions': () => json(versions()),
    };
  }

  #private(): Routes {
    const { store, run, reload } = this.#options;
    return {
      'GET /tap': (url, _request, response) => this.#tap(url, response),
      'POST /reload': async () => {
        await reload();
        return json({ digest: run.plan.digest });
      },
      'GET /dlq': async (url) => json((await store?.dead(url.searchParams.get('sink') ?? undefined)) ?? []),
      'GET /dlq/letter': async (url) => {
        const text = await store?.letter(Number(url.searchParams.get('id')));
        return text === undefined ? json({ error: 'no such dead letter' }, 404) : json(text);
      },
      'POST /dlq/retry': async (_url, request) => {
        const choice = JSON.parse(await bodyOf(request));
        if (store) run.exhumed(await store.exhume(choice));
        return json({});
      },
      'POST /dlq/drop': async (_url, request) => {
        const choice = JSON.parse(await bodyOf(request));
        if (store) run.exhumed(await store.discard(choice));
        return json({});
      },
    };
  }

  #status(): ProgramStatus {
    const { run, pipeline, state } = this.#options;
    const uptime = Math.round((Date.now() - this.#began) / 1000);
    return { ...run.status(), pid: process.pid, pipeline, state_folder: state, uptime };
  }

  // Lines of events until the reader goes away; `#` begins what is said of the tap itself.
  #tap(url: URL, response: ServerResponse): undefined | Answer {
    const { run } = this.#options;
    const id = url.searchParams.get('id') ?? '';
    const rate = Number(url.searchParams.get('rate') ?? TAP_RATE);
    const known = run.status().components.map((component) => component.id);
    if (!known.includes(id))
      return json({ error: `There is no component "${id}"; there are ${known.join(', ')}` }, 400);
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    response.flushHeaders();
    const next = (line: string) => {
      if (response.writableLength < TAP_BUFFER) response.write(`${line}\n`);
    };
    const close = run.tap({ id, rate: Number.isFinite(rate) && rate > 0 ? rate : TAP_RATE, next });
    response.on('close', close);
    return undefined;
  }
}

function end(server: Server | undefined): void {
  server?.close();
  server?.closeAllConnections();
}

type Routes = Readonly<Record<string, Route>>;

async function respond(routes: Routes, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let answer: Answer | undefined;
  try {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const route = routes[`${request.method} ${url.pathname}`];
    answer = route
      ? await route(url, request, response)
      : json({ error: `there are ${Object.keys(routes).join(', ')}` }, 404);
  } catch (error) {
    answer = json({ error: messageOf(error) }, 500);
  }
  if (!answer) return;
  const { code = 200, type = 'application/json', body } = answer;
  response.writeHead(code, { 'content-type': type });
  response.end(body);
}

function json(value: unknown, code = 200): Answer {
  return { code, body: `${JSON.stringify(value)}\n` };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  return (await wholeBody(request, BODY, () => new Error('the request is too large'))).toString();
}
