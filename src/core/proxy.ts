/** The HTTP proxy that the environment names, as other programs heed it: HTTPS_PROXY, HTTP_PROXY and NO_PROXY, in either case. */

import { Agent } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import { exitCode, UserError } from './errors.ts';

export interface ProxySettings {
  /** The proxy of what goes to http:// addresses, and to https:// ones: the other one where only that is named. */
  readonly HTTP_PROXY: string | undefined;
  readonly HTTPS_PROXY: string;
  /** Hosts that are reached without, separated by commas. */
  readonly NO_PROXY: string;
}

/** Undefined where it names none. Throws a UserError (exit 78) for what is no address of one; it is not quoted: it may have a password. */
export function proxySettings(): ProxySettings | undefined {
  const plain = addressIn('HTTP_PROXY');
  const secure = addressIn('HTTPS_PROXY') ?? plain;
  return secure === undefined
    ? undefined
    : { HTTP_PROXY: plain, HTTPS_PROXY: secure, NO_PROXY: variable('NO_PROXY') ?? '' };
}

/** What node:http and node:https take to go through it; undefined where there is none. Throws as `proxySettings` does. */
export function proxyAgents(): { readonly httpAgent: Agent; readonly httpsAgent: TlsAgent } | undefined {
  const settings = proxySettings();
  if (!settings) return undefined;
  const options = { keepAlive: true, proxyEnv: { ...settings } };
  return { httpAgent: new Agent(options), httpsAgent: new TlsAgent(options) };
}

/** The option `agent` of a web socket to that address. One in the clear goes without: proxies forward no other protocol. */
export function proxyAgentFor(address: string): { readonly agent?: TlsAgent } {
  const agents = address.startsWith('wss:') ? proxyAgents() : undefined;
  return agents ? { agent: agents.httpsAgent } : {};
}

/** The same for undici's `EnvHttpProxyAgent`. */
export function undiciProxy({ HTTP_PROXY, HTTPS_PROXY, NO_PROXY }: ProxySettings) {
  return { ...(HTTP_PROXY ? { httpProxy: HTTP_PROXY } : {}), httpsProxy: HTTPS_PROXY, noProxy: NO_PROXY };
}

/**
 * Adds `http://` in the environment to addresses that have it not, for libraries that go by it themselves and fail on such
 * ones (Azure's). Throws as `proxySettings` does.
 */
export function completeProxyAddresses(): void {
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY']) {
    const address = addressIn(name);
    for (const each of [name, name.toLowerCase()]) if (address && process.env[each]) process.env[each] = address;
  }
}

function variable(name: string): string | undefined {
  return process.env[name.toLowerCase()] || process.env[name] || undefined;
}

// As curl takes it: http:// may be left out.
function addressIn(name: string): string | undefined {
  const value = variable(name);
  if (value === undefined) return undefined;
  const address = value.includes('://') ? value : `http://${value}`;
  if (/^https?:$/.test(URL.parse(address)?.protocol ?? '')) return address;
  const message = `the variable ${name} is no address of an HTTP proxy, such as http://proxy:3128; socks is not spoken`;
  throw new UserError(message, { exit: exitCode.config });
}
