/** How items of lists are found in a text and kept: the same whether few or many, ASCII or not. */

import { isIPv6 } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Cover } from '../../../src/rules/lists/cover.ts';
import { constantOf, type Kept, makeKeeper, type Use } from '../../../src/rules/lists/items-kept.ts';
import { countLines, ItemScanner, unitsOf } from '../../../src/rules/lists/items-scan.ts';
import { NetworkSet } from '../../../src/rules/lists/network-set.ts';
import { PackedSet } from '../../../src/rules/lists/packed-set.ts';
import {
  type Address,
  addressText,
  networkTest,
  parseAddress,
  parseIpv4,
  parseIpv6,
} from '../../../src/rules/values/ip.ts';
import { inUse } from '../../garbage.ts';

const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*', 'é', '\u00c3', '\ud83d\ude00'), maxLength: 8 });

/** What steps return that are all taken. */
function taken<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

function scanned(content: string, from: ConstructorParameters<typeof ItemScanner>[1] = { format: 'lines' }) {
  const found: { text: string; line: number }[] = [];
  for (const scanner = new ItemScanner(Buffer.from(content), from); scanner.next(); ) {
    expect(String.fromCharCode(...scanner.units.subarray(scanner.start, scanner.end))).toBe(scanner.text);
    found.push({ text: scanner.text, line: scanner.line });
  }
  return found;
}

const piece = fc.constantFrom(
  'a',
  'b/c',
  ' ',
  '\t',
  '#',
  '\r',
  '\n',
  '\n',
  '\u00e9',
  '\ufeff',
  '\u00a0',
  '\0',
  'x,y',
  ',',
);

test('the items of a text are its lines without the blanks around them', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const content = pieces.join('');
      const lines = content.split('\n').map((line, at) => ({ text: line.trim(), line: at + 1 }));
      expect(scanned(content)).toEqual(lines.filter((line) => line.text !== '' && !line.text.startsWith('#')));
      expect(taken(countLines(Buffer.from(content)))).toBe(lines.length);
    }),
  );
});

test('the items of a table are the cells of a column', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), fc.integer({ min: 1, max: 3 }), (pieces, column) => {
      const content = pieces.join('');
      const rows = content.replace(/^\ufeff/, '').split('\n');
      const cells = rows.map((row, at) => ({
        text: row.startsWith('#') ? '' : (row.split(',')[column - 1]?.trim() ?? ''),
        line: at + 1,
      }));
      expect(scanned(content, { format: 'csv', column })).toEqual(cells.filter((cell) => cell.text !== ''));
    }),
  );
});

test('a packed set holds what a set does, however many are added', () => {
  fc.assert(
    fc.property(fc.array(text, { maxLength: 80 }), fc.array(text), fc.nat(100), (added, asked, items) => {
      const set = new PackedSet({ items, bytes: items });
      for (const each of added) {
        const units = /^[\0-\x7f]*$/.test(each) ? Buffer.from(each) : unitsOf(each);
        set.add(units, 0, units.length);
      }
      taken(set.finish());
      const all = new Set(added);
      expect(set.size).toBe(all.size);
      for (const each of [...added, ...asked]) expect(set.has(`x${each}y`, 1, each.length + 1)).toBe(all.has(each));
    }),
  );
});

test('a large packed set gets its memory ready a little at a time', () => {
  const items = 500_000;
  const set = new PackedSet({ items, bytes: 100 });
  let steps = 0;
  for (const _ of set.prepare()) steps++;
  // Eight bytes an item and room besides, one megabyte a step.
  expect(steps).toBeGreaterThanOrEqual((items * 8) / 1024 ** 2);
  set.add(Buffer.from('a'), 0, 1);
  expect(set.has('a', 0, 1)).toBe(true);
});

const branching = fc.oneof(
  text,
  fc.string({ unit: fc.constantFrom(...'abcdefghijklmnop'), maxLength: 40 }),
  fc
    .tuple(fc.constantFrom('/usr/lib/', '/etc/', '/srv/data/'), fc.nat(1_000_000))
    .map(([folder, n]) => `${folder}${n}`),
);

test('a cover has a beginning of every text, and not many', () => {
  fc.assert(
    fc.property(fc.array(branching, { maxLength: 300 }), (texts) => {
      const cover = new Cover();
      for (const each of texts) {
        const units = unitsOf(each);
        cover.add(units, 0, units.length);
      }
      const prefixes = cover.prefixes();
      for (const each of texts) {
        if (prefixes !== undefined) expect(prefixes.some((prefix) => each.startsWith(prefix))).toBe(true);
      }
      expect(prefixes?.length ?? 0).toBeLessThanOrEqual(512);
    }),
  );
});

test('the cover of many texts in few folders is these folders', () => {
  const cover = new Cover();
  for (let n = 0; n < 20_000; n++) {
    const bytes = Buffer.from(`${['/usr/lib/', '/tmp/', '/opt/vendor/app/'][n % 3]}${(n * 7919) % 10_000}`);
    cover.add(bytes, 0, bytes.length);
  }
  expect(cover.prefixes()?.toSorted()).toEqual(['/opt/vendor/app/', '/tmp/', '/usr/lib/']);
});

test('the cover of texts in all folders of the root is some folder of each', () => {
  const tops = 'bin boot dev etc home lib media mnt opt proc root run sbin srv sys tmp usr var'.split(' ');
  const cover = new Cover();
  for (let n = 0; n < 20_000; n++) {
    const bytes = Buffer.from(`/${tops[n % tops.length]}/app/${(n * 7919) % 10_000}/${n}`);
    cover.add(bytes, 0, bytes.length);
  }
  expect(cover.prefixes()?.toSorted()).toEqual(tops.map((top) => `/${top}/app/`).toSorted());
});

test('the cover of texts of which one folder has many, in many folders, is as long as in few', () => {
  const tops = 'bin boot dev etc home lib media opt proc root sbin srv tmp var'.split(' ');
  const cover = new Cover();
  for (let n = 0; n < 60_000; n++) {
    const top = tops[n % 16];
    const text = top === undefined ? `/usr/lib/x86_64-linux-gnu/other${n}.so` : `/${top}/app/${n % 977}/other${n}`;
    cover.add(Buffer.from(text), 0, text.length);
  }
  const expected = [...tops.map((top) => `/${top}/app/`), '/usr/lib/x86_64-linux-gnu/other'];
  expect(cover.prefixes()?.toSorted()).toEqual(expected.toSorted());
});

test('the cover of texts whose folders have all kinds of names begins at least with the first of each', () => {
  const tops = 'bin etc home lib opt root sbin usr var tmp srv dev proc'.split(' ');
  const cover = new Cover();
  for (let n = 0; n < 20_000; n++) {
    const name = ((n * 2654435761) >>> 0).toString(36).padStart(7, 'a');
    const bytes = Buffer.from(`/${tops[n % tops.length]}/${name}/${name}/${name}`);
    cover.add(bytes, 0, bytes.length);
  }
  const prefixes = cover.prefixes() ?? [];
  expect(new Set(prefixes.map((prefix) => /^\/(\w+)\//.exec(prefix)?.[1]))).toEqual(new Set(tops));
});

function keptOf(use: Use, items: readonly string[]): Kept {
  const content = Buffer.from(items.join('\n'));
  const keeper = makeKeeper(use, { items: items.length, bytes: content.length });
  for (const scanner = new ItemScanner(content, { format: 'lines' }); scanner.next(); ) keeper.add(scanner);
  return taken(keeper.finish());
}

const uses: readonly Use[] = [{ kind: 'values', type: 'FSPATH' }, { kind: 'beginnings' }, { kind: 'paths' }];

test('what counts begins like some item', () => {
  const item = fc.array(fc.constantFrom('/', 'a', 'bc', 'é', '*', '//'), { minLength: 1, maxLength: 6 });
  const texts = fc.array(
    item.map((parts) => parts.join('')),
    { minLength: 1, maxLength: 100 },
  );
  let counted = 0;
  fc.assert(
    fc.property(fc.constantFrom(...uses), texts, texts, (use, items, values) => {
      const kept = keptOf(use, items);
      for (const value of [...values, ...items]) {
        if (kept.count(value) === 0 || kept.beginnings === undefined) continue;
        counted++;
        // Of `pmatch` the slashes in front say nothing; paths of events have one.
        const path = use.kind === 'paths' ? `/${value.replace(/^\/+/, '').replace(/\/+/g, '/')}` : value;
        expect(kept.beginnings.some((beginning) => path.startsWith(beginning))).toBe(true);
      }
    }),
    { numRuns: process.env.FALCO_PIPE_LONG ? 10_000 : 1000 },
  );
  expect(counted).toBeGreaterThan(400);
});

test('texts are found among those that differ from them in one unit', () => {
  const unit = fc.constantFrom('a', 'b', '/', 'é');
  const item = fc.array(unit, { minLength: 1, maxLength: 40 }).map((units) => units.join(''));
  fc.assert(
    fc.property(fc.array(item, { minLength: 1, maxLength: 100 }), (items) => {
      const kept = keptOf({ kind: 'values', type: 'FSPATH' }, items);
      const known = new Set(items);
      for (const text of items) {
        expect(kept.count(text)).toBe(1);
        for (let at = 0; at < text.length; at++) {
          const other = `${text.slice(0, at)}c${text.slice(at + 1)}`;
          expect(kept.count(other)).toBe(known.has(other) ? 1 : 0);
        }
        expect(kept.count(`${text}${text}`)).toBe(known.has(`${text}${text}`) ? 1 : 0);
      }
    }),
  );
});

test('a path is ruled out by its bytes when it is not in a list, and only then', () => {
  const name = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 20 });
  const part = fc.oneof(fc.constantFrom('usr', 'lib', 'a', 'b', 'é', '名', 'aįb'), name);
  const path = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => `/${parts.join('/')}`);
  let [inList, ruledOut] = [0, 0];
  fc.assert(
    fc.property(
      fc.constantFrom(...uses),
      fc.array(path, { minLength: 1, maxLength: 100 }),
      fc.array(path),
      (use, items, others) => {
        const kept = keptOf(use, items);
        const near = items.flatMap((item) => [item, `${item}/x`, `${item}x`, item.slice(0, -1)]);
        for (const value of [...others, ...near].filter((each) => /[^/]$/.test(each))) {
          const bytes = Buffer.from(`xyz${value}`);
          const mayHave = kept.paths?.mayHave(bytes, 3, bytes.length);
          const has = kept.count(value) > 0;
          // Of what is not ASCII less is known.
          if (has || /^[\0-\x7f]*$/.test(value)) expect(mayHave).toBe(has);
          if (has) inList++;
          else ruledOut++;
        }
      },
    ),
    { numRuns: process.env.FALCO_PIPE_LONG ? 5000 : 200 },
  );
  expect(inList).toBeGreaterThan(1000);
  expect(ruledOut).toBeGreaterThan(1000);
});

test('what was made for a list only to read it is let go', () => {
  const before = inUse().arrayBuffers;
  const all = uses.flatMap((use) => Array.from({ length: 20 }, () => keptOf(use, ['/etc/shadow', '/opt/x'])));
  expect((inUse().arrayBuffers - before) / all.length).toBeLessThan(4096);
  expect(all.every((kept) => kept.count('/etc/shadow') === 1)).toBe(true);
});

test('an address is read as it was by its parts', () => {
  const part = fc.oneof(
    fc.integer({ min: 0, max: 300 }).map(String),
    fc.constantFrom('', '00', '01', 'a', '1e1', ' 1'),
  );
  fc.assert(
    fc.property(fc.array(part, { minLength: 3, maxLength: 5 }), (parts) => {
      const isAddress = parts.length === 4 && parts.every((each) => /^(?:0|[1-9]\d{0,2})$/.test(each) && +each <= 255);
      const value = parts.reduce((sum, each) => sum * 256 + Number(each), 0);
      expect(parseIpv4(parts.join('.'))).toBe(isAddress ? value : undefined);
    }),
  );
});

test('an address is found in many networks of both families', () => {
  const family = fc.constantFrom(
    { make: (a: number, b: number) => `10.${a % 7}.${a >>> 8}.${b}`, most: 32 },
    {
      make: (a: number, b: number) => `2001:db8:${(a % 3).toString(16)}:${a.toString(16)}::${b.toString(16)}`,
      most: 128,
    },
  );
  fc.assert(
    fc.property(
      family,
      fc.infiniteStream(fc.nat(0xffff)),
      fc.array(fc.nat(0xffff), { minLength: 50 }),
      (of, numbers, asked) => {
        // Enough for the table by 16 bits.
        const items = Array.from({ length: 5000 }, () => {
          const n = numbers.next().value as number;
          return { address: of.make(n, n & 255), prefix: of.most - (n % 3) * 4 };
        });
        const kept = keptOf(
          { kind: 'networks' },
          items.map(({ address, prefix }) => `${address}/${prefix}`),
        );
        const tests = items.map(({ address, prefix }) =>
          networkTest({ address: parseAddress(address) as Address, prefix }),
        );
        for (const n of asked) {
          const address = of.make(n, (n + (n % 5)) & 255);
          expect(kept.count(address)).toBe(tests.some((test) => test(address)) ? 1 : 0);
        }
      },
    ),
    { numRuns: 10 },
  );
});

test('an address is found in networks of which there are hundreds of thousands, in few ranges of addresses or in all', () => {
  const count = 200_000;
  const from = 0x0a00_0000;
  const wide = [
    { address: 0xc800_0000, prefix: 6 },
    { address: 0x0900_0000, prefix: 19 },
  ];
  const edges = [
    0xc800_0000, 0xcbff_ffff, 0xcc00_0000, 0xc7ff_ffff, 0x0900_0000, 0x0900_1fff, 0x0900_2000, 0x08ff_ffff,
  ];
  for (const [step, others] of [
    [7, wide],
    [7, []],
    [Math.floor(2 ** 32 / count), wide],
  ] as const) {
    const set = new NetworkSet();
    for (let n = 0; n < count; n++) set.add({ address: (from + n * step) >>> 0, prefix: 32 });
    for (const each of others) set.add(each);
    taken(set.finish());
    const has = (asked: number) => {
      const offset = (asked - from + 2 ** 32) % 2 ** 32;
      const isIn = others.some(({ address, prefix }) => (asked ^ address) >>> (32 - prefix) === 0);
      return isIn || (offset % step === 0 && offset / step < count);
    };
    const any = Array.from({ length: 20_000 }, (_, n) => Math.imul(n, 0x9e37_79b1) >>> 0);
    const near = Array.from({ length: 20_000 }, (_, n) => (from + n * 10 * step + (n & 1)) >>> 0);
    expect([...edges, ...any, ...near].filter((address) => set.has(address) !== has(address))).toEqual([]);
  }
});

/** The same address with one bit another, counted from the left. */
function withOther(address: Address, bit: number): Address {
  if (typeof address === 'number') return (address ^ (1 << (31 - bit))) >>> 0;
  return address.map((group, at) => (at === bit >>> 4 ? group ^ (1 << (15 - (bit & 15))) : group));
}

const networks = fc.oneof(
  fc.record({ address: fc.oneof(fc.nat(0xffffffff), fc.constantFrom(0, 0xffffffff)), prefix: fc.nat(32) }),
  fc.record({
    address: fc.array(fc.oneof(fc.nat(0xffff), fc.constant(0)), { minLength: 8, maxLength: 8 }),
    prefix: fc.integer({ min: 1, max: 128 }),
  }),
);

test('an address is in a network up to the last bit of its prefix, among few networks or many', () => {
  const filling = Array.from({ length: 5000 }, (_, n) => ({ address: 0xf0000000 + n * 3, prefix: 31 + (n % 2) }));
  fc.assert(
    fc.property(fc.array(networks, { minLength: 1, maxLength: 12 }), fc.boolean(), (some, isMany) => {
      const all = isMany ? [...filling, ...some] : some;
      const set = new NetworkSet();
      for (const each of all) set.add(each);
      taken(set.finish());
      const tests = all.map(networkTest);
      for (const { address, prefix } of some) {
        const most = typeof address === 'number' ? 32 : 128;
        const near = [prefix - 2, prefix - 1, prefix, prefix + 1, most - 1].filter((bit) => bit >= 0 && bit < most);
        expect(set.has(address)).toBe(true);
        for (const other of near.map((bit) => withOther(address, bit))) {
          const text = addressText(other);
          expect(set.has(other)).toBe(tests.some((test) => test(text)));
        }
      }
    }),
  );
});

test('an IPv6 address is read and written as others do', () => {
  const group = fc.oneof(
    fc.integer({ min: 0, max: 0xffff }).map((number) => number.toString(16)),
    fc.constantFrom('0', '0', '00', 'A', '0db8', '', '12345', 'g', '1.2.3.4', '1.2.3'),
  );
  const joint = fc.constantFrom(':', ':', ':', ':', '::', '::');
  const text = fc
    .tuple(fc.constantFrom('', '', '::'), fc.array(fc.tuple(group, joint), { maxLength: 9 }), group)
    .map(([start, parts, end]) => start + parts.flat().join('') + end);
  let read = 0;
  fc.assert(
    fc.property(fc.oneof(text, fc.ipV6()), (each) => {
      const address = parseIpv6(each);
      expect(address !== undefined).toBe(isIPv6(each));
      if (address === undefined) return;
      read++;
      const written = addressText(address);
      // Browsers write the last four bytes of `::ffff:1.2.3.4` as two groups.
      const plain = written.replace(/^::ffff:[\d.]+$/, each);
      expect(new URL(`http://[${plain}]`).hostname).toBe(new URL(`http://[${each}]`).hostname);
      if (plain === written) expect(`[${written}]`).toBe(new URL(`http://[${each}]`).hostname);
      expect(parseIpv6(written)).toEqual(address);
    }),
    { numRuns: 1000 },
  );
  expect(read).toBeGreaterThan(100);
});

test('an address with a remark behind it is kept as events carry it', () => {
  const kept = keptOf({ kind: 'values', type: 'IPADDR' }, ['10.0.0.1 # bad', '2001:DB8::0:1;x', '10.0.0.2']);
  const values = ['10.0.0.1', '2001:db8::1', '10.0.0.2', '10.0.0.1 # bad', '10.0.0.3'];
  expect(values.map((value) => kept.count(value))).toEqual([1, 1, 1, 0, 0]);
  expect(constantOf('2001:DB8::0:1;x', { kind: 'values', type: 'IPADDR' })).toBe('2001:db8::1');
});
