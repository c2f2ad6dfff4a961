import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Line, LineCutter } from '../../../src/sources/k8s-audit/line-cutter.ts';
import { isRotated } from '../../../src/sources/k8s-audit/rotation.ts';

/** Cuts a text into pieces at some of its bytes. */
function pieces(text: string, cuts: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text);
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...places].map((from, index) => bytes.subarray(from, places[index] ?? bytes.length));
}

describe('LineCutter', () => {
  it('gives the lines of a text, however it comes in pieces, from one buffer that is used again', () => {
    const lines = fc.array(fc.string({ unit: fc.constantFrom('a', 'é', '𝄞', '\r', '"'), maxLength: 12 }), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(
        lines,
        fc.boolean(),
        fc.array(fc.nat(), { maxLength: 8 }),
        fc.integer({ min: 1, max: 40 }),
        (lines, whole, cuts, most) => {
          const text = lines.join('\n') + (whole ? '\n' : '');
          const cutter = new LineCutter(most);
          const found: Line[] = [];
          const buffer = Buffer.alloc(1024);
          for (const piece of pieces(text, cuts)) {
            piece.copy(buffer);
            found.push(...cutter.push(buffer.subarray(0, piece.length)));
            buffer.fill(0x21);
          }
          const last = text.split('\n').at(-1) as string;
          expect(cutter.pending).toBe(Buffer.byteLength(last));
          const end = cutter.end();
          if (end) found.push(end);
          expect(cutter.pending).toBe(0);
          const expected = text.split('\n');
          if (last === '') expected.pop();
          const fits = (line: string) => Buffer.byteLength(line) <= most;
          expect(found.map((line) => line.text)).toEqual(expected.map((line) => (fits(line) ? line : undefined)));
          expect(found.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(Buffer.byteLength(text));
        },
      ),
    );
  });

  it('holds no more of a line than may be', () => {
    const cutter = new LineCutter(1000);
    const chunk = Buffer.alloc(64 * 1024, 'x');
    const before = process.memoryUsage().arrayBuffers;
    for (let n = 0; n < 2000; n++) expect([...cutter.push(chunk)]).toEqual([]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024);
    const [line] = cutter.push(Buffer.from('\n'));
    expect(line).toEqual({ text: undefined, bytes: 2000 * 64 * 1024 + 1 });
  });
});

it('rotated parts of a log are told by their names from other files beside it', () => {
  const yes = ['audit.log.1', 'audit.log.20260302', 'audit.log-20260302', 'audit-2026-03-02T10-15-01.007.log'];
  const no = [
    'audit.log',
    'audit.log.1.gz',
    'audit-policy.log',
    'audit.log.offset',
    'audit2.log',
    'other.log',
    'audit-2026.gz',
  ];
  expect(yes.filter((name) => !isRotated(name, 'audit.log'))).toEqual([]);
  expect(no.filter((name) => isRotated(name, 'audit.log'))).toEqual([]);
});
