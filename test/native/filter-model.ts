/** What native/bpf/filter.h, open.h and socket.h do, in plain words: for tests of what they must never drop. */

import type { Clause, EndProperty, Necessary, PathProperty, SocketKind } from '../../src/core/flow/necessary.ts';
import { networkTest, parseAddress } from '../../src/rules/values/ip.ts';

/** An open as the kernel sees it. */
export interface Opened {
  readonly ret: number;
  readonly flags: number;
  readonly raw: string;
  /** The directory that a relative path starts from. */
  readonly base: string;
  /** Empty when the call failed. */
  readonly real: string;
  /** The name of the thread. */
  readonly comm?: string;
}

const EINPROGRESS = 115;

function resultHolds({ results }: Clause, ret: number): boolean {
  return results?.has(ret >= 0 ? 'ok' : ret === -EINPROGRESS ? 'in_progress' : 'failed') ?? true;
}

function outcomeHolds({ results, reads, writes }: Clause, { ret, flags }: Opened): boolean {
  if (results !== undefined && !resultHolds({ results }, ret)) return false;
  if (reads !== undefined && reads !== ((flags & 1) === 0)) return false;
  return writes === undefined || writes === ((flags & 3) !== 0);
}

const isCrooked = (path: string) => path !== '/' && (path.includes('//') || path.includes('./') || /[./]$/.test(path));

function has({ kind, value }: PathProperty, path: string): boolean {
  if (kind === 'prefix') return path.startsWith(value);
  return kind === 'hidden' ? path.includes('/.') : path.slice(path.lastIndexOf('/') + 1) === value;
}

/** Whether an open reaches user space. */
export function passes(necessary: Necessary, open: Opened): boolean {
  const { raw, base, real, comm = '' } = open;
  const text = raw.startsWith('/') ? raw : `${base === '/' ? '' : base}/${raw}`;
  const wanted = necessary.filter((clause) => outcomeHolds(clause, open));
  // Where texts are looked at, what is written crookedly or could not be read passes, whatever is asked of it.
  const looksAtText = wanted.some(({ paths }) => paths?.some(({ of }) => of === 'text'));
  const doubtful = looksAtText && (raw === '' || isCrooked(raw));
  const named = ({ comms }: Clause) => comms?.includes(comm) ?? true;
  const pathHolds = (property: PathProperty) => doubtful || has(property, property.of === 'real' ? real : text);
  // Where a clause asks for both, the name is not asked for.
  return wanted.some((clause) => clause.paths?.some(pathHolds) ?? named(clause));
}

export interface End {
  readonly ip: string;
  readonly port: number;
}

/** A call on a socket as the kernel sees it. */
export interface Called {
  readonly type: string;
  readonly ret: number;
  /** 0: the descriptor is no socket. */
  readonly family: number;
  readonly socketType: number;
  readonly protocol: number;
  /** Of an internet socket; addresses as its family has them. */
  readonly local: End;
  readonly remote: End;
  /** Of the address that the caller gave; 0: none that could be read. */
  readonly addressFamily: number;
  /** The path of a unix socket, or of the address that the caller gave; NUL begins an abstract one. */
  readonly path: string;
  /** The canonical one of the file that a unix socket leads to; empty when there is none. */
  readonly real: string;
  readonly comm: string;
}

const [UNIX, INET, INET6] = [1, 2, 10];
const [STREAM, TCP] = [1, 6];

export function kindOf({ family, socketType, protocol }: Called): SocketKind {
  if (family === UNIX) return 'unix';
  if (family !== INET && family !== INET6) return 'other';
  return socketType === STREAM || protocol === TCP ? 'tcp' : 'other_ip';
}

const MAPPED = '::ffff:';

/** Both ends as events show them: as IPv4 where the other end is. */
function shown({ family, local, remote }: Called): readonly [local: string, remote: string] {
  const four = (ip: string) => {
    if (ip.startsWith(MAPPED)) return ip.slice(MAPPED.length);
    const groups = parseAddress(ip) as readonly number[];
    return groups
      .slice(6)
      .flatMap((group) => [group >> 8, group & 0xff])
      .join('.');
  };
  const isMapped = (ip: string) => ip.startsWith(MAPPED);
  const mapped = family === INET6 && (isMapped(remote.ip) || (remote.ip === '::' && isMapped(local.ip)));
  return mapped ? [four(local.ip), four(remote.ip)] : [local.ip, remote.ip];
}

function endHolds({ end, of, values, outside }: EndProperty, call: Called): boolean {
  const [local, remote] = shown(call);
  const isIn = (ip: string, port: number) =>
    values.some((value) => {
      if (of === 'address') {
        const [address = '', prefix] = value.split('/');
        if (prefix === undefined) return ip === address;
        return networkTest({ address: parseAddress(address) ?? 0, prefix: Number(prefix) })(ip);
      }
      const [first = 0, last = first] = value.split('-').map(Number);
      return port >= first && port <= last;
    });
  const holds = (ip: string, port: number) => isIn(ip, port) !== (outside ?? false);
  const [atLocal, atRemote] = [holds(local, call.local.port), holds(remote, call.remote.port)];
  return end === 'local' ? atLocal : end === 'remote' ? atRemote : atLocal || atRemote;
}

/** Whether a call on a socket reaches user space. */
export function callPasses(necessary: Necessary, call: Called): boolean {
  const { type, ret, path, real, comm } = call;
  const kind = kindOf(call);
  const isInternet = kind === 'tcp' || kind === 'other_ip';
  // A connect that gave no address, or none that could be read, has no other end to anybody who looks at it.
  const isUnknown = type === 'connect' && call.addressFamily === 0;
  return necessary.some((clause) => {
    const { sockets, paths, ends, comms } = clause;
    if (!resultHolds(clause, ret) || sockets?.has(kind) === false) return false;
    if ((paths !== undefined && isInternet) || (ends !== undefined && !isInternet)) return false;
    const holds = (property: PathProperty) => {
      const whose = property.of === 'real' ? real : path;
      return whose !== '' && has(property, whose);
    };
    if (paths !== undefined) return (path !== '' && isCrooked(path)) || paths.some(holds);
    if (comms !== undefined) return comms.includes(comm);
    return (
      ends === undefined || isUnknown || call.remote.port === 0 || ends.some((property) => endHolds(property, call))
    );
  });
}
