/** Digests and log files in S3, and the public keys that CloudTrail signs with. */

import { createHash, type KeyObject } from 'node:crypto';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createGunzip, gunzip } from 'node:zlib';
import type { CloudTrailClient } from '@aws-sdk/client-cloudtrail';
import type { S3Client } from '@aws-sdk/client-s3';
import { type Aws, explained, isNoObject } from '../aws.ts';
import { Bucket, type Folder, type Wanted } from '../bucket.ts';
import { checkChain, type Finding, type Span, type Stored, type Vault } from './chain.ts';
import { type DigestName, parseDigestKey, readKey } from './digest.ts';

/** A digest may have so many bytes when it is decompressed. */
const LARGEST = 256 * 1024 * 1024;
/** Digests are named by when they were made: so much later than what is in them, in ms. */
const MARGIN = 2 * 3_600_000;
/** Keys are asked for of a while before: so long one may be used, in ms. */
const KEYS = 86_400_000;

const unzip = promisify(gunzip);

export interface VerifyOptions extends Wanted {
  readonly bucket: string;
  readonly trail?: string | undefined;
  readonly span: Span;
}

/** Checks all trails of a bucket, as far as they are asked for. Rejects when the bucket cannot be listed. */
export async function* verifyTrails(aws: Aws, options: VerifyOptions): AsyncGenerator<Finding> {
  const { span, trail: only } = options;
  const sdk = await import('../sdk/s3.ts');
  const client = await aws.s3();
  const bucket = new Bucket(options.bucket, client, sdk);
  try {
    for (const folder of await bucket.folders('CloudTrail-Digest', options)) {
      const names = await digestNames(bucket, folder, span);
      const trails = [...Map.groupBy(names, ({ trail }) => trail)].filter(([trail]) => !only || only === trail);
      if (trails.length === 0) continue;
      const api = await aws.cloudTrail(folder.region);
      const vault = new S3Vault(client, sdk, api, span);
      const place = { bucket: bucket.name, folder: `s3://${bucket.name}/${folder.prefix}`, span };
      try {
        for (const [, own] of trails) yield* checkChain(own, place, vault);
      } finally {
        api.destroy();
      }
    }
  } finally {
    client.destroy();
  }
}

type Sdk = typeof import('../sdk/s3.ts');

async function digestNames(bucket: Bucket, { prefix }: Folder, { from, until }: Span): Promise<DigestName[]> {
  const names: DigestName[] = [];
  const day = new Date(from).toISOString().slice(0, 10).replaceAll('-', '/');
  for await (const { Contents: all } of bucket.pages({ Prefix: prefix, StartAfter: `${prefix}${day}` })) {
    names.push(...(all ?? []).flatMap(({ Key: key = '' }) => parseDigestKey(key) ?? []));
    if ((names.at(-1)?.time ?? 0) > until + MARGIN) break;
  }
  return names;
}

class S3Vault implements Vault {
  readonly #client: S3Client;
  readonly #sdk: Sdk;
  readonly #api: CloudTrailClient;
  readonly #span: Span;
  #keys: Promise<ReadonlyMap<string, KeyObject>> | undefined;

  constructor(client: S3Client, sdk: Sdk, api: CloudTrailClient, span: Span) {
    this.#client = client;
    this.#sdk = sdk;
    this.#api = api;
    this.#span = span;
  }

  async digest(bucket: string, key: string): Promise<Stored | undefined> {
    const object = await this.#get(bucket, key);
    if (object === undefined) return undefined;
    const body = Buffer.concat((await object.body.toArray()) as Buffer[]);
    // One that is no gzip is none, and said to be none.
    const bytes = await unzip(body, { maxOutputLength: LARGEST }).catch(() => body);
    return { bytes, signature: object.metadata.signature };
  }

  async logHash(bucket: string, key: string): Promise<string | undefined> {
    const object = await this.#get(bucket, key);
    if (object === undefined) return undefined;
    const digest = createHash('sha256');
    await pipeline(object.body, createGunzip(), digest);
    return digest.digest('hex');
  }

  async key(fingerprint: string): Promise<KeyObject | undefined> {
    this.#keys ??= this.#listKeys();
    return (await this.#keys).get(fingerprint);
  }

  async #get(bucket: string, key: string) {
    try {
      const command = new this.#sdk.GetObjectCommand({ Bucket: bucket, Key: key });
      const { Body: body, Metadata: metadata = {} } = await this.#client.send(command);
      return { body: body as Readable, metadata };
    } catch (error) {
      if (isNoObject(error)) return undefined;
      throw explained(error, `s3://${bucket}/${key} cannot be fetched`);
    }
  }

  async #listKeys(): Promise<ReadonlyMap<string, KeyObject>> {
    const { ListPublicKeysCommand } = await import('../sdk/api.ts');
    const span = { StartTime: new Date(this.#span.from - KEYS), EndTime: new Date(this.#span.until + MARGIN) };
    const keys = new Map<string, KeyObject>();
    let token: string | undefined;
    do {
      const command = new ListPublicKeysCommand(token === undefined ? span : { ...span, NextToken: token });
      const answer = await this.#api.send(command).catch((error: unknown) => {
        throw explained(error, "CloudTrail's public keys cannot be had");
      });
      for (const { Fingerprint: fingerprint = '', Value: value } of answer.PublicKeyList ?? []) {
        const key = value && readKey(value);
        if (key) keys.set(fingerprint, key);
      }
      token = answer.NextToken;
    } while (token !== undefined);
    return keys;
  }
}
