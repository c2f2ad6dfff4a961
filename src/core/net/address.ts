/** Addresses in a configuration: HOST:PORT to listen at, and whether a host is this machine alone. */

import { BlockList, isIP, isIPv6 } from 'node:net';
import { z } from 'zod';

const HOST_PORT = /^(?:\[([0-9a-fA-F:.]+)\]|([^:]+)):(\d{1,5})$/;
const LAST_PORT = 65_535;

/** HOST:PORT, with an IPv6 address in brackets; `example` is what the message shows. */
export function address(example: string) {
  return z
    .string()
    .regex(HOST_PORT, `an address is HOST:PORT, such as ${example}`)
    .refine((text) => !(addressOf(text).port > LAST_PORT), `a port is at most ${LAST_PORT}`);
}

/** The parts of HOST:PORT, without brackets. Any other text has no host, and a port that is NaN. */
export function addressOf(text: string): { readonly host: string; readonly port: number } {
  const [, v6, host = v6 ?? '', port] = HOST_PORT.exec(text) ?? [];
  return { host, port: Number(port) };
}

/**
 * The hosts that a host, with or without brackets, may be, each as it is written in one way only: RFC 5952 for IPv6. Which
 * of the two `localhost` is, only the resolver knows.
 */
export function hostsOf(given: string): readonly string[] {
  const bare = unbracketed(given);
  const host = URL.parse(`http://${isIPv6(bare) ? `[${bare}]` : bare}`)?.hostname ?? bare;
  if (host === 'localhost') return ['127.0.0.1', '::1'];
  return [host.startsWith('[') ? mapped(host.slice(1, -1)) : host];
}

/** An IPv4 address that is written as one of IPv6 is that of IPv4, also to the kernel: ipv6(7). */
function mapped(host: string): string {
  const words = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(host)?.slice(1);
  if (!words) return host;
  return words.flatMap((each) => [Number.parseInt(each, 16) >> 8, Number.parseInt(each, 16) & 0xff]).join('.');
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Whether a host, as it stands in an address or is the `hostname` of a URL, is reached from this machine alone. */
export function isLoopback(host: string): boolean {
  return hostsOf(host).every((each) => {
    const family = isIP(each);
    return family !== 0 && loopback.check(each, family === 4 ? 'ipv4' : 'ipv6');
  });
}

function unbracketed(host: string): string {
  return host.replace(/^\[|\]$/g, '');
}
