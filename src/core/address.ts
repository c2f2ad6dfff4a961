/** Addresses in a configuration: HOST:PORT to listen at, and whether a host is this machine alone. */

import { BlockList, isIP } from 'node:net';
import { z } from 'zod';

const HOST_PORT = /^(?:\[([0-9a-f:]+)\]|([^:]+)):(\d{1,5})$/;
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

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Whether a host, as it stands in an address or is the `hostname` of a URL, is reached from this machine alone. */
export function isLoopback(host: string): boolean {
  const plain = host.replace(/^\[|\]$/g, '');
  const family = isIP(plain);
  return family === 0 ? plain === 'localhost' : loopback.check(plain, family === 4 ? 'ipv4' : 'ipv6');
}
