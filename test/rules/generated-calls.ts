/** Conditions on calls on sockets, and such calls for them, made at random. */

import fc from 'fast-check';
import { parseAddress } from '../../src/rules/values/ip.ts';
import { shell } from '../events-kernel/shell.ts';
import type { Fields } from '../events-kernel/slab-writer.ts';
import type { Called } from '../native/filter-model.ts';
import { combined } from './generated-opens.ts';

const checks = [
  'evt.type = connect',
  'evt.type in (connect, sendto, accept4)',
  'evt.type != connect',
  'fd.typechar = u',
  'fd.typechar in (4, 6)',
  'fd.typechar = o',
  'fd.typechar in (u, 4)',
  'fd.typechar in (f, e, d)',
  'fd.type in (event, userfaultfd, memfd)',
  'fd.type in (directory, pipe)',
  'fd.type = unix',
  'fd.type in (ipv4, ipv6)',
  'fd.type in (ipv4, unix)',
  'fd.type in (file, netlink)',
  'fd.type != unix',
  'fd.sockfamily = ip',
  'fd.sockfamily = unix',
  'fd.sockfamily in (u, ipv4, 4)',
  'fd.l4proto in (u, 4)',
  'fd.l4proto = tcp',
  'fd.l4proto in (udp, icmp)',
  'fd.l4proto = raw',
  'fd.l4proto != tcp',
  'fd.l4proto != udp',
  'fd.l4proto != anyof (tcp, udp)',
  'fd.l4proto in (tcp, <NA>)',
  'fd.sip = 127.0.0.1',
  'fd.sip != 127.0.0.1',
  'fd.sip in (169.254.169.254, "::1", "fd00:ec2::254")',
  'fd.sip = "::ffff:a00:5"',
  'fd.sip exists',
  'fd.sip = val(fd.cip)',
  'fd.cip = 10.0.0.5',
  'fd.cip != 10.0.0.5',
  'fd.rip = 10.0.0.5',
  'fd.lip in (10.0.0.5, 0.0.0.0)',
  'fd.lip != 0.0.0.0',
  'fd.ip = 0.0.0.0',
  'fd.ip != "0.0.0.0"',
  'fd.ip in (10.0.0.5, "::")',
  'fd.ip exists',
  'fd.net = 127.0.0.0/8',
  'fd.net != 127.0.0.0/8',
  'fd.net = 0.0.0.0/0',
  'fd.net in (0.0.0.0/3, 192.168.0.0/16)',
  'fd.snet in (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16)',
  'fd.snet in (10.0.0.0/9, 10.0.0.0/8, 10.0.0.4/31)',
  'fd.snet != 10.0.0.0/8',
  'fd.snet != "::/1"',
  'fd.snet in ("::/1", "fd00::/8")',
  'fd.rnet in ("::ffff:0:0/96")',
  'fd.cnet = 10.0.0.0/8',
  'fd.lnet != 127.0.0.0/8',
  'fd.sport = 443',
  'fd.sport in (22, 80)',
  'fd.sport != 443',
  'fd.sport >= 30000',
  'fd.sport <= 32767',
  'fd.sport < 1024',
  'fd.cport > 1024',
  'fd.lport = 0',
  'fd.rport in (53, 443)',
  'fd.port = 53',
  'fd.port != 53',
  'fd.port = 0',
  'fd.port < 100',
  'fd.proto = https',
  'fd.sport = anyof (22, 443)',
  'fd.sport != anyof (22, 443)',
  'fd.name startswith /run',
  'fd.name endswith /docker.sock',
  'fd.name endswith anyof (/docker.sock, /crio.sock)',
  'fd.name endswith docker.sock',
  'fd.name = /run/docker.sock',
  'fd.name in (/run/docker.sock, "127.0.0.1:443")',
  'fd.name in (/run/docker.sock, "@/run/docker.sock")',
  'fd.name contains docker',
  'fd.name contains /.',
  'fd.name contains "->"',
  'fd.name startswith 127.',
  'fd.name startswith ab',
  'fd.name startswith "@"',
  'fd.name contains "abc->def /run"',
  'fd.name pmatch (/run)',
  'fd.name glob "*docker*"',
  'fd.name exists',
  'fd.realpath endswith /docker.sock',
  'fd.realpath startswith /run',
  'fd.realpath in (/run/docker.sock, /tmp/x)',
  'fd.realpath contains /.',
  'fd.realpath exists',
  'fd.name = ""',
  'tolower(fd.name) endswith /docker.sock',
  'evt.arg.domain contains AF_PACKET',
  'evt.arg.domain = AF_INET',
  'evt.arg.domain startswith AF_INET',
  'evt.arg.domain contains AF_UNIX',
  'evt.arg.domain != AF_INET',
  'evt.rawres >= 0',
  'evt.res = EINPROGRESS',
  'evt.failed = true',
  'fd.connected = true',
  'fd.is_server = true',
  'proc.name = bash',
  'proc.name in (sh, curl)',
];

export const callCondition: fc.Arbitrary<string> = combined(checks);

const FOUR = [
  '127.0.0.1',
  '10.0.0.5',
  '10.200.0.1',
  '172.16.3.4',
  '192.168.7.7',
  '169.254.169.254',
  '8.8.8.8',
  '0.0.0.0',
];
const SIX = ['::1', '::', 'fd00:ec2::254', '2001:db8::5', ...FOUR.map((address) => `::ffff:${address}`)];
const port = fc.constantFrom(0, 22, 53, 80, 443, 443, 1023, 30_000, 32_767, 32_768, 40_000, 65_535);
const UNIX_PATHS = [
  '',
  '/run/docker.sock',
  '/var/run/docker.sock',
  '/run/x/../docker.sock',
  'docker.sock',
  '/run/.s/x',
];

/** The types of calls, by their numbers, and that of a call that is none on sockets alone. */
export const CALL_TYPES: Readonly<Record<string, number>> = {
  socket: 41,
  connect: 42,
  sendto: 44,
  recvfrom: 45,
  bind: 49,
  listen: 50,
  accept4: 288,
  write: 1,
  dup: 32,
  userfaultfd: 323,
};

/** Those that are about any descriptor: their record is of a socket only where that is one. */
const OF_ANY: ReadonlySet<string> = new Set(['write', 'dup', 'userfaultfd']);

const ANON_INODE_FS = 0x09041934;
const DIRECTORY = 0o200_000;
const ANONYMOUS = `[userfaultfd] [eventfd] [eventpoll] [signalfd] [timerfd] [io_uring] [pidfd] inotify bpf-map bpf-prog bpf_link`;
/** What descriptors lead to that is no socket. */
export const DESCRIPTORS = [
  { magic: 0, file_flags: 0, real: '' },
  { magic: 0x50495045, file_flags: 0, real: '' },
  { magic: 0xef53, file_flags: DIRECTORY, real: '/run' },
  { magic: 0xef53, file_flags: 0, real: '/run/docker.sock' },
  { magic: 0x01021994, file_flags: 0, real: 'memfd:x' },
  ...ANONYMOUS.split(' ').map((real) => ({ magic: ANON_INODE_FS, file_flags: 0, real })),
];

const facts = fc.record({
  type: fc.constantFrom('connect', 'connect', 'connect', ...Object.keys(CALL_TYPES)),
  ret: fc.constantFrom(0, 0, 0, 5, -115, -111, -9),
  family: fc.constantFrom(1, 1, 2, 2, 2, 10, 10, 16, 17, 0),
  transport: fc.constantFrom([1, 6], [1, 6], [2, 17], [3, 1], [3, 255], [1, 132], [3, 6], [2, 115]),
  four: fc.tuple(fc.constantFrom(...FOUR), fc.constantFrom(...FOUR)),
  six: fc.tuple(fc.constantFrom(...SIX), fc.constantFrom(...SIX)),
  ports: fc.tuple(port, port),
  addressFamily: fc.constantFrom(0, 1, 2, 10),
  isGiven: fc.boolean(),
  path: fc.constantFrom(...UNIX_PATHS, ...UNIX_PATHS.map((path) => `\0${path}`)),
  real: fc.constantFrom('', '/run/docker.sock', '/run/x', '/tmp/.x/sock'),
  comm: fc.constantFrom('bash', 'sh', 'curl', 'sshd'),
  descriptor: fc.constantFrom(...DESCRIPTORS),
});

/** What the record of a call says beside what the kernel programs look at. */
type Described = Called & {
  readonly peer: boolean;
  readonly role: number;
  readonly descriptor: (typeof DESCRIPTORS)[number];
};

/** A call on a socket, or on another descriptor. Of a failed call the socket may say more than the event does. */
export const called: fc.Arbitrary<Described> = fc
  .tuple(facts, fc.boolean(), fc.integer({ min: 0, max: 2 }))
  .map(([{ transport, four, six, ports, isGiven, ...call }, peer, role]) => {
    const [local, remote] = call.family === 10 ? six : four;
    const [socketType, protocol] = transport as [number, number];
    // There is none that could not be made.
    const isNone = call.type === 'userfaultfd' || (call.type === 'socket' && call.ret < 0);
    const family = isNone ? 0 : call.family;
    const given = OF_ANY.has(call.type) ? 0 : call.addressFamily;
    return {
      ...call,
      family,
      socketType,
      protocol,
      addressFamily: isGiven && family !== 0 ? family : given,
      local: { ip: local, port: ports[0] },
      remote: { ip: remote, port: ports[1] },
      peer,
      role,
    };
  });

function bytesOf(ip: string): number[] {
  const address = parseAddress(ip);
  if (address === undefined) throw new Error(ip);
  if (typeof address === 'number') return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255);
  return address.flatMap((group) => [group >> 8, group & 255]);
}

const isInternet = (family: number) => family === 2 || family === 10;

/** The record of a call on what is no socket. */
export function callOn(descriptor: (typeof DESCRIPTORS)[number], type = 'dup', ret = 3): Fields {
  const fd = descriptor.magic === 0 ? -1 : 3;
  return { ...shell, kind: 'call', nr: CALL_TYPES[type] ?? 0, ret, fd, ...descriptor };
}

/** The record of a call, as native/bpf/socket.h makes it where that is about a socket. */
export function recordOfCall(call: Described): Fields {
  const { type, ret, family, local, remote, addressFamily, peer } = call;
  const connects = type === 'connect' && (ret >= 0 || ret === -115) && addressFamily !== 0;
  const isPath = family === 1 || addressFamily === 1;
  if (family === 0 && OF_ANY.has(type)) return { ...callOn(call.descriptor, type, ret), comm: call.comm };
  return {
    ...shell,
    comm: call.comm,
    kind: 'socket',
    nr: CALL_TYPES[type] ?? 0,
    ret,
    fd: 3,
    args: [type === 'socket' ? (ret < 0 ? call.addressFamily : family) : 3, 0, 16, 0, 0, 0],
    family,
    sock_type: call.socketType,
    protocol: call.protocol,
    addr_family: addressFamily,
    sock: 0xabc,
    peer: peer ? 0xdef : 0,
    role: connects ? 1 : type === 'accept4' && ret >= 0 ? 2 : call.role,
    unix_path: isPath ? call.path : '',
    real: family === 1 ? call.real : '',
    ...(isInternet(family)
      ? {
          local_addr: bytesOf(local.ip),
          local_port: local.port,
          remote_addr: bytesOf(remote.ip),
          remote_port: remote.port,
        }
      : {}),
  };
}

/** The call as the kernel programs see it: without a socket nothing but the caller's address is known. */
export const seen = (call: Called): Called => ({
  ...call,
  path: call.family === 1 || call.addressFamily === 1 ? call.path : '',
  real: call.family === 1 ? call.real : '',
});
