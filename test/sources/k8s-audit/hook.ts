/** The webhook of the source `k8s_audit`, and requests to it. */

import { request as httpRequest } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { afterEach, vi } from 'vitest';
import { k8sAudit } from '../../../src/sources/k8s-audit/index.ts';
import { Harness, type HarnessOptions } from '../harness.ts';

const open: Harness[] = [];
afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  for (const each of open.splice(0)) await each.stop();
});

interface Reply {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
}

/** Starts the source, and returns what sends it requests. */
export async function start(config: object = {}, options: HarnessOptions = {}) {
  const source = new Harness(k8sAudit, { listen: '127.0.0.1:0', ...config }, options);
  open.push(source);
  const port = await source.port();
  const send = (body: string | Buffer, more: RequestOptions = {}) =>
    new Promise<Reply>((resolve, reject) => {
      const make = more.protocol === 'https:' ? httpsRequest : httpRequest;
      const { headers, ...rest } = more;
      const request = make(
        {
          host: '127.0.0.1',
          port,
          path: '/k8s-audit',
          method: 'POST',
          agent: false,
          ...rest,
          headers: { 'content-type': 'application/json', ...headers },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk) => chunks.push(chunk));
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: Buffer.concat(chunks).toString(),
            }),
          );
          response.on('error', reject);
        },
      );
      request.on('error', reject);
      request.end(body);
    });
  const post = (value: unknown, more?: RequestOptions) => send(JSON.stringify(value), more);
  return { source, port, send, post };
}
