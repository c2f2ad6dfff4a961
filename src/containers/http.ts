/** HTTP over a unix socket, as the API of Docker and Podman is offered. */

import { Agent, type IncomingMessage, request } from 'node:http';
import { wholeBody } from '../core/net/whole-body.ts';
import { parseExact } from '../events/exact-json.ts';

export interface Limits {
  /** Bytes of one answer; a runtime that sends more is not believed. */
  readonly most: number;
  /** Milliseconds that an answer may take. */
  readonly patience: number;
}

const USUAL: Limits = { most: 8 * 1024 * 1024, patience: 5000 };

const ENDED = 'the connection ended';

/** What Node calls `aborted`, as if we had done it, is a server that is gone. */
async function* chunksOf(response: AsyncIterable<string>): AsyncGenerator<string> {
  try {
    yield* response;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
    throw new Error(ENDED, { cause: error });
  }
}

export class HttpSocket {
  readonly #agent: Agent;
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
    // What is asked all at once waits in line: a machine that starts has hundreds of containers.
    this.#agent = new Agent({ keepAlive: true, maxSockets: 4 });
  }

  /** The JSON at a path; undefined where there is nothing. Rejects on any other failure. */
  async get(path: string, signal: AbortSignal, { most, patience } = USUAL): Promise<unknown> {
    const response = await this.#request(path, AbortSignal.any([signal, AbortSignal.timeout(patience)]));
    const body = await wholeBody(response, most, () => new Error(`the answer to ${path} is too large`));
    const text = body.toString();
    // Podman fails (500) on a container that is just being removed.
    if (response.statusCode === 404 || (response.statusCode === 500 && /no such/i.test(text))) return undefined;
    if (response.statusCode !== 200) throw new Error(`${path}: status ${response.statusCode}: ${text.slice(0, 200)}`);
    return JSON.parse(text);
  }

  /**
   * JSON lines, as they come; integers that no number holds are bigints. Throws when the connection ends. `answered` is
   * called before the first one, when there will be lines.
   */
  async *lines(path: string, signal: AbortSignal, answered: () => void): AsyncGenerator<unknown> {
    const response = await this.#request(path, signal, false);
    if (response.statusCode !== 200) {
      response.destroy();
      throw new Error(`${path}: status ${response.statusCode}`);
    }
    answered();
    response.setEncoding('utf8');
    let rest = '';
    for await (const chunk of chunksOf(response as AsyncIterable<string>)) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() as string;
      if (rest.length > USUAL.most) throw new Error(`${path}: a line is too long`);
      for (const line of lines) if (line.trim() !== '') yield parseExact(line);
    }
    throw new Error(ENDED);
  }

  close(): void {
    this.#agent.destroy();
  }

  #request(path: string, signal: AbortSignal, shared = true): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const agent = shared ? this.#agent : false;
      const call = request({ socketPath: this.#socket, path, host: 'localhost', agent, signal }, resolve);
      call.on('error', reject);
      call.end();
    });
  }
}
