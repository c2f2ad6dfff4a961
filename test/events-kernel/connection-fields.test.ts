/** Fields of connections. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ipv6 } from '../../src/events/kernel/addresses.ts';
import { read } from './field-support.ts';

describe('connections', () => {
  const v6 = (...groups: number[]) => groups.flatMap((one) => [one >> 8, one & 255]);
  const tcp = {
    kind: 'socket',
    nr: 42,
    fd: 5,
    ret: 0,
    family: 2,
    sock_type: 1,
    protocol: 6,
    local_addr: [10, 0, 0, 5],
    local_port: 40000,
    remote_addr: [1, 2, 3, 4],
    remote_port: 443,
    addr_family: 2,
    addr: [1, 2, 3, 4],
    addr_port: 443,
  } as const;
  const texts = ['fd.num', 'fd.type', 'fd.name', 'fd.ip', 'fd.port', 'fd.l4proto', 'fd.connected', 'evt.res'];

  it('have two ends', () => {
    expect(read(tcp, texts)).toEqual([
      5,
      'ipv4',
      '10.0.0.5:40000->1.2.3.4:443',
      ['10.0.0.5', '1.2.3.4'],
      [40000, 443],
      'tcp',
      true,
      'SUCCESS',
    ]);
  });

  it('that failed have none, and none of them compares', () => {
    expect(read({ ...tcp, ret: -111, remote_port: 0 }, texts)).toEqual([
      5,
      'ipv4',
      '',
      ['0.0.0.0', '0.0.0.0'],
      [0, 0],
      '<NA>',
      false,
      'ECONNREFUSED',
    ]);
  });

  it('by udp, and dissolved ones', () => {
    expect(read({ ...tcp, sock_type: 2, protocol: 17 }, ['fd.l4proto', 'fd.connected'])).toEqual(['udp', true]);
    expect(read({ ...tcp, sock_type: 2, protocol: 17, addr_family: 0 }, ['fd.name', 'fd.connected'])).toEqual([
      '',
      false,
    ]);
  });

  it('by IPv6, and by IPv4 inside it', () => {
    const six = {
      ...tcp,
      family: 10,
      addr_family: 10,
      local_addr: v6(0, 0, 0, 0, 0, 0, 0, 1),
      remote_addr: v6(0x2001, 0xdb8, 0, 0, 1, 0, 0, 0xabcd),
    };
    expect(read(six, ['fd.name', 'fd.typechar'])).toEqual(['::1:40000->2001:db8::1:0:0:abcd:443', '6']);
    const mapped = {
      ...six,
      local_addr: v6(0, 0, 0, 0, 0, 0xffff, 0x0a00, 5),
      remote_addr: v6(0, 0, 0, 0, 0, 0xffff, 0x0102, 0x0304),
    };
    expect(read(mapped, ['fd.name', 'fd.typechar', 'fd.sip'])).toEqual(['10.0.0.5:40000->1.2.3.4:443', '4', '1.2.3.4']);
  });

  it('by unix sockets, also abstract ones', () => {
    const unix = { ...tcp, family: 1, addr_family: 1, protocol: 0, sock: 0xabn, peer: 0xcdn, unix_path: '\0name' };
    expect(read(unix, ['fd.name', 'fd.typechar', 'fd.sip', 'fd.sockfamily', 'evt.arg.addr'])).toEqual([
      'ab->cd @name',
      'u',
      undefined,
      'unix',
      '@name',
    ]);
  });

  it('with what is no socket', () => {
    expect(
      read({ ...tcp, family: 0, ret: -88, fd: -1 }, ['fd.num', 'fd.type', 'fd.typechar', 'fd.name', 'evt.res']),
    ).toEqual([-1, undefined, 'o', '1.2.3.4:443', 'ENOTSOCK']);
  });

  it('print IPv6 as the standard library reads it', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(0, 0, 1, 0xabcd), { minLength: 8, maxLength: 8 }), (groups) => {
        const text = ipv6(Uint8Array.from(v6(...groups)));
        expect(new URL(`http://[${text}]/`).hostname.slice(1, -1).replace(/^::ffff:.*/, text)).toBe(text);
      }),
    );
  });
});
