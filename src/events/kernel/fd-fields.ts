/** Readers of `fd.*` and `fs.path.*`: the descriptor that an open or a connect is about (spec/falco-engine.md §6.3-6.6). */

import type { Value } from '../field.ts';
import type { KernelEvent } from './event.ts';
import { CHDIR, CHDIR_TEXTS, CONNECT, HEADER, KIND, OPEN } from './layout.ts';
import { major, minor, openName, opensADirectory, rawPath, realPath, succeeded } from './open-fields.ts';
import { split } from './path-cache.ts';
import { type KernelReader, on, plain, type ReaderMaker } from './readers.ts';
import { type End, isLocalPeer, type Socket, socketOf } from './socket.ts';

type Make = (event: KernelEvent) => Value | undefined;

const ofOpen = (read: Make): KernelReader => on([KIND.open], read);
const ofOpened = (read: Make): KernelReader => ofOpen((event) => (succeeded(event) ? read(event) : undefined));
const ofSocket = (read: (socket: Socket, event: KernelEvent) => Value | undefined): KernelReader =>
  on([KIND.connect], (event) => read(socketOf(event), event));

/** One reader for events on files, one for events on sockets. */
function either(file: Make, socket: (socket: Socket, event: KernelEvent) => Value | undefined): KernelReader {
  return (event) => {
    if (event.kind === KIND.open) return file(event);
    return event.kind === KIND.connect ? socket(socketOf(event), event) : undefined;
  };
}

/** What Falco calls a transport that is not known. */
const UNKNOWN_TRANSPORT = '<NA>';

const number = either(
  (event) => (succeeded(event) ? event.i64(OPEN.ret) : -1),
  (_, event) => event.i32(CONNECT.fd),
);

const name = either(openName, (socket) => socket.name);

const directory = ofOpen((event) => {
  const path = openName(event);
  if (path === undefined) return undefined;
  return succeeded(event) && opensADirectory(event) ? path : split(path).directory;
});

/** Absent for directories and for what could not be opened. */
const filename = ofOpened((event) => {
  const path = openName(event);
  return path === undefined || opensADirectory(event) ? undefined : split(path).filename;
});

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

// The one who connects is the client.
const client = (socket: Socket) => socket.local;
const server = (socket: Socket) => socket.remote;

const ip = (end: (socket: Socket) => End | undefined) => ofSocket((socket) => end(socket)?.ip);
const port = (end: (socket: Socket) => End | undefined) => ofSocket((socket) => end(socket)?.port);
const service = (end: (socket: Socket) => End | undefined) =>
  ofSocket((socket) => (socket.family === 'ip' ? String(end(socket)?.port ?? '') : ''));

/** Both ends; 0 while an internet socket has none, nothing for other sockets (spec/falco-engine.md §2.6). */
const bothIps = ofSocket(({ family, local, remote, letter }) => {
  const none = letter === '6' ? '::' : '0.0.0.0';
  return family === 'ip' ? [local?.ip ?? none, remote?.ip ?? none] : undefined;
});
const bothPorts = ofSocket(({ family, local, remote }) =>
  family === 'ip' ? [local?.port ?? 0, remote?.port ?? 0] : undefined,
);

const deviceOf = either(
  (event) => (succeeded(event) ? event.u32(OPEN.dev) : undefined),
  () => 0,
);

function ofDevice(part: (dev: number) => number): KernelReader {
  return (event) => {
    const dev = deviceOf(event);
    return typeof dev === 'number' ? part(dev) : undefined;
  };
}

const pathName = (event: KernelEvent): string | undefined => {
  if (event.kind === KIND.open) return succeeded(event) ? openName(event) : undefined;
  const isChdir = event.kind === KIND.chdir && event.u32(CHDIR.nr) === 80;
  return isChdir ? event.text(CHDIR_TEXTS, CHDIR_TEXTS.cwd) : undefined;
};

const rawName = (event: KernelEvent) => (event.has('unread') ? undefined : rawPath(event));

export const fdReaders: Readonly<Record<string, ReaderMaker>> = plain({
  'fd.num': number,
  'fd.type': either(
    (event) => (succeeded(event) ? (opensADirectory(event) ? 'directory' : 'file') : undefined),
    (socket) => socket.type,
  ),
  'fd.typechar': either(
    (event) => (succeeded(event) && opensADirectory(event) ? 'd' : 'f'),
    (socket) => socket.letter,
  ),
  'fd.name': name,
  'fd.realpath': ofOpened(realPath),
  'fd.directory': directory,
  'fd.filename': filename,
  'fd.nameraw': either(rawName, () => ''),
  'fd.ip': bothIps,
  'fd.net': bothIps,
  'fd.port': bothPorts,
  'fd.proto': bothPorts,
  'fd.cip': ip(client),
  'fd.cnet': ip(client),
  'fd.lip': ip(client),
  'fd.lnet': ip(client),
  'fd.sip': ip(server),
  'fd.snet': ip(server),
  'fd.rip': ip(server),
  'fd.rnet': ip(server),
  'fd.cport': port(client),
  'fd.lport': port(client),
  'fd.sport': port(server),
  'fd.rport': port(server),
  'fd.cproto': service(client),
  'fd.lproto': service(client),
  'fd.sproto': service(server),
  'fd.rproto': service(server),
  'fd.l4proto': either(
    () => UNKNOWN_TRANSPORT,
    (socket) => socket.transport ?? UNKNOWN_TRANSPORT,
  ),
  'fd.sockfamily': ofSocket((socket) => socket.family),
  'fd.is_server': either(() => false, isLocalPeer),
  'fd.connected': either(
    () => false,
    (socket) => socket.connected,
  ),
  'fd.name_changed': either(
    (event) => succeeded(event) && openName(event) !== '',
    (socket) => socket.name !== '',
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
    (_, event) => event.u64(CONNECT.ino),
  ),
  'fs.path.name': pathName,
  'fs.path.nameraw': ofOpened(rawName),
});
