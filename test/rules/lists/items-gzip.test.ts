/** Lists that are compressed with gzip. */

import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { unpacked, unpackedAtOnce } from '../../../src/rules/lists/items-gzip.ts';
import { ScanError } from '../../../src/rules/lists/items-scan.ts';
import { load, verdict } from '../far-list.ts';

const packed = gzipSync('bad\nworse\n');

describe('a list in gzip', () => {
  test('has the items that it has unpacked, whatever the file is called', () => {
    const items = ['grüße😀', '10.0.0.1', '/etc/shadow'];
    fc.assert(
      fc.property(fc.subarray(items), (some) => {
        const plain = `# a comment\n${some.join('\n')}\n`;
        const found = [plain, gzipSync(plain)].map((content) => {
          const result = load('t.s in (far)', content);
          return [result.diagnostics, ...items.map((item) => verdict(result, { 't.s': item }))];
        });
        expect(found[1]).toEqual(found[0]);
        expect(found[1]?.slice(1)).toEqual(items.map((item) => some.includes(item)));
      }),
      { numRuns: 20 },
    );
  });

  test('may be a table, and several files behind each other', () => {
    const parts = Buffer.concat([gzipSync('name,ip\n'), gzipSync('one,10.0.0.1\ntwo,10.'), gzipSync('0.0.2\n')]);
    const result = load('t.ip in (far)', parts, { from: ', format: csv, column: ip' });
    expect(result.diagnostics).toEqual([]);
    expect(['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((ip) => verdict(result, { 't.ip': ip }))).toEqual([
      true,
      true,
      false,
    ]);
  });

  test('has the lines of what is in it', () => {
    const { diagnostics } = load('t.i in (far)', gzipSync('1\n\nx\n'));
    expect(diagnostics).toMatchObject([{ severity: 'warning', at: { file: 'far.txt', line: 3 } }]);
  });

  test.each<[string, Uint8Array, string]>([
    ['cut short', packed.subarray(0, packed.length - 9), 'unexpected end of file'],
    ['damaged', packed.with(packed.length - 5, 0x55 ^ (packed.at(-5) as number)), 'incorrect'],
    ['that is only the beginning of one', Uint8Array.of(0x1f, 0x8b), 'unexpected end of file'],
    ['with another behind zeros', Buffer.concat([packed, Buffer.alloc(10), packed]), 'more stands behind zeros'],
  ])('%s is an error of the file, though the list may be missing', (_, content, why) => {
    for (const from of ['', ', optional: true']) {
      expect(load('t.s in (far)', content, { from }).diagnostics[0]).toMatchObject({
        severity: 'error',
        code: 'LOAD_ERR_EXTENSION',
        message: expect.stringContaining(`it is gzip that cannot be unpacked: ${why}`),
        at: { file: 'far.txt', line: 1 },
      });
    }
  });

  test('has all that it is made of, or is an error, at once and beside this thread', async () => {
    const parts = { item: gzipSync('bad\n'), zeros: Buffer.alloc(3), other: Buffer.from('x') };
    const names = Object.keys(parts) as (keyof typeof parts)[];
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...names), { maxLength: 5 }), async (some) => {
        const content = Buffer.concat([packed, ...some.map((name) => parts[name])]);
        const shape = some.join(' ');
        const text = /^(item ?)*(zeros ?)*$/.test(shape)
          ? `bad\nworse\n${'bad\n'.repeat(some.filter((name) => name === 'item').length)}`
          : undefined;
        const atOnce = () => String(unpackedAtOnce(content));
        const aside = unpacked(content).then(String);
        if (text === undefined) {
          expect(atOnce).toThrow(ScanError);
          await expect(aside).rejects.toThrow(ScanError);
        } else {
          expect(atOnce()).toBe(text);
          expect(await aside).toBe(text);
        }
      }),
      { numRuns: 200 },
    );
  });

  test('is unpacked while others have their turn', async () => {
    const text = Buffer.alloc(8 * 1024 * 1024, '/some/path\n');
    const content = gzipSync(text);
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    const found = await unpacked(content);
    clearInterval(timer);
    expect(text.equals(found)).toBe(true);
    expect(turns).toBeGreaterThan(3);
  });

  test('that would have too many lines is refused: their number takes memory, not their length', () => {
    const lines = 'a\n'.repeat(4_000_000);
    expect(load('t.s in (far)', gzipSync(lines)).diagnostics).toEqual([]);
    for (const more of ['a', '\n']) {
      expect(load('t.s in (far)', gzipSync(lines + more)).diagnostics).toMatchObject([
        { severity: 'error', message: 'it has more than 4 million lines', at: { file: 'far.txt', line: 4_000_001 } },
      ]);
    }
  });

  test('that would be too large is refused before it is', async () => {
    const part = gzipSync(Buffer.alloc(16 * 1024 * 1024 + 1, 'a\n'));
    const bomb = Buffer.concat(Array.from({ length: 8 }, () => part));
    const message = 'it is gzip that cannot be unpacked: it would be more than 128 MiB';
    expect(() => unpackedAtOnce(bomb)).toThrow(message);
    await expect(unpacked(bomb)).rejects.toThrow(message);
  });
});
