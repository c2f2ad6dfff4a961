import fc from 'fast-check';
import { expect, it } from 'vitest';
import { noProxy } from '../../../src/core/net/no-proxy.ts';

const isDirect = (entries: string, url: string) => noProxy(entries)(new URL(url));

it.each([
  ['svc', 'https://svc', true],
  ['svc', 'https://a.svc', true],
  ['svc', 'https://asvc', false],
  ['.svc', 'https://a.b.svc', true],
  ['.svc', 'https://svc', true],
  ['*.svc', 'https://a.svc', true],
  ['*.svc', 'https://svc', false],
  ['A.Svc.', 'https://a.sVC./x', true],
  ['a-b.svc', 'https://a-b.svc', true],
  ['none.example,*', 'https://a', true],
  ['none.example, \t svc', 'http://svc', true],
  ['', 'https://svc', false],
  [',', 'https://svc', false],
  ['10.1.2.3', 'http://10.1.2.3', true],
  ['2.3', 'http://10.1.2.3', false],
  ['*.3', 'http://10.1.2.3', false],
  ['10.0.0.0/8', 'http://10.1.2.3:8080', true],
  ['10.9.9.9/8', 'http://10.1.2.3', true],
  ['10.0.0.0/8', 'http://11.1.2.3', false],
  ['10.0.0.0/8', 'http://10.a.svc', false],
  ['0.0.0.0/0', 'http://10.1.2.3', true],
  ['0.0.0.0/0', 'http://a', false],
  ['10.0.0.0/8', 'http://[::ffff:10.1.2.3]', true],
  ['127.0.0.1-127.0.0.9', 'http://127.0.0.9', true],
  ['127.0.0.1-127.0.0.9', 'http://127.0.0.10', false],
  ['fd00::1', 'http://[fd00:0::1]', true],
  ['[fd00::1]', 'http://[fd00::1]:80', true],
  ['fd00::/8', 'http://[fd12::1]', true],
  ['[fd00::]/8', 'http://[fe12::1]', false],
  ['[fd00::1]:443', 'https://[fd00::1]', true],
  ['[fd00::1]:443', 'https://[fd00::1]:8443', false],
  ['svc:443', 'wss://svc', true],
  ['svc:80', 'https://svc', false],
  ['svc:8080', 'http://a.svc:8080', true],
] as const)('%j has %s: %s', (entries, url, expected) => {
  expect(isDirect(entries, url)).toBe(expected);
});

it('an address is in a network when they begin with the same bits', () => {
  const number = fc.integer({ min: 0, max: 0xffff_ffff });
  const text = (address: number) => [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');
  let inside = 0;
  fc.assert(
    fc.property(number, number, fc.integer({ min: 0, max: 32 }), fc.boolean(), (network, other, bits, isNear) => {
      const address = (isNear ? network ^ (other & 0xff) : other) >>> 0;
      const expected = bits === 0 || network >>> (32 - bits) === address >>> (32 - bits);
      if (expected) inside++;
      expect(isDirect(`${text(network)}/${bits}`, `http://${text(address)}`)).toBe(expected);
    }),
  );
  expect(inside).toBeGreaterThan(15);
});

it.each(['10.0.0.0/33', '10/8', 'fd00::/129', '10.0.0.0/', '10.0.0.9-10.0.0.1', '10.0.0.1-9', 'http://a.svc', 'a/8'])(
  'refuses %s',
  (entry) => {
    const message = `NO_PROXY has "${entry}", which is no network: write 10.0.0.0/8, fd00::/8 or 10.0.0.1-10.0.0.9`;
    expect(() => noProxy(`svc,${entry}`)).toThrow(expect.objectContaining({ message, exit: 78 }));
  },
);
