/** CloudTrail's API as far as it is asked here, on loopback: it speaks AwsJson 1.1. */

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface LookedUp {
  readonly EventId: string;
  /** Seconds since the epoch. */
  readonly EventTime: number;
  readonly CloudTrailEvent: string;
}

export interface Asked {
  readonly StartTime: number;
  readonly EndTime: number;
  readonly MaxResults?: number;
  readonly NextToken?: string;
}

export interface PublicKey {
  readonly Fingerprint: string;
  /** DER in base64. */
  readonly Value: string;
}

export class CloudTrailApi {
  readonly asked: Asked[] = [];
  /** Newest first. */
  events: LookedUp[] = [];
  keys: PublicKey[] = [];
  /** Errors that are answered first, by their names. */
  errors: string[] = [];
  /** What is answered to all, as by something in between. */
  page: { readonly status: number; readonly body: string } | undefined;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<CloudTrailApi> {
    const server = createServer();
    const api = new CloudTrailApi(server);
    server.on('request', async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      if (api.page) {
        response.writeHead(api.page.status).end(api.page.body);
        return;
      }
      const operation = String(request.headers['x-amz-target']).split('.')[1];
      const error = api.errors.shift();
      const answer =
        error !== undefined
          ? { __type: error, message: `it is ${error}` }
          : operation === 'ListPublicKeys'
            ? { PublicKeyList: api.keys }
            : api.#lookUp(JSON.parse(body));
      response.writeHead(error === undefined ? 200 : 400, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(JSON.stringify(answer));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return api;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #lookUp(asked: Asked): object {
    this.asked.push(asked);
    const { StartTime: from, EndTime: to, MaxResults: most = 50, NextToken: token = '0' } = asked;
    const found = this.events.filter(({ EventTime: time }) => time >= from && time <= to);
    const next = Number(token) + most;
    return { Events: found.slice(Number(token), next), ...(next < found.length ? { NextToken: String(next) } : {}) };
  }
}
