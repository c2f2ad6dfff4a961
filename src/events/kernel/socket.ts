/** The socket of a connect, and how Falco sees it (spec/falco-engine.md §6.5). */

import { ipv4, ipv6, isMapped } from './addresses.ts';
import { EINPROGRESS } from './errno.ts';
import type { KernelEvent } from './event.ts';
import { CONNECT, CONNECT_TEXTS } from './layout.ts';

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const AF_NETLINK = 16;
const MEMO_SOCKET = 1;

const TYPES: Readonly<Record<number, readonly [word: string, letter: string]>> = {
  [AF_UNIX]: ['unix', 'u'],
  [AF_INET]: ['ipv4', '4'],
  [AF_INET6]: ['ipv6', '6'],
  [AF_NETLINK]: ['netlink', 'n'],
};

/** IPPROTO numbers; a socket's protocol names its transport, else its type does. */
const PROTOCOLS: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmp' };
const SOCKET_TYPES: Readonly<Record<number, string>> = { 1: 'tcp', 2: 'udp', 3: 'raw' };

/** One end of an internet socket. */
export interface End {
  readonly ip: string;
  readonly port: number;
}

export interface Socket {
  /** `fd.type` and `fd.typechar`; undefined when the descriptor is no socket. */
  readonly type: string | undefined;
  readonly letter: string;
  readonly family: 'ip' | 'unix' | undefined;
  readonly transport: string | undefined;
  /** As Falco: the call succeeded or is in progress. */
  readonly connected: boolean;
  readonly local: End | undefined;
  readonly remote: End | undefined;
  /** `fd.name`: both ends, empty unless connected. */
  readonly name: string;
}

/** The socket of a connect event, worked out once. */
export function socketOf(event: KernelEvent): Socket {
  return event.memo(MEMO_SOCKET, makeSocket);
}

function makeSocket(event: KernelEvent): Socket {
  const family = event.u16(CONNECT.family);
  const ret = event.i64(CONNECT.ret);
  // AF_UNSPEC dissolves an association.
  const connected = (ret >= 0 || ret === -EINPROGRESS) && event.u16(CONNECT.addr_family) !== 0;
  if (family === AF_INET || family === AF_INET6) return internetSocket(event, family, connected);
  const [type, letter] = TYPES[family] ?? [undefined, 'o'];
  const name = family === AF_UNIX && connected ? unixName(event) : '';
  const of = family === AF_UNIX ? 'unix' : undefined;
  return { type, letter, family: of, transport: undefined, connected, local: undefined, remote: undefined, name };
}

function internetSocket(event: KernelEvent, family: number, connected: boolean): Socket {
  const [localBytes, remoteBytes] = [event.bytes(CONNECT.local_addr, 16), event.bytes(CONNECT.remote_addr, 16)];
  const mapped = family === AF_INET6 && isMapped(remoteBytes);
  const show = family === AF_INET ? ipv4 : mapped ? unmapped : ipv6;
  const [type, letter] = TYPES[mapped ? AF_INET : family] as readonly [string, string];
  const known = { type, letter, family: 'ip' as const, connected };
  if (!connected) return { ...known, transport: undefined, local: undefined, remote: undefined, name: '' };
  const local = { ip: show(localBytes), port: event.u16(CONNECT.local_port) };
  const remote = { ip: show(remoteBytes), port: event.u16(CONNECT.remote_port) };
  return { ...known, transport: transport(event), local, remote, name: `${endText(local)}->${endText(remote)}` };
}

const unmapped = (bytes: Uint8Array) => ipv4(bytes, 12);

export const endText = ({ ip, port }: End) => `${ip}:${port}`;

function transport(event: KernelEvent): string | undefined {
  return PROTOCOLS[event.u16(CONNECT.protocol)] ?? SOCKET_TYPES[event.u16(CONNECT.sock_type)];
}

function unixName(event: KernelEvent): string {
  return `${event.u64(CONNECT.sock).toString(16)}->${event.u64(CONNECT.peer).toString(16)} ${unixPath(event)}`;
}

/** The path in the sockaddr; abstract names begin with `@` instead of NUL. */
export function unixPath(event: KernelEvent): string {
  const text = event.text(CONNECT_TEXTS, CONNECT_TEXTS.unix_path);
  return text.startsWith('\0') ? `@${text.slice(1)}` : text;
}

/** The address that the caller asked for, as text; undefined when it gave none that is known. */
export function askedAddress(event: KernelEvent): string | undefined {
  const bytes = event.bytes(CONNECT.addr, 16);
  const port = event.u16(CONNECT.addr_port);
  switch (event.u16(CONNECT.addr_family)) {
    case AF_INET:
      return endText({ ip: ipv4(bytes), port });
    case AF_INET6:
      return endText({ ip: ipv6(bytes), port });
    case AF_UNIX:
      return unixPath(event);
    default:
      return undefined;
  }
}

/** Whether the peer is this machine, as far as the addresses tell. */
export function isLocalPeer({ local, remote }: Socket): boolean {
  return remote !== undefined && (remote.ip.startsWith('127.') || remote.ip === '::1' || remote.ip === local?.ip);
}
