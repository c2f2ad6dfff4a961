import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Alert, alertJson, makeAlert } from '../../src/events/alert.ts';
import { bounded, cutText, LEFT_OUT } from '../../src/sinks/shared/bounded.ts';

const alertWith = (outputFields: Alert['outputFields'], output = 'o') =>
  makeAlert(1n, {
    rule: 'r',
    priority: 'Warning',
    tags: ['t'],
    hostname: 'h',
    output,
    source: 'syscall',
    outputFields,
  });

describe('a text', () => {
  it('is cut where it is too long, and says how much is missing', () => {
    expect(cutText('a'.repeat(100), 100)).toBe('a'.repeat(100));
    expect(cutText('a'.repeat(1000), 64)).toBe(`${'a'.repeat(36)}… (964 more characters cut)`);
  });

  it('keeps its length and characters whole, whatever it holds', () => {
    const texts = fc.string({ unit: 'grapheme', maxLength: 300 }).filter((text) => text.isWellFormed());
    fc.assert(
      fc.property(texts, fc.integer({ min: 64, max: 200 }), (text, most) => {
        const short = cutText(text, most);
        expect(short.length).toBeLessThanOrEqual(most);
        expect(short.isWellFormed()).toBe(true);
        const [, kept = short, missing = '0'] = /^(.*)… \((\d+) more characters cut\)$/s.exec(short) ?? [];
        if (text.length > most) expect(kept.length + Number(missing)).toBe(text.length);
        expect(text.startsWith(kept)).toBe(true);
      }),
    );
  });
});

describe('an alert', () => {
  it('that fits is as it was', () => {
    const alert = alertWith({ a: 'x'.repeat(3000), b: null });
    expect(bounded(alert, 4000, alertJson)).toBe(alertJson(alert));
  });

  it('loses what is longest, and nothing else; its id stays', () => {
    const alert = alertWith({
      short: 'as it was',
      long: 'x'.repeat(50_000),
      list: ['y'.repeat(50_000), 'z'],
      no: null,
    });
    const ids: string[] = [];
    const text = bounded(alert, 4000, (each) => {
      ids.push(each.id);
      return alertJson(each);
    });
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4000);
    const { output_fields: fields, rule } = JSON.parse(text);
    expect(rule).toBe('r');
    expect(fields).toMatchObject({ short: 'as it was', no: null });
    expect(fields.long).toMatch(/^x{500,}… \(\d+ more characters cut\)$/);
    expect(fields.list).toEqual([expect.stringMatching(/^y{500,}… \(\d+ more characters cut\)$/)]);
    expect(fields).not.toHaveProperty(LEFT_OUT);
    expect(new Set(ids)).toEqual(new Set([alert.id]));
  });

  it('with too many fields says how many are left out', () => {
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`field.${n}`, n]));
    const { output_fields: fields } = JSON.parse(bounded(alertWith(many), 4000, alertJson));
    const kept = Object.keys(fields).filter((name) => name.startsWith('field.'));
    expect(kept.length).toBeGreaterThan(50);
    expect(fields[LEFT_OUT]).toBe(1000 - kept.length);
  });

  // Whoever chooses the texts of an event chooses how large its alert is, and all else waits meanwhile.
  it.each([
    [
      'many fields',
      alertWith(Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`field.${n}`, 'x'.repeat(50)]))),
    ],
    [
      'long ones',
      alertWith(Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`f${n}`, '\u0001'.repeat(1000)]))),
    ],
    ['short ones', alertWith(Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`f${n}`, n])))],
    [
      'long names',
      alertWith(Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`${n}`.padEnd(99_999, 'f'), n]))),
    ],
    ['a list', alertWith({ list: Array.from({ length: 1000 }, () => 'é'.repeat(5000)) })],
    ['a long output', alertWith({ a: 'b' }, '\ud800'.repeat(5_000_000))],
  ])('costs what it may be long, not what it is: %s', (_name, alert) => {
    const most = 5000;
    let written = 0;
    const text = bounded(alert, most, (each) => {
      const text = alertJson(each);
      written += text.length;
      return text;
    });
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(most);
    expect(text.length).toBeGreaterThan(most / 32);
    expect(written).toBeLessThan(30 * most);
    const { output_fields: fields } = JSON.parse(text);
    const names = Object.keys(alert.outputFields);
    expect(names.filter((name) => name in fields).length + (fields[LEFT_OUT] ?? 0)).toBe(names.length);
  });
});
