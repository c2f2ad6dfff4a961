/** `items_from` of a list: where its items come from, when they do not stand in the rules file. Ours, not Falco's. */

import { dirname, resolve } from 'node:path';
import { suggest } from '../../core/errors.ts';
import { hiddenSecret } from '../yaml/hidden-secret.ts';
import { type Context, failLoad } from '../yaml/issue.ts';
import type { YamlItem } from '../yaml/yaml-item.ts';
import { type Headers, readHeaders } from './items-headers.ts';

export interface ItemsFrom {
  readonly kind: 'file' | 'url';
  /** As it is written; of a URL without what may be a secret. */
  readonly location: string;
  /** The file's absolute path, or the URL. */
  readonly address: string;
  /** What is sent along when it is asked for; of a URL only. */
  readonly headers?: Headers;
  /** Milliseconds after which it is read again; absent: never. */
  readonly refresh?: number;
  readonly format: 'lines' | 'csv';
  /** Of a table: the name of the column in its first line, or its number from 1 where the first line holds items. */
  readonly column?: string | number;
  /** It may be missing: the list is empty then. */
  readonly optional: boolean;
  /** Where it is named in the rules file. */
  readonly context: Context;
}

const keys = ['file', 'url', 'headers', 'refresh', 'format', 'column', 'optional'];
const units: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Reads `items_from`; paths start at the folder of the rules file. Throws LoadFailure for what is wrong with it. */
export function readItemsFrom(item: YamlItem, context: Context): ItemsFrom | undefined {
  if (!item.has('items_from')) return undefined;
  const node = item.get('items_from');
  const place = context.child('value for', 'items_from', node);
  const from = item.map(node) ?? wrong('items_from must be a mapping with a file or a url', place);
  refuseUnknownKeys(from, place);
  const kinds = (['file', 'url'] as const).filter((kind) => from.has(kind));
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1) wrong('items_from needs either a file or a url', place);
  const format = readFormat(from, place);
  const column = readColumn(from, place);
  if (format === 'csv' && column === undefined) wrong('a table needs the column that holds the items', place);
  if (format === 'lines' && column !== undefined) wrong('column goes with format: csv', at(from, 'column', place));
  const headers = readHeaders(from, place);
  if (headers !== undefined && kind === 'file') wrong('headers go with a url', at(from, 'headers', place));
  return {
    kind,
    ...(kind === 'url' ? readUrl(from, place) : readPath(from, place)),
    ...(headers === undefined ? {} : { headers }),
    ...readRefresh(from, place),
    format,
    ...(column === undefined ? {} : { column }),
    optional: from.boolean('optional', place) === true,
    context: at(from, kind, place),
  };
}

function at(from: YamlItem, key: string, place: Context): Context {
  return place.child('value for', key, from.get(key));
}

function wrong(message: string, context: Context, hint?: string): never {
  failLoad('LOAD_ERR_YAML_VALIDATE', message, context, {
    diagnostic: { ...(hint === undefined ? {} : { hint }), ...hiddenSecret(context) },
  });
}

function refuseUnknownKeys(from: YamlItem, place: Context): void {
  for (const key of from.keys) {
    if (keys.includes(key)) continue;
    const meant = suggest(key, keys);
    const hint = meant === undefined ? `It has ${keys.join(', ')}.` : `Did you mean ${meant}?`;
    wrong(`items_from has no key '${key}'`, place.child('value for', key, from.keyNode(key)), hint);
  }
}

type Whereabouts = Pick<ItemsFrom, 'location' | 'address'>;

function readPath(from: YamlItem, place: Context): Whereabouts {
  const { text } = from.scalar('file', place);
  return { location: text, address: resolve(dirname(place.file.path ?? place.file.name), text) };
}

function readUrl(from: YamlItem, place: Context): Whereabouts {
  const { text } = from.scalar('url', place);
  const context = at(from, 'url', place);
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    const shown = hiddenSecret(context).hidden ? 'this' : `'${text}'`;
    wrong(`${shown} is not an address of the web`, context, 'It begins with https:// or http://.');
  }
  if (url.username !== '' || url.password !== '') {
    const hint = 'Say headers: { authorization: { env: NAME } }, with the whole value: Basic and the login in base64.';
    wrong('a login does not stand in the address of a list', context, hint);
  }
  // What stands behind `?` may be a secret, too.
  return { location: url.search === '' ? text : `${url.origin}${url.pathname}?…`, address: url.href };
}

function readFormat(from: YamlItem, place: Context): ItemsFrom['format'] {
  const text = from.optionalScalar('format', place)?.text ?? 'lines';
  if (text !== 'lines' && text !== 'csv') wrong(`format is lines or csv, not '${text}'`, at(from, 'format', place));
  return text;
}

function readColumn(from: YamlItem, place: Context): string | number | undefined {
  const text = from.optionalScalar('column', place)?.text;
  if (text === undefined || !/^\d+$/.test(text)) return text;
  if (Number(text) === 0) wrong('columns are counted from 1', at(from, 'column', place));
  return Number(text);
}

function readRefresh(from: YamlItem, place: Context): { readonly refresh?: number } {
  const text = from.optionalScalar('refresh', place)?.text;
  if (text === undefined) return {};
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)(s|m|h|d)$/.exec(text) ?? [];
  const refresh = Number(digits) * (units[unit] ?? Number.NaN);
  // Timers hold no more than 24 days.
  if (!(refresh >= 1000 && refresh <= 24 * 86_400_000)) {
    wrong(`'${text}' is not a time from 1s to 24d`, at(from, 'refresh', place), 'Write 30s, 10m, 1h, 1d.');
  }
  return { refresh };
}
