import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutStrings, isCut, wholeStrings } from '../../src/events/kernel/strings.ts';

const block = (texts: readonly string[]) => Buffer.from(texts.map((text) => `${text}\0`).join(''));

describe('blocks of texts', () => {
  it('are read whole, empty texts too', () => {
    expect(wholeStrings('', 0)).toMatchObject({ list: [], mark: '', total: 0 });
    const whole = wholeStrings('cat\0\0-n\0', 8);
    expect([whole.list, isCut(whole)]).toEqual([['cat', '', '-n'], false]);
  });

  it('say where their middle is missing, and how much that is', () => {
    const all = block(['sh', '-c', `: ${'a'.repeat(20)}`, 'id', 'last']);
    const kept = Buffer.concat([all.subarray(0, 10), all.subarray(-10)]);
    const cut = cutStrings(kept, all.length, 10);
    expect(cut.list).toEqual(['sh', '-c', `: aa[${all.length - 20} bytes cut]a`, 'id', 'last']);
    expect([cut.first, cut.mark, cut.total, isCut(cut)]).toEqual([3, '[17 bytes cut]', all.length, true]);
  });

  it('of which nothing could be read are empty, and cut', () => {
    const cut = cutStrings(Buffer.alloc(0), 100, 10);
    expect([cut.list, cut.first, isCut(cut)]).toEqual([[], 0, true]);
  });

  it('never tell a text, or its place, wrong', () => {
    const texts = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', ' '), maxLength: 6 }), { minLength: 1 });
    fc.assert(
      fc.property(texts, fc.nat(30), fc.integer({ min: 1, max: 12 }), (list, head, tail) => {
        const all = block(list);
        fc.pre(all.length > head + tail);
        const cut = cutStrings(Buffer.concat([all.subarray(0, head), all.subarray(-tail)]), all.length, tail);
        const at = cut.first - 1;
        const [before, behind] = (cut.list[at] as string).split(cut.mark) as [string, string];
        if (head === 0) return;
        expect(cut.list.slice(0, at)).toEqual(list.slice(0, at));
        expect(list[at]?.startsWith(before)).toBe(true);
        const rest = cut.list.slice(at + 1);
        expect(rest).toEqual(rest.length === 0 ? [] : list.slice(-rest.length));
        expect(list[list.length - 1 - rest.length]?.endsWith(behind)).toBe(true);
      }),
    );
  });
});
