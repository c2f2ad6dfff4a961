/** Readers of `fd.*` and `fs.path.*`: the descriptor that a call is about (spec/falco-engine.md §6.3-6.6). */

import type { Value } from '../field.ts';
import { onePath, pairPath } from './call-paths.ts';
import { descriptorName, descriptorType, isDirectory } from './descriptor.ts';
import { enteredDirectory } from './entered.ts';
import type { KernelEvent } from './event.ts';
import { CALL, CALL_TEXTS, CHDIR, HEADER, KIND, OPEN, SOCKET, SOCKET_TEXTS } from './layout.ts';
import { major, minor, openName, openParts, opensADirectory, rawPath, realPath, succeeded } from './open-fields.ts';
import { split } from './path-cache.ts';
import { type KernelReader, ofDescriptor, on, perKind, plain, type ReaderMaker } from './readers.ts';
import { type End, isLocalPeer, type Socket, socketOf } from './socket.ts';

type Make = (event: KernelEvent) => Value | undefined;
type OfSocket = (socket: Socket, event: KernelEvent) => Value | undefined;

const ofOpen = (read: Make): KernelReader => on([KIND.open], read);
const ofOpened = (read: Make): KernelReader => ofOpen((event) => (succeeded(event) ? read(event) : undefined));
/** The path of a descriptor's file; undefined unless it is complete and as the process sees it. */
const canonical =
  (read: (event: KernelEvent) => string): KernelReader =>
  (event) => {
    const path = event.has('path_partial') || event.has('path_outside') ? '' : read(event);
    return path.startsWith('/') ? path : undefined;
  };
const ofSocket = (read: OfSocket): KernelReader => on([KIND.socket], (event) => read(socketOf(event), event));

/**
 * One reader for opens, one for calls on sockets, one for other calls that are about a descriptor, and where it has
 * something to say one for fchdir.
 */
function either(file: Make, socket: OfSocket, other: Make, fchdir?: Make): KernelReader {
  return perKind(
    new Map<number, KernelReader>([
      [KIND.open, file],
      [KIND.socket, (event) => socket(socketOf(event), event)],
      [KIND.call, ofDescriptor(other)],
      ...(fchdir ? ([[KIND.chdir, ofDescriptor(fchdir)]] as const) : []),
    ]),
  );
}

/** What Falco calls a transport that is not known. */
const UNKNOWN_TRANSPORT = '<NA>';

const never = () => false;

const number = either(
  (event) => (succeeded(event) ? event.i64(OPEN.ret) : -1),
  (_, event) => event.i32(SOCKET.fd),
  (event) => event.i32(CALL.fd),
  (event) => event.i32(CHDIR.fd),
);

const name = either(openName, (socket) => socket.name, descriptorName, enteredDirectory);

const directory = either(
  (event) => {
    const path = openName(event);
    if (path === undefined) return undefined;
    return succeeded(event) && opensADirectory(event) ? path : openParts(event, path).directory;
  },
  () => undefined,
  (event) => {
    const path = descriptorName(event);
    if (!path.startsWith('/')) return undefined;
    return isDirectory(event) ? path : split(path).directory;
  },
  enteredDirectory,
);

/** Absent for directories and for what could not be opened. */
const filename = either(
  (event) => {
    const path = succeeded(event) ? openName(event) : undefined;
    return path === undefined || opensADirectory(event) ? undefined : openParts(event, path).filename;
  },
  () => undefined,
  (event) => {
    const path = descriptorName(event);
    return path.startsWith('/') && !isDirectory(event) ? split(path).filename : undefined;
  },
);

const containerPrefix = (event: KernelEvent) => {
  const id = event.image.data.container?.id;
  return id === undefined || id === 'host' ? ':' : `${id}:`;
};

function prefixed(reader: KernelReader): KernelReader {
  return (event) => {
    const value = reader(event);
    return value === undefined ? undefined : containerPrefix(event) + String(value);
  };
}

const client = (socket: Socket) => socket.client;
const server = (socket: Socket) => socket.server;
const local = (socket: Socket) => socket.local;
const remote = (socket: Socket) => socket.remote;

const ip = (end: (socket: Socket) => End | undefined) => ofSocket((socket) => end(socket)?.ip);
const address = (end: (socket: Socket) => End | undefined) => ofSocket((socket) => end(socket)?.address);
const host = (end: (socket: Socket) => End | undefined) =>
  ofSocket((socket, event) => {
    const address = end(socket)?.ip;
    if (address === undefined) return undefined;
    const names = event.slab.context.hosts.namesOf(address);
    return names.length > 1 ? names : (names[0] ?? '');
  });
const port = (end: (socket: Socket) => End | undefined) => ofSocket((socket) => end(socket)?.port);
const service = (end: (socket: Socket) => End | undefined) =>
  ofSocket((socket) => (socket.family === 'ip' ? String(end(socket)?.port ?? '') : ''));

/**
 * Both ends, of a socket that is bound and has no peer the one that there is; 0 while an internet socket has none, nothing
 * for other sockets (spec/falco-engine.md §2.6).
 */
const bothIps = ofSocket(({ family, local, remote, letter }) => {
  const none = letter === '6' ? '::' : '0.0.0.0';
  return family === 'ip' ? [local?.ip ?? none, ...(local && !remote ? [] : [remote?.ip ?? none])] : undefined;
});
const bothAddresses = ofSocket(({ family, local, remote, letter }) => {
  const none = letter === '6' ? '::' : 0;
  return family === 'ip' ? [local?.address ?? none, ...(local && !remote ? [] : [remote?.address ?? none])] : undefined;
});
const bothPorts = ofSocket(({ family, local, remote }) =>
  family === 'ip' ? [local?.port ?? 0, ...(local && !remote ? [] : [remote?.port ?? 0])] : undefined,
);

const deviceOf = either(
  (event) => (succeeded(event) ? event.u32(OPEN.dev) : undefined),
  () => 0,
  (event) => event.u32(CALL.dev),
);

/** OPEN.layer and CALL.layer. */
const UPPER = 1;
const LOWER = 2;

/** Whether the file lies in that layer of an overlay. */
function isIn(layer: number): KernelReader {
  return either(
    (event) => (succeeded(event) ? event.u16(OPEN.layer) === layer : undefined),
    never,
    (event) => event.u16(CALL.layer) === layer,
  );
}

function ofDevice(part: (dev: number) => number): KernelReader {
  return (event) => {
    const dev = deviceOf(event);
    return typeof dev === 'number' ? part(dev) : undefined;
  };
}

const openedPath = onePath(false);
const pathName = (event: KernelEvent): string | undefined => {
  if (event.kind === KIND.open) return succeeded(event) ? openName(event) : undefined;
  if (event.kind === KIND.call) return openedPath(event);
  const isChdir = event.kind === KIND.chdir && event.u32(CHDIR.nr) === 80;
  return isChdir ? enteredDirectory(event) : undefined;
};

const rawName = (event: KernelEvent) => (event.has('unread') ? undefined : rawPath(event));
const rawPathOfCall = onePath(true);
const rawPathName = (event: KernelEvent) => {
  if (event.kind === KIND.call) return rawPathOfCall(event);
  return event.kind === KIND.open && succeeded(event) ? rawName(event) : undefined;
};

/** What conditions compare of fields that are addresses: those of IPv4 as numbers. */
export const addressReaders: Readonly<Record<string, KernelReader>> = {
  'fd.ip': bothAddresses,
  'fd.net': bothAddresses,
  'fd.cip': address(client),
  'fd.cnet': address(client),
  'fd.lip': address(local),
  'fd.lnet': address(local),
  'fd.sip': address(server),
  'fd.snet': address(server),
  'fd.rip': address(remote),
  'fd.rnet': address(remote),
};

export const fdReaders: Readonly<Record<string, ReaderMaker>> = plain({
  'fd.num': number,
  'fd.type': either(
    (event) => (succeeded(event) ? (opensADirectory(event) ? 'directory' : 'file') : undefined),
    (socket) => socket.type,
    (event) => descriptorType(event).word,
    () => 'directory',
  ),
  'fd.typechar': either(
    (event) => (succeeded(event) && opensADirectory(event) ? 'd' : 'f'),
    (socket) => socket.letter,
    (event) => descriptorType(event).letter,
    () => 'd',
  ),
  'fd.name': name,
  'fd.realpath': perKind(
    new Map<number, KernelReader>([
      [KIND.open, ofOpened(realPath)],
      [KIND.socket, canonical((event) => event.text(SOCKET_TEXTS, SOCKET_TEXTS.real))],
      [KIND.call, ofDescriptor(canonical((event) => event.text(CALL_TEXTS, CALL_TEXTS.real)))],
    ]),
  ),
  'fd.directory': directory,
  'fd.filename': filename,
  'fd.nameraw': either(
    rawName,
    () => '',
    () => '',
  ),
  'fd.ip': bothIps,
  'fd.net': bothIps,
  'fd.port': bothPorts,
  'fd.proto': bothPorts,
  'fd.cip': ip(client),
  'fd.cnet': ip(client),
  'fd.lip': ip(local),
  'fd.lnet': ip(local),
  'fd.sip': ip(server),
  'fd.snet': ip(server),
  'fd.rip': ip(remote),
  'fd.rnet': ip(remote),
  'fd.cip.name': host(client),
  'fd.lip.name': host(local),
  'fd.sip.name': host(server),
  'fd.rip.name': host(remote),
  'fd.cport': port(client),
  'fd.lport': port(local),
  'fd.sport': port(server),
  'fd.rport': port(remote),
  'fd.cproto': service(client),
  'fd.lproto': service(local),
  'fd.sproto': service(server),
  'fd.rproto': service(remote),
  'fd.l4proto': either(
    () => UNKNOWN_TRANSPORT,
    (socket) => socket.transport ?? UNKNOWN_TRANSPORT,
    () => UNKNOWN_TRANSPORT,
  ),
  'fd.sockfamily': ofSocket((socket) => socket.family),
  'fd.is_server': either(never, (socket) => socket.isServer || isLocalPeer(socket), never),
  'fd.connected': either(never, (socket) => socket.connected, never),
  'fd.name_changed': either(
    (event) => succeeded(event) && openName(event) !== '',
    (socket, event) => event.u8(SOCKET.changed) !== 0 || (event.type === 'connect' && socket.connected),
    never,
  ),
  'fd.uid': (event) => {
    const descriptor = number(event);
    return descriptor === undefined ? undefined : `${event.u32(HEADER.tid)}${descriptor}`;
  },
  'fd.containername': prefixed(name),
  'fd.containerdirectory': prefixed(directory),
  'fd.dev': deviceOf,
  'fd.dev.major': ofDevice(major),
  'fd.dev.minor': ofDevice(minor),
  'fd.ino': either(
    (event) => (succeeded(event) ? event.u64(OPEN.ino) : undefined),
    (_, event) => event.u64(SOCKET.ino),
    (event) => event.u64(CALL.ino),
  ),
  'fd.is_upper_layer': isIn(UPPER),
  'fd.is_lower_layer': isIn(LOWER),
  'fs.path.name': pathName,
  'fs.path.nameraw': rawPathName,
  'fs.path.source': pairPath('source', false),
  'fs.path.sourceraw': pairPath('source', true),
  'fs.path.target': pairPath('target', false),
  'fs.path.targetraw': pairPath('target', true),
});
