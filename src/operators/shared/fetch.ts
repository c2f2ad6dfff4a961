/** Fetching by the proxy that the environment names, which Node's own `fetch` does only when Node is told so. */

import { hasProxy, proxyDispatcher, proxyOf, saidOf } from '../../core/net/proxy.ts';
import { connectionError } from '../../core/net/tls.ts';

/**
 * `fetch`, by the proxy if there is one: then what is fetched rejects where there is no answer, or one in the clear that is an
 * error and may be the proxy's. Rejects with a UserError (exit 78) for what is no address of one.
 */
export async function fetchByProxy(): Promise<typeof fetch> {
  if (!hasProxy()) return fetch;
  const undici = await import('./undici.ts');
  const dispatcher = proxyDispatcher(undici);
  const get = async (address: string, options: object) => {
    const url = new URL(address);
    const proxy = proxyOf(url);
    const response = await undici
      .fetch(address, { ...options, ...(dispatcher ? { dispatcher } : {}) })
      .catch((error: unknown) => {
        throw new Error(saidOf(connectionError(error), proxy));
      });
    const { status } = response;
    // What comes in a tunnel is the server's.
    if (proxy === undefined || url.protocol !== 'http:' || status < 400) return response;
    await response.body?.cancel();
    throw new Error(`the answer has the status ${status} (perhaps of the proxy ${proxy})`);
  };
  return get as typeof fetch;
}
