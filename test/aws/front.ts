/** Stands before a server on loopback: answers some requests itself, and passes the others on. */

import { once } from 'node:events';
import { request as ask, createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Answer = (response: ServerResponse) => void;

export class Front {
  readonly endpoint: string;
  readonly #server: Server;
  readonly #own: Map<string, Answer>;

  private constructor(server: Server, own: Map<string, Answer>) {
    this.#server = server;
    this.#own = own;
    this.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async before(endpoint: string): Promise<Front> {
    const own = new Map<string, Answer>();
    const server = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '', endpoint);
      const path = decodeURIComponent(pathname);
      const prefix = searchParams.get('prefix');
      const answer = [...own].find(([name]) => path.endsWith(name) || prefix === name)?.[1];
      if (answer) {
        request.resume();
        answer(response);
        return;
      }
      const { method, headers, url } = request;
      const passed = ask(`${endpoint}${url}`, { method, headers }, (answered) => {
        response.writeHead(answered.statusCode ?? 500, answered.headers);
        answered.pipe(response);
      });
      passed.on('error', () => response.destroy());
      request.pipe(passed);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Front(server, own);
  }

  /** Requests of what ends with `name`, or that list that prefix, are answered so, until they are passed on again. */
  answer(name: string, answer: Answer): void {
    this.#own.set(name, answer);
  }

  /** They are answered with an error of S3. */
  refuse(name: string, code: string, status = 403): void {
    this.answer(name, (response) => {
      response.writeHead(status, { 'content-type': 'application/xml' });
      response.end(`<Error><Code>${code}</Code><Message>it is ${code}</Message></Error>`);
    });
  }

  pass(name: string): void {
    this.#own.delete(name);
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
