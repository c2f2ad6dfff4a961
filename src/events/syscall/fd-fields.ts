/** Fields of the descriptor that an event is about: files and sockets (spec/falco-engine.md §4, §6.4-§6.6). */

import type { Field } from '../field.ts';
import { bare, conditionOnly, defineFields, type FieldTraits } from '../field-table.ts';

/** The client's or the server's. */
const eitherEnd: FieldTraits = { ...conditionOnly, candidates: 'either' };
/** An address may have several names. */
const hosts: FieldTraits = { ...bare, candidates: 'either', hosts: true };

export const fdFields: readonly Field[] = defineFields('fd', [
  ['fd.num', 'INT64', 'The number of the descriptor; -1 when the call should have made one and failed.'],
  ['fd.type', 'CHARBUF', 'What it is: `file`, `directory`, `ipv4`, `ipv6`, `unix`, `pipe`, `event`, `memfd`, …'],
  ['fd.typechar', 'CHARBUF', 'The same in one letter: f file, d directory, 4 and 6 sockets, u unix socket, p pipe, …'],
  [
    'fd.name',
    'CHARBUF',
    'The absolute path as the call names it, symbolic links kept; for a socket both its ends, and of a connected unix socket its path behind them: `fd.name endswith /docker.sock`.',
  ],
  [
    'fd.realpath',
    'FSPATH',
    'The file behind the descriptor, or that a unix socket leads to, from the kernel: symbolic links resolved, no race. Absent when unknown. Not in Falco.',
  ],
  ['fd.directory', 'CHARBUF', 'The directory part of fd.name.'],
  ['fd.filename', 'CHARBUF', 'The last part of fd.name.'],
  ['fd.ip', 'IPADDR', 'The address of either end.', eitherEnd],
  ['fd.cip', 'IPADDR', 'The address of the client.'],
  ['fd.sip', 'IPADDR', 'The address of the server.'],
  ['fd.lip', 'IPADDR', 'The address of this machine.'],
  ['fd.rip', 'IPADDR', 'The address of the other machine.'],
  ['fd.port', 'PORT', 'The port of either end.', eitherEnd],
  ['fd.cport', 'PORT', 'The port of the client.'],
  ['fd.sport', 'PORT', 'The port of the server.'],
  ['fd.lport', 'PORT', 'The port on this machine.'],
  ['fd.rport', 'PORT', 'The port on the other machine.'],
  ['fd.l4proto', 'CHARBUF', 'The transport of a socket: `tcp`, `udp`, `icmp`, `raw`.'],
  ['fd.sockfamily', 'CHARBUF', '`ip` or `unix`.'],
  ['fd.is_server', 'BOOL', 'Whether the process is the server of the connection.'],
  ['fd.uid', 'CHARBUF', 'Thread id and descriptor in one text, to tell descriptors of all processes apart.'],
  ['fd.containername', 'CHARBUF', 'Container id and fd.name in one text.'],
  ['fd.containerdirectory', 'CHARBUF', 'Container id and fd.directory in one text.'],
  ['fd.proto', 'PORT', 'The service that the port of either end is known for: `fd.proto = https`.', eitherEnd],
  ['fd.cproto', 'CHARBUF', 'The service that the port of the client is known for.'],
  ['fd.sproto', 'CHARBUF', 'The service that the port of the server is known for.'],
  ['fd.lproto', 'CHARBUF', 'The service that the port on this machine is known for.'],
  ['fd.rproto', 'CHARBUF', 'The service that the port on the other machine is known for.'],
  ['fd.net', 'IPNET', 'Tests whether the address of either end lies in a network.', eitherEnd],
  ['fd.cnet', 'IPNET', 'Tests whether the address of the client lies in a network.', conditionOnly],
  ['fd.snet', 'IPNET', 'Tests whether the address of the server lies in a network.', conditionOnly],
  ['fd.lnet', 'IPNET', 'Tests whether the address of this machine lies in a network.', conditionOnly],
  ['fd.rnet', 'IPNET', 'Tests whether the address of the other machine lies in a network.', conditionOnly],
  ['fd.connected', 'BOOL', 'Whether the socket has a peer.'],
  ['fd.name_changed', 'BOOL', 'Whether this event gave the descriptor another name: a datagram to a new peer.'],
  ['fd.cip.name', 'CHARBUF', 'The name of the client, of those that conditions compare with; else empty.', hosts],
  ['fd.sip.name', 'CHARBUF', 'The name of the server, of those that conditions compare with; else empty.', hosts],
  ['fd.lip.name', 'CHARBUF', 'The name of this machine, of those that conditions compare with; else empty.', hosts],
  [
    'fd.rip.name',
    'CHARBUF',
    'The name of the other machine, of those that conditions compare with; else empty.',
    hosts,
  ],
  ['fd.dev', 'INT32', 'The device that holds the file; prints in hex.', { print: 'hex' }],
  ['fd.dev.major', 'INT32', 'Major number of that device.'],
  ['fd.dev.minor', 'INT32', 'Minor number of that device.'],
  ['fd.ino', 'INT64', 'Inode number of the file.'],
  ['fd.nameraw', 'CHARBUF', 'The path exactly as the program passed it.'],
  [
    'fd.types',
    'CHARBUF',
    'What each open descriptor of the thread is; `[3]` the one of descriptor 3.',
    { list: true, noRhs: true, arg: 'optional', argKind: 'index' },
  ],
  ['fd.is_upper_layer', 'BOOL', 'Whether the file was added to a container after it started (upper overlay layer).'],
  ['fd.is_lower_layer', 'BOOL', 'Whether the file comes with the image of a container (lower overlay layer).'],
]);
