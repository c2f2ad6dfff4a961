/** The HTTP proxy that the environment names, as other programs heed it: HTTPS_PROXY, HTTP_PROXY and NO_PROXY, in either case. */

import { Agent } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import type * as undici from 'undici';
import { exitCode, UserError } from '../errors.ts';
import { noProxy } from './no-proxy.ts';

interface ProxySettings {
  /** The proxy of what goes to http:// addresses, and to https:// ones: the other one where only that is named. */
  readonly HTTP_PROXY: string | undefined;
  readonly HTTPS_PROXY: string;
  /** Whether a URL is reached without. */
  readonly isDirect: (url: URL) => boolean;
}

// Undefined where the environment names none. Throws a UserError (exit 78) for what is no address of one, and a NO_PROXY of no use.
function proxySettings(): ProxySettings | undefined {
  const plain = addressIn('HTTP_PROXY');
  const secure = addressIn('HTTPS_PROXY') ?? plain;
  if (secure === undefined) return undefined;
  return { HTTP_PROXY: plain, HTTPS_PROXY: secure, isDirect: noProxy(variable('NO_PROXY') ?? '') };
}

/** Whether the environment names a proxy. Throws as `proxyAgents` does. */
export function hasProxy(): boolean {
  return proxySettings() !== undefined;
}

/** Agents of node:http and node:https that go through the proxy, and what is reached without. */
export interface ProxyAgents {
  readonly httpAgent: Agent;
  readonly httpsAgent: TlsAgent;
  readonly isDirect: (url: URL) => boolean;
}

/**
 * Undefined where the environment names no proxy. Throws a UserError (exit 78) for what is no address of one, which is not
 * quoted, since it may have a password, and for networks in NO_PROXY that are none.
 */
export function proxyAgents(): ProxyAgents | undefined {
  const settings = proxySettings();
  if (!settings) return undefined;
  const { HTTP_PROXY, HTTPS_PROXY, isDirect } = settings;
  const options = { keepAlive: true, proxyEnv: { HTTP_PROXY, HTTPS_PROXY, NO_PROXY: '' } };
  return { httpAgent: new Agent(options), httpsAgent: new TlsAgent(options), isDirect };
}

/**
 * The option `agent` of a web socket to that address. One in the clear goes without: proxies forward no other protocol.
 * Throws as `proxyAgents` does.
 */
export function proxyAgentFor(address: string): { readonly agent?: TlsAgent } {
  const agents = address.startsWith('wss:') ? proxyAgents() : undefined;
  const url = URL.parse(address);
  return agents && !(url && agents.isDirect(url)) ? { agent: agents.httpsAgent } : {};
}

/** The proxy that a URL is asked by, as `http://proxy:3128`: never with a user and password. Undefined: it is asked without one. */
export function proxyOf(url: URL): string | undefined {
  const settings = proxySettings();
  if (!settings || settings.isDirect(url)) return undefined;
  const address = /^(https|wss):$/.test(url.protocol) ? settings.HTTPS_PROXY : settings.HTTP_PROXY;
  return address === undefined || url.protocol === 'ws:' ? undefined : new URL(address).origin;
}

/** What went wrong with a URL, for people, with the proxy by which it was asked, where there is one. */
export function saidOf(why: string, proxy: string | undefined): string {
  if (proxy === undefined) return why;
  return why.startsWith('the proxy ')
    ? why.replace('the proxy', `the proxy ${proxy}`)
    : `by the proxy ${proxy}: ${why}`;
}

type Options = undici.Pool.Options & Pick<undici.ProxyAgent.Options, 'proxyTls' | 'requestTls'>;

/**
 * What undici, which is loaded by whoever needs it, sends by the proxy, and to what is to be reached without; undefined
 * where there is no proxy. Throws as `proxyAgents` does.
 */
export function proxyDispatcher(
  { Agent: Origins, Pool, EnvHttpProxyAgent }: Pick<typeof undici, 'Agent' | 'Pool' | 'EnvHttpProxyAgent'>,
  options: Options = {},
): undici.Dispatcher | undefined {
  const settings = proxySettings();
  if (!settings) return undefined;
  const { HTTP_PROXY: httpProxy = '', HTTPS_PROXY: httpsProxy, isDirect } = settings;
  const proxied = { ...options, httpProxy, httpsProxy, noProxy: '' };
  // By origin: which has connections of its own.
  const factory = (origin: string | URL) =>
    isDirect(new URL(origin)) ? new Pool(origin, options) : new EnvHttpProxyAgent(proxied);
  return new Origins({ factory });
}

/**
 * Adds `http://` in the environment to addresses that have it not, for libraries that go by it themselves and fail on such
 * ones (Azure's). Throws as `proxyAgents` does.
 */
export function completeProxyAddresses(): void {
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY']) {
    const address = addressIn(name);
    for (const each of [name, name.toLowerCase()]) if (address && process.env[each]) process.env[each] = address;
  }
}

// One that is empty is none, as curl has it.
function variable(name: string): string | undefined {
  return process.env[name.toLowerCase()] || process.env[name] || undefined;
}

function addressIn(name: string): string | undefined {
  const value = variable(name);
  return value === undefined ? undefined : proxyAddress(value, `the variable ${name}`);
}

/** The address of an HTTP proxy; as curl takes it, http:// may be left out. @throws UserError (exit 78) that never quotes it */
export function proxyAddress(text: string, what: string): string {
  const refuse = (why: string) => new UserError(`${what} ${why}`, { exit: exitCode.config });
  const address = text.includes('://') ? text : `http://${text}`;
  const url = URL.parse(address);
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw refuse('is no address of an HTTP proxy, such as http://proxy:3128; socks is not spoken');
  }
  try {
    decodeURIComponent(url.username + url.password);
  } catch {
    throw refuse('has a % in its user or password that begins no escape: write %25 for it');
  }
  return address;
}
