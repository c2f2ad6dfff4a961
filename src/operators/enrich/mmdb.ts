/** What MaxMind DB files say of addresses: countries, cities, networks (maxmind.github.io/MaxMind-DB). */

import { statSync } from 'node:fs';
import { isIP } from 'node:net';
import { Reader } from 'mmdb-lib';
import type { OperatorContext } from '../../core/component.ts';
import { messageOf } from '../../core/errors.ts';
import { Outage } from '../../core/failure/outage.ts';
import { readAside, readAtOnce } from '../../core/files/regular-file.ts';
import { refreshing } from '../shared/refreshing.ts';

/** Addresses whose answers are kept. */
const KEPT = 10_000;

/** The fields to add, each with the path of its value in a record: `country.iso_code`. */
export type Paths = Readonly<Record<string, string>>;

type Found = Readonly<Record<string, string>> | undefined;

interface Open {
  /** Tells whether the file is another one. */
  tag: string;
  readonly reader: Reader<never>;
}

// A database may have a hundred megabytes: one copy of each file, also while a pipeline is loaded anew.
const databases = new Map<string, WeakRef<Open>>();

export class Mmdb {
  readonly path: string;
  readonly #paths: readonly (readonly [field: string, path: readonly string[]])[];
  readonly #open: Open;
  readonly #known = new Map<string, Found>();
  // The answers that are kept are those of this file.
  #tag = '';

  /** Reads a file. @throws Error that says why it cannot be used */
  constructor(path: string, fields: Paths) {
    this.path = path;
    this.#paths = Object.entries(fields).map(([field, text]) => [field, text.split('.')] as const);
    const tag = tagOf(path);
    const known = databases.get(path)?.deref();
    this.#open = known?.tag === tag ? known : { tag, reader: readerOf(readAtOnce(path)) };
    databases.set(path, new WeakRef(this.#open));
  }

  /** What it is, in its own words: `GeoLite2-City of 2026-11-03`. */
  get title(): string {
    const { databaseType, buildEpoch } = this.#open.reader.metadata;
    return `${databaseType} of ${buildEpoch.toISOString().slice(0, 10)}`;
  }

  /** The fields of an address as text; undefined when it is none, or not in the file. @throws Error for a damaged file */
  find(address: string): Found {
    if (this.#tag !== this.#open.tag) this.#known.clear();
    this.#tag = this.#open.tag;
    if (this.#known.has(address)) return this.#known.get(address);
    const found = this.#look(address);
    this.#known.set(address, found);
    if (this.#known.size > KEPT) this.#known.delete(this.#known.keys().next().value as string);
    return found;
  }

  #look(address: string): Found {
    const { reader } = this.#open;
    const version = isIP(address);
    if (version === 0 || (version === 6 && reader.metadata.ipVersion === 4)) return undefined;
    const record: unknown = reader.get(address);
    if (record === null) return undefined;
    const fields = this.#paths.flatMap(([field, path]) => {
      const value = path.reduce<unknown>(step, record);
      return isPlain(value) ? [[field, String(value)] as const] : [];
    });
    return fields.length === 0 ? undefined : Object.fromEntries(fields);
  }

  /** Reads the file again if it is another one. True when it was. Rejects when it cannot be used: the old one goes on. */
  async refresh(): Promise<boolean> {
    const tag = tagOf(this.path);
    if (tag === this.#open.tag) return false;
    const content = await readAside(this.path);
    readerOf(content);
    this.#open.reader.load(content);
    this.#open.tag = tag;
    return true;
  }
}

function tagOf(path: string): string {
  const { ino, size, mtimeMs } = statSync(path);
  return `${ino} ${size} ${mtimeMs}`;
}

// The reader takes anything whose end looks right: what a file says of itself must fit its size.
function readerOf(content: Buffer): Reader<never> {
  let reader: Reader<never>;
  try {
    reader = new Reader(content);
  } catch (error) {
    throw new Error(`no MaxMind DB: ${messageOf(error)}`, { cause: error });
  }
  const { searchTreeSize, databaseType, nodeCount, buildEpoch } = reader.metadata;
  const whole = nodeCount > 0 && searchTreeSize < content.length && databaseType && !Number.isNaN(buildEpoch.getTime());
  if (!whole) throw new Error('no whole MaxMind DB');
  return reader;
}

function step(value: unknown, part: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[part] : undefined;
}

function isPlain(value: unknown): value is string | number | bigint | boolean {
  return ['string', 'number', 'bigint', 'boolean'].includes(typeof value);
}

/**
 * Looks again and again whether a file has been replaced, until the operator stops. What fails leaves the old one, which is
 * said once, and is a problem of the operator until it is over.
 */
export function follow(
  database: Mmdb,
  every: number,
  ctx: Pick<OperatorContext, 'sleep' | 'signal' | 'log' | 'metrics' | 'trouble'>,
): Promise<void> {
  const { log, metrics, trouble } = ctx;
  const outage = new Outage(Number.POSITIVE_INFINITY);
  const refresh = async () => {
    const replaced = await database.refresh();
    const seconds = outage.over();
    if (seconds !== undefined) {
      trouble();
      log.info(`${database.path} is read again, after ${seconds} s`);
    }
    if (!replaced) return;
    metrics.add('refreshes', '', 1);
    log.info(`${database.path} was replaced: ${database.title}`);
  };
  return refreshing(every, ctx, refresh, (error) => {
    metrics.add('errors', 'refresh', 1);
    const problem = `${database.path} stays as it was: ${messageOf(error)}`;
    if (outage.failed(problem)) log.warn(problem);
    trouble(problem);
  });
}
