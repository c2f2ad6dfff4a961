/** Requests of the SDK where the environment names a proxy. */

import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { ProxyAgents } from '../../../core/proxy.ts';

type Handle = NodeHttpHandler['handle'];

/** Sends requests by the proxy, but to what is to be reached without. */
export class ProxyHandler extends NodeHttpHandler {
  readonly #direct = new NodeHttpHandler();
  readonly #isDirect: ProxyAgents['isDirect'];

  constructor({ isDirect, ...agents }: ProxyAgents) {
    super(agents);
    this.#isDirect = isDirect;
  }

  override handle(...given: Parameters<Handle>): ReturnType<Handle> {
    const [{ protocol, hostname, port }] = given;
    const isDirect = this.#isDirect(new URL(`${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`));
    return isDirect ? this.#direct.handle(...given) : super.handle(...given);
  }

  override destroy(): void {
    super.destroy();
    this.#direct.destroy();
  }
}
