/** Whether content can be a list at all: one of texts would take each line of a login page for an item. */

import { isUtf8 } from 'node:buffer';
import { LINE_FEED, ScanError } from './items-scan.ts';

const HASH = 35;
/** Bytes that are looked at in one step; no line is as long. */
const SLICE = 128 * 1024;

/** What content that is no list begins with, in latin1. */
const BEGINNINGS: readonly (readonly [begins: string, what: string])[] = [
  ['\x1f\x8b', 'gzip in gzip: unpack it first'],
  ['\x28\xb5\x2f\xfd', 'zstd: unpack it first'],
  ['\xfd7zXZ', 'xz: unpack it first'],
  ['PK\x03\x04', 'a zip file: unpack it first'],
  ['\x7fELF', 'a program (ELF)'],
  ['\xff\xfe', 'UTF-16: write it in UTF-8'],
  ['\xfe\xff', 'UTF-16: write it in UTF-8'],
];
const WEB_PAGE = /^(?:\xef\xbb\xbf)?\s*<(?:!doctype|html)[\s>]/i;
const XML = /^(?:\xef\xbb\xbf)?\s*<\?xml\s/i;
/** Not each `[`: programs are called so. */
const JSON_TEXT = /^(?:\xef\xbb\xbf)?\s*(?:\{\s*["}]|\[\s*["{\]])/;

/** Refuses what begins like something else than a list. @throws ScanError */
export function refuseOtherForms(bytes: Buffer): void {
  const what = lookOf(bytes.toString('latin1', 0, 1024));
  if (what !== undefined) throw new ScanError(`it looks like ${what}`, 1);
}

function lookOf(start: string): string | undefined {
  if (WEB_PAGE.test(start)) return 'a web page';
  if (XML.test(start)) return 'XML';
  if (JSON_TEXT.test(start)) return 'JSON';
  return BEGINNINGS.find(([begins]) => start.startsWith(begins))?.[1];
}

/**
 * Refuses what is no text, in steps: bytes that are zero, or no UTF-8. Comments may be in another encoding.
 * @param bytes no line of which is longer than `LONGEST_LINE`
 * @throws ScanError
 */
export function* refuseBinary(bytes: Buffer): Generator<void, void> {
  for (let at = 0; at < bytes.length; ) {
    const isLast = bytes.length - at <= SLICE;
    const end = isLast ? bytes.length : bytes.lastIndexOf(LINE_FEED, at + SLICE - 1) + 1;
    const lines = bytes.subarray(at, end);
    if (lines.includes(0) || !isUtf8(lines)) refuseOneOf(lines, bytes.subarray(0, at));
    at = end;
    yield;
  }
}

function refuseOneOf(lines: Buffer, before: Buffer): void {
  for (let at = 0; at < lines.length; ) {
    const feed = lines.indexOf(LINE_FEED, at);
    const end = feed < 0 ? lines.length : feed;
    const line = lines.subarray(at, end);
    const wrong = wrongWith(line);
    if (wrong !== undefined) throw new ScanError(wrong, 1 + feedsIn(before) + feedsIn(lines.subarray(0, at)));
    at = end + 1;
  }
}

function wrongWith(line: Buffer): string | undefined {
  if (line.includes(0)) return 'it has a byte that is zero: it is no text';
  return line[0] === HASH || isUtf8(line) ? undefined : 'it is no UTF-8: it is no text, or in another encoding';
}

function feedsIn(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) count++;
  return count;
}
