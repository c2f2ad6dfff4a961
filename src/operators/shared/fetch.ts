/** Fetching by the proxy that the environment names, which Node's own `fetch` does only when Node is told so. */

import { hasProxy, proxyDispatcher, proxyOf, saidOf } from '../../core/proxy.ts';
import { connectionError } from '../../core/tls.ts';

/** `fetch`, by the proxy if there is one. Rejects with a UserError (exit 78) for what is no address of one. */
export async function fetchByProxy(): Promise<typeof fetch> {
  if (!hasProxy()) return fetch;
  const undici = await import('./undici.ts');
  const dispatcher = proxyDispatcher(undici);
  const get = async (address: string, options: object) => {
    try {
      return await undici.fetch(address, { ...options, ...(dispatcher ? { dispatcher } : {}) });
    } catch (error) {
      throw new Error(saidOf(connectionError(error), proxyOf(new URL(address))));
    }
  };
  return get as typeof fetch;
}
