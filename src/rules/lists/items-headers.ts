/** `headers` of a list from the web: texts, or secrets that are named and read each time they are sent. */

import { dirname, resolve } from 'node:path';
import { messageOf } from '../../core/errors.ts';
import { readAtOnce } from '../../core/files/regular-file.ts';
import { hiddenSecret } from '../yaml/hidden-secret.ts';
import { type Context, failLoad } from '../yaml/issue.ts';
import type { YamlItem } from '../yaml/yaml-item.ts';

/** Bytes of the largest secret. */
const MOST_BYTES = 1024 * 1024;

/** A text, the name of an environment variable, or the absolute path of a file. */
export type HeaderValue = string | { readonly env: string } | { readonly file: string };

export type Headers = Readonly<Record<string, HeaderValue>>;

/** Reads the mapping of headers; paths start at the folder of the rules file. Throws LoadFailure for what is wrong with it. */
export function readHeaders(from: YamlItem, place: Context): Headers | undefined {
  if (!from.has('headers')) return undefined;
  const context = place.child('value for', 'headers', from.get('headers'));
  const map = from.map(from.get('headers')) ?? wrong('headers must be a mapping of names to values', context);
  return Object.fromEntries(
    map.keys.map((name) => {
      if (!/^[\w-]+$/.test(name)) wrong(`'${name}' is no name of a header`, context);
      return [name.toLowerCase(), readValue(map, name, context)];
    }),
  );
}

function readValue(map: YamlItem, name: string, context: Context): HeaderValue {
  const secret = map.map(map.get(name));
  if (secret === undefined) return map.scalar(name, context).text;
  const place = context.child('value for', name, map.get(name));
  const [kind, ...others] = secret.keys;
  if (others.length > 0 || (kind !== 'env' && kind !== 'file')) {
    wrong(`the header '${name}' is a text, { env: NAME } or { file: PATH }`, place);
  }
  const { text } = secret.scalar(kind, place);
  return kind === 'env' ? { env: text } : { file: resolve(dirname(place.file.path ?? place.file.name), text) };
}

function wrong(message: string, context: Context): never {
  failLoad('LOAD_ERR_YAML_VALIDATE', message, context, { diagnostic: hiddenSecret(context) });
}

/** What is sent. @throws Error that says which secret is missing, without any */
export function sentHeaders(headers: Headers = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, textOf(name, value)]));
}

function textOf(name: string, value: HeaderValue): string {
  if (typeof value === 'string') return value;
  const text = 'env' in value ? process.env[value.env] : fileText(name, value.file);
  if (text) return text;
  const where = 'env' in value ? `environment variable ${value.env} is not set` : `file ${value.file} is empty`;
  throw new Error(`the header ${name} is missing: the ${where}`);
}

function fileText(name: string, path: string): string {
  try {
    return readAtOnce(path, MOST_BYTES)
      .toString()
      .replace(/\r?\n$/, '');
  } catch (cause) {
    throw new Error(`the header ${name} cannot be read: ${messageOf(cause)}`, { cause });
  }
}
