/** What is no list is refused whole, told by its form: one of texts would take any line for an item. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { folder, load, loadText, verdict } from '../far-list.ts';
import { rule } from '../support.ts';

const CONDITION = 't.s in (far)';

/** What is wrong with a list of texts that has this content, and where. */
function refused(content: Uint8Array | string, condition = CONDITION) {
  writeFileSync(join(folder, 'far.txt'), content);
  const result = loadText(`- list: far\n  items_from: { file: far.txt }\n${rule({ source: 'test', condition })}`);
  expect(result.ok).toBe(false);
  const [found] = result.diagnostics;
  expect(found).toMatchObject({ severity: 'error', code: 'LOAD_ERR_EXTENSION' });
  return { message: found?.message ?? '', line: found?.at?.line };
}

describe('content that is no list of texts', () => {
  test.each<[string, Uint8Array | string, string]>([
    ['a login page', '<!DOCTYPE html>\n<title>Log in</title>\n', 'a web page'],
    ['a page after blanks', '\n  <HTML lang="en">\n<body>\n', 'a web page'],
    ['a page after a mark', '\uFEFF<!doctype html>\n', 'a web page'],
    ['an answer in XML', '<?xml version="1.0"?>\n<Error>AccessDenied</Error>\n', 'XML'],
    ['an error in JSON', '{"message":"API rate limit exceeded"}', 'JSON'],
    ['one over several lines', '\uFEFF{\n  "error": {}\n}\n', 'JSON'],
    ['an array', '[\n  {"code": 7}\n]\n', 'JSON'],
    ['no answers', '[]\n', 'JSON'],
    ['gzip in gzip', gzipSync(gzipSync('bad\nworse\n')), 'gzip in gzip'],
    ['a login page in gzip', gzipSync('<!DOCTYPE html>\n<title>Log in</title>\n'), 'a web page'],
    ['a program', readFileSync(process.execPath).subarray(0, 100_000), 'a program'],
    ['UTF-16, little end first', Buffer.from('\uFEFFbad\nworse\n', 'utf16le'), 'UTF-16'],
    ['UTF-16, big end first', Buffer.from('\uFEFFbad\nworse\n', 'utf16le').swap16(), 'UTF-16'],
    ['a zip file', Buffer.from('PK\x03\x04\n bad'), 'a zip file'],
  ])('%s', (_, content, what) => {
    for (const condition of [CONDITION, 't.s pmatch (far)', 't.s startswith anyof (far)', 't.ip in (far)']) {
      expect(refused(content, condition)).toEqual({ message: expect.stringContaining(`looks like ${what}`), line: 1 });
    }
  });

  test('zero bytes, and bytes that are no UTF-8, have their line, far into a file too', () => {
    const many = 'an item\n'.repeat(300_000);
    expect(refused('a\nb\0c\n')).toEqual({ message: expect.stringContaining('byte that is zero'), line: 2 });
    expect(refused(`${many}a\nb\0c\n`)).toMatchObject({ line: 300_002 });
    expect(refused(Buffer.from('a\n\n# c\nb\xfcd\n', 'latin1'))).toEqual({
      message: expect.stringContaining('no UTF-8'),
      line: 4,
    });
    expect(refused(Buffer.from(`${many}gr\xfc\n`, 'latin1'))).toMatchObject({ line: 300_001 });
  });

  test('a line that is longer than any item', () => {
    expect(refused(`a\n${'x'.repeat(70_000)}\nb\n`)).toEqual({ message: expect.stringContaining('KiB'), line: 2 });
    expect(refused(`a\n${'x'.repeat(10_000_000)}`)).toMatchObject({ line: 2 });
  });

  test('letters of several bytes are whole wherever what is looked at at once ends; comments may have others', () => {
    for (const before of [0, 1, 2, 3]) {
      const content = `${'-'.repeat(before)}\n${`${'grüße😀'.repeat(5000)}\n`.repeat(20)}`;
      expect(verdict(load(CONDITION, content), { 't.s': 'grüße😀'.repeat(5000) })).toBe(true);
    }
    writeFileSync(join(folder, 'far.txt'), Buffer.from('# M\xfcller\na\n', 'latin1'));
    const result = loadText(
      `- list: far\n  items_from: { file: far.txt }\n${rule({ source: 'test', condition: CONDITION })}`,
    );
    expect(result.diagnostics).toEqual([]);
    expect(verdict(result, { 't.s': 'a' })).toBe(true);
  });

  test('items that only begin alike are items', () => {
    for (const item of ['<NA>', '<html', '{}', 'PK', 'ELF', `/${'x'.repeat(4095)}`]) {
      const result = load(CONDITION, `first\n${item}\n`);
      expect(verdict(result, { 't.s': item })).toBe(true);
    }
    expect(verdict(load(CONDITION, '<NA>\n'), { 't.s': '<NA>' })).toBe(true);
    for (const programs of ['[\n2to3\n', '[\n[[\nacpid\n', '[kworker]\n', '{pool}\n']) {
      const [first = ''] = programs.split('\n');
      expect(verdict(load(CONDITION, programs), { 't.s': first })).toBe(true);
    }
  });
});

describe('what is quoted of an item', () => {
  test.each([
    ['t.i in (far)', ' is not a valid number'],
    ['t.ip in (far)', 'unrecognized IPv6 address '],
    ['t.net in (far)', 'unrecognized IP network '],
    ['t.port in (far)', 'unrecognized protocol '],
    ['t.b in (far)', 'unrecognized boolean value '],
  ])('%s: no more than it takes to find it', (condition, words) => {
    const { message } = refused(`${'x'.repeat(60_000)}\n`, condition);
    expect(message).toContain(`${'x'.repeat(80)}…`);
    expect(message).toContain(words);
    expect(message.length).toBeLessThan(250);
  });
});
