/** The socket of a call, and how Falco sees it (spec/falco-engine.md §6.5). */

import { ipv4, ipv4Number, ipv6, isMapped } from './addresses.ts';
import { EINPROGRESS } from './errno.ts';
import type { KernelEvent } from './event.ts';
import { SOCKET, SOCKET_TEXTS } from './layout.ts';

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

/** SOCKET.role */
const CLIENT = 1;
const SERVER = 2;

/** One end of an internet socket. */
export interface End {
  readonly ip: string;
  /** The same as conditions compare it: an IPv4 address as an unsigned number. */
  readonly address: number | string;
  readonly port: number;
}

export interface Socket {
  /** `fd.type` and `fd.typechar`; undefined when the descriptor is no socket. */
  readonly type: string | undefined;
  readonly letter: string;
  readonly family: 'ip' | 'unix' | undefined;
  readonly transport: string | undefined;
  readonly connected: boolean;
  readonly local: End | undefined;
  readonly remote: End | undefined;
  readonly client: End | undefined;
  readonly server: End | undefined;
  /** This end waits for others, or has one that came. */
  readonly isServer: boolean;
  /** `fd.name`: client and server; of a server that has no client its own address. */
  readonly name: string;
}

const NOTHING = {
  family: undefined,
  transport: undefined,
  connected: false,
  local: undefined,
  remote: undefined,
  client: undefined,
  server: undefined,
  isServer: false,
  name: '',
} as const;

/** The socket of an event, worked out once. */
export function socketOf(event: KernelEvent): Socket {
  return event.memo(MEMO_SOCKET, makeSocket);
}

/** Where these are said of a socket, counted from `at`: in a record of its own, or of a descriptor of the process. */
export type SocketOffsets = Readonly<
  Record<
    | 'family'
    | 'sock_type'
    | 'protocol'
    | 'local_port'
    | 'remote_port'
    | 'local_addr'
    | 'remote_addr'
    | 'role'
    | 'connected'
    | 'sock'
    | 'peer',
    number
  >
>;

/** A socket that the event's own call is not about. `path`: of a unix socket. */
export function socketAt(event: KernelEvent, at: number, of: SocketOffsets, path: string): Socket {
  const family = event.u16(at + of.family);
  if (isInternet(family)) return internetSocket(event, at, of, undefined);
  const [type, letter] = TYPES[family] ?? [undefined, 'o'];
  if (family !== AF_UNIX) return { ...NOTHING, type, letter };
  const connected = event.u64(at + of.peer) !== 0;
  return { ...NOTHING, type, letter, family: 'unix', connected, name: unixName(event, at, of, connected, path) };
}

const isInternet = (family: number) => family === AF_INET || family === AF_INET6;

function makeSocket(event: KernelEvent): Socket {
  const family = event.u16(SOCKET.family);
  const connects = event.type === 'connect' ? hasConnected(event) : undefined;
  if (isInternet(family)) return internetSocket(event, 0, SOCKET, connects);
  const [type, letter] = TYPES[family] ?? [undefined, 'o'];
  // Without a socket the address that was asked for is all there is to name.
  if (family === 0) return { ...NOTHING, type, letter, name: askedAddress(event) ?? '' };
  if (family !== AF_UNIX) return { ...NOTHING, type, letter };
  const connected = connects ?? event.u64(SOCKET.peer) !== 0;
  const isServer = event.type === 'bind' || event.type === 'listen';
  const name = unixName(event, 0, SOCKET, connected, unixPath(event));
  return { ...NOTHING, type, letter, family: 'unix', connected, isServer, name };
}

/** As Falco: a connect succeeded or is in progress. AF_UNSPEC dissolves an association. */
function hasConnected(event: KernelEvent): boolean {
  const ret = event.i64(SOCKET.ret);
  return (ret >= 0 || ret === -EINPROGRESS) && event.u16(SOCKET.addr_family) !== 0;
}

/** `connects`: whether the call of the event is a connect, and if so whether it did. */
function internetSocket(event: KernelEvent, at: number, of: SocketOffsets, connects: boolean | undefined): Socket {
  const family = event.u16(at + of.family);
  const bytes = event.memory.buffer;
  const [localAt, remoteAt] = [event.offset + at + of.local_addr, event.offset + at + of.remote_addr];
  const mapped =
    family === AF_INET6 && (isMapped(bytes, remoteAt) || (isZero(bytes, remoteAt) && isMapped(bytes, localAt)));
  /** Where the four bytes of an IPv4 address begin; undefined: it is an IPv6 address. */
  const quad = family === AF_INET ? 0 : mapped ? 12 : undefined;
  const [type, letter] = TYPES[mapped ? AF_INET : family] as readonly [string, string];
  if (connects === false) return { ...NOTHING, type, letter, family: 'ip' };
  const local = new InternetEnd(bytes, localAt, event.u16(at + of.local_port), quad);
  const remote = new InternetEnd(bytes, remoteAt, event.u16(at + of.remote_port), quad);
  const hasPeer = connects || remote.port !== 0 || !isZero(bytes, remoteAt);
  if (!hasPeer && local.port === 0) return { ...NOTHING, type, letter, family: 'ip' };
  const role = event.u8(at + of.role);
  return new InternetSocket({
    type,
    letter,
    transport: PROTOCOLS[event.u16(at + of.protocol)] ?? SOCKET_TYPES[event.u16(at + of.sock_type)],
    connected: hasPeer && (connects || event.u8(at + of.connected) !== 0),
    local,
    // Without one it is bound, but nobody is at the other end.
    remote: hasPeer ? remote : undefined,
    isServer: role === SERVER,
    hasRoles: role === SERVER || (hasPeer && (role === CLIENT || connects === true)),
  });
}

/** Texts are made when they are asked for: most rules look at a socket's type, transport and ports alone. */
class InternetEnd implements End {
  readonly port: number;
  readonly #bytes: Uint8Array;
  readonly #at: number;
  readonly #isIpv4: boolean;
  #ip: string | undefined;

  constructor(bytes: Uint8Array, at: number, port: number, quad: number | undefined) {
    this.#bytes = bytes;
    this.#at = at + (quad ?? 0);
    this.port = port;
    this.#isIpv4 = quad !== undefined;
  }

  get ip(): string {
    return (this.#ip ??= (this.#isIpv4 ? ipv4 : ipv6)(this.#bytes, this.#at));
  }

  get address(): number | string {
    return this.#isIpv4 ? ipv4Number(this.#bytes, this.#at) : this.ip;
  }
}

interface Facts extends Pick<Socket, 'type' | 'letter' | 'transport' | 'connected' | 'remote' | 'isServer'> {
  readonly local: End;
  /** It is known which end is the client's. */
  readonly hasRoles: boolean;
}

class InternetSocket implements Socket {
  readonly type: string | undefined;
  readonly letter: string;
  readonly family = 'ip';
  readonly transport: string | undefined;
  readonly connected: boolean;
  readonly local: End;
  readonly remote: End | undefined;
  readonly client: End | undefined;
  readonly server: End | undefined;
  readonly isServer: boolean;

  constructor({ type, letter, transport, connected, local, remote, isServer, hasRoles }: Facts) {
    this.type = type;
    this.letter = letter;
    this.transport = transport;
    this.connected = connected;
    this.local = local;
    this.remote = remote;
    this.isServer = isServer;
    this.client = hasRoles ? (isServer ? remote : local) : undefined;
    this.server = hasRoles ? (isServer ? local : remote) : undefined;
  }

  get name(): string {
    const { local, remote, isServer } = this;
    if (remote === undefined) return endText(local);
    return isServer ? `${endText(remote)}->${endText(local)}` : `${endText(local)}->${endText(remote)}`;
  }
}

function isZero(bytes: Uint8Array, start: number): boolean {
  for (let at = start; at < start + 16; at++) if (bytes[at] !== 0) return false;
  return true;
}

const endText = ({ ip, port }: Pick<End, 'ip' | 'port'>) => `${ip}:${port}`;

function unixName(event: KernelEvent, at: number, of: SocketOffsets, connected: boolean, path: string): string {
  if (!connected) return path;
  return `${event.u64(at + of.sock).toString(16)}->${event.u64(at + of.peer).toString(16)} ${path}`;
}

/** Abstract names begin with `@` instead of NUL. */
export const shownPath = (path: string) => (path.startsWith('\0') ? `@${path.slice(1)}` : path);

/** The path of a unix socket. */
function unixPath(event: KernelEvent): string {
  return shownPath(event.text(SOCKET_TEXTS, SOCKET_TEXTS.unix_path));
}

/** The address that the caller gave, as text; undefined when it gave none that is known. */
export function askedAddress(event: KernelEvent): string | undefined {
  const bytes = event.bytes(SOCKET.addr, 16);
  const port = event.u16(SOCKET.addr_port);
  switch (event.u16(SOCKET.addr_family)) {
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

/** 127.0.0.0/8 */
const LOOPBACK = 127;

/** Whether the peer is this machine, as far as the addresses tell. */
export function isLocalPeer({ local, remote }: Socket): boolean {
  if (remote === undefined) return false;
  const { address } = remote;
  const isLoopback = typeof address === 'number' ? address >>> 24 === LOOPBACK : address === '::1';
  return isLoopback || address === local?.address;
}
