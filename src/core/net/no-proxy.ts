/** NO_PROXY: the hosts that are reached without a proxy, by their names, addresses and networks. */

import { BlockList, isIP } from 'node:net';
import { exitCode, UserError } from '../errors.ts';

type Matches = (host: string) => boolean;

const WITH_PORT = /^(\[.+\]|[^:]+):(\d{1,5})$/;
const PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'ws:': 80, 'https:': 443, 'wss:': 443 };

/**
 * Whether a URL is reached without a proxy. Entries are separated by commas or blanks:
 *
 * - `svc`, `.svc`: that name and those below it; `*.svc`: those below it alone; `*`: all
 * - `10.1.2.3`, `fd00::1`: an address; `10.0.0.0/8`, `fd00::/8`: a network; `10.0.0.1-10.0.0.9`: from one to the other
 * - `svc:8080`, `[fd00::1]:8080`: at that port alone
 *
 * No name is looked up: networks are compared with addresses that stand in URLs, as curl does.
 * @throws UserError (exit 78) for what looks like a network and is none
 */
export function noProxy(text: string): (url: URL) => boolean {
  const entries = text.split(/[,\s]+/).flatMap((entry) => (entry === '' ? [] : [entryOf(entry.toLowerCase())]));
  return ({ protocol, hostname, port }) => {
    const host = bare(hostname);
    const at = port === '' ? PORTS[protocol] : Number(port);
    return entries.some((entry) => (entry.port === undefined || entry.port === at) && entry.matches(host));
  };
}

function entryOf(entry: string): { readonly port: number | undefined; readonly matches: Matches } {
  const [, host = entry, port] = WITH_PORT.exec(entry) ?? [];
  const matches = byAddress(bare(host)) ?? byName(bare(host));
  return { port: port === undefined ? undefined : Number(port), matches };
}

// Without the brackets of IPv6, and the dot that ends a name's full form.
function bare(host: string): string {
  return host.replace(/[[\]]/g, '').replace(/(?<=.)\.$/, '');
}

/** Undefined for what has no address in it. */
function byAddress(text: string): Matches | undefined {
  const [first = '', last = ''] = text.split(/[-/](.*)/);
  const isNetwork = text.includes('/');
  if (isIP(first) === 0 && !isNetwork) return undefined;
  const list = new BlockList();
  try {
    if (text === first) list.addAddress(first, family(first));
    else if (isNetwork) list.addSubnet(first, /^\d+$/.test(last) ? Number(last) : Number.NaN, family(first));
    else list.addRange(first, last, family(first));
  } catch (error) {
    const message = `NO_PROXY has "${text}", which is no network: write 10.0.0.0/8, fd00::/8 or 10.0.0.1-10.0.0.9`;
    throw new UserError(message, { exit: exitCode.config, cause: error });
  }
  return (host) => isIP(host) !== 0 && list.check(host, family(host));
}

function byName(text: string): Matches {
  if (text === '*') return () => true;
  const below = `.${text.replace(/^\*?\./, '')}`;
  const isBelow: Matches = (host) => isIP(host) === 0 && host.endsWith(below);
  return text.startsWith('*') ? isBelow : (host) => host === below.slice(1) || isBelow(host);
}

function family(address: string) {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}
