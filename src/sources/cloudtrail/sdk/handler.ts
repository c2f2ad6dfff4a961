/** Requests of the SDK where the environment names a proxy. */

import { NodeHttpHandler } from '@smithy/node-http-handler';
import { type ProxyAgents, proxyOf, saidOf } from '../../../core/net/proxy.ts';
import { connectionError } from '../../../core/net/tls.ts';

type Handle = NodeHttpHandler['handle'];

/** Sends requests by the proxy, but to what is to be reached without. */
export class ProxyHandler extends NodeHttpHandler {
  readonly #direct = new NodeHttpHandler();
  readonly #isDirect: ProxyAgents['isDirect'];

  constructor({ isDirect, ...agents }: ProxyAgents) {
    super(agents);
    this.#isDirect = isDirect;
  }

  override async handle(...given: Parameters<Handle>): ReturnType<Handle> {
    const [{ protocol, hostname, port }] = given;
    const url = new URL(`${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`);
    if (this.#isDirect(url)) return this.#direct.handle(...given);
    const proxy = proxyOf(url);
    try {
      const answer = await super.handle(...given);
      // What comes in a tunnel is the server's.
      if (url.protocol === 'http:') Object.assign(answer.response, { proxy });
      return answer;
    } catch (error) {
      // The SDK goes by its name and code.
      if (error instanceof Error && error.name !== 'AbortError') error.message = saidOf(connectionError(error), proxy);
      throw error;
    }
  }

  override destroy(): void {
    super.destroy();
    this.#direct.destroy();
  }
}
