/** Fetching, by the proxy that the environment names, of what is to be had as it was sent: compressed, where it comes so. */

import type { Dispatcher } from 'undici';
import { proxyDispatcher, proxyOf, saidOf } from '../../core/net/proxy.ts';
import { connectionError } from '../../core/net/tls.ts';
import type { Get } from '../../rules/lists/items-fetch.ts';

/** As many as a browser follows. */
const REDIRECTS = 20;

let direct: Dispatcher | undefined;

/**
 * What fetches, by the proxy if there is one: then what is fetched rejects where there is no answer, or one in the clear that
 * is an error and may be the proxy's. It is not the `fetch` of Node, which unpacks what comes packed, however much that
 * becomes, and takes what was cut short for whole. Rejects with a UserError (exit 78) for what is no address of a proxy.
 */
export async function fetchByProxy(): Promise<Get> {
  const undici = await import('./undici.ts');
  const dispatcher = proxyDispatcher(undici) ?? (direct ??= new undici.Agent());
  const following = dispatcher.compose(undici.interceptors.redirect({ maxRedirections: REDIRECTS }));
  return async (address, { redirects, ...options }) => {
    const url = new URL(address);
    const proxy = proxyOf(url);
    const { statusCode, headers, body } = await undici
      .request(url, { ...options, dispatcher: redirects ? following : dispatcher })
      .catch((error: unknown) => {
        throw new Error(saidOf(connectionError(error), proxy), { cause: error });
      });
    const discard = () => void body.dump();
    // What comes in a tunnel is the server's.
    if (proxy !== undefined && url.protocol === 'http:' && statusCode >= 400) {
      discard();
      throw new Error(`the answer has the status ${statusCode} (perhaps of the proxy ${proxy})`);
    }
    return { status: statusCode, header: (name) => [headers[name] ?? []].flat().at(-1), body, discard };
  };
}
