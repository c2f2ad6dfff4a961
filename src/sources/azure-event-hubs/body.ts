/**
 * Bodies of events as Azure and its customers write them: `{"records": [...]}`, an array, one record, or a record a line.
 * What is nearly JSON is mended (spec/cloud-sources.md §2.1): raw line ends in texts, single quotes, trailing commas, a
 * byte order mark, Python's words.
 */

import { parseJson } from '../../events/exact-json.ts';

export type Body = { readonly records: readonly unknown[]; readonly mended: boolean } | { readonly problem: string };

const utf8 = new TextDecoder();

/** The records of a body, which may be anything. */
export function recordsOf(bytes: Uint8Array): Body {
  const text = utf8.decode(bytes);
  if (text.trim() === '') return { problem: 'it is empty' };
  try {
    return unwrapped([parseJson(text)], false);
  } catch {
    const mended = mend(text);
    if (mended === undefined) return { problem: 'it is no JSON, and cannot be mended' };
    try {
      return unwrapped(parseJson(mended) as unknown[], true);
    } catch {
      return { problem: 'it is no JSON, and cannot be mended' };
    }
  }
}

/** The records of top-level values: several where each stood in a line of its own. */
function unwrapped(values: readonly unknown[], mended: boolean): Body {
  const records: unknown[] = [];
  for (const value of values) {
    const inner = Array.isArray(value) ? value : wrapped(value);
    if (inner === undefined) records.push(value);
    else if (!Array.isArray(inner)) return { problem: 'its `records` are no array' };
    else for (const each of inner) records.push(each);
  }
  return { records, mended };
}

/** What stands under `records`, however that is written; undefined where there is no such key. */
function wrapped(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  const name = Object.keys(value).find((key) => key.toLowerCase() === 'records');
  return name === undefined ? undefined : (value as Record<string, unknown>)[name];
}

const WORDS: Readonly<Record<string, string>> = { None: 'null', True: 'true', False: 'false', NaN: 'null' };
const TOKEN = /[\s\ufeff]+|[{}[\]:,]|[^\s{}[\]:,'"\ufeff]+|["']/y;

/**
 * An array of the top-level values of a text that is nearly JSON, as JSON; undefined where nothing can be made of it.
 * Takes time in proportion to the text.
 */
export function mend(text: string): string | undefined {
  const out: string[] = ['['];
  let depth = 0;
  let comma = false; // one that is written once something follows it
  let at = 0;
  const add = (piece: string) => {
    if (comma) out.push(',');
    comma = false;
    out.push(piece);
  };
  while (at < text.length) {
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(text)?.[0];
    if (token === undefined) return undefined;
    at += token.length;
    const first = token[0] as string;
    if (/[\s\ufeff]/.test(first)) continue;
    // At the top there are objects and arrays, with a line end between them, or nothing.
    if (depth === 0 && first !== '{' && first !== '[') return undefined;
    if (first === '"' || first === "'") {
      const end = endOfText(text, at, first);
      if (end < 0) return undefined;
      add(asJsonText(text.slice(at, end)));
      at = end + 1;
    } else if (first === ',') {
      if (comma) return undefined;
      comma = true;
      continue;
    } else if (first === '}' || first === ']') {
      comma = false;
      out.push(first);
      depth--;
    } else if (first === ':') out.push(':');
    else {
      add(WORDS[token] ?? token);
      if (first === '{' || first === '[') depth++;
    }
    if (depth === 0) comma = true;
  }
  return depth === 0 && out.length > 1 ? `${out.join('')}]` : undefined;
}

/** Where a text ends that began before `from`: at the next quote of its kind that is not escaped. */
function endOfText(text: string, from: number, quote: string): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === quote) return at;
  }
  return -1;
}

const ODD = /\\(?:u[0-9a-fA-F]{4}|[\s\S])|["\p{Cc}]/gu;

/** What stands between two quotes as a text of JSON. */
function asJsonText(inner: string): string {
  const mended = inner.replaceAll(ODD, (found) => {
    if (found === '"') return '\\"';
    if (found[0] !== '\\') return JSON.stringify(found).slice(1, -1);
    if (/^\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})$/.test(found)) return found;
    // Other languages escape what JSON does not: \' is an apostrophe, anything else keeps its backslash.
    return found === "\\'" ? "'" : `\\\\${asJsonText(found.slice(1)).slice(1, -1)}`;
  });
  return `"${mended}"`;
}
