/** What there is in a bucket of log files: `[prefix/]AWSLogs/[o-id/]ACCOUNT/KIND/REGION/…`. */

import type { S3Client } from '@aws-sdk/client-s3';
import { explained } from './aws.ts';

/** The files of one region of one account. */
export interface Folder {
  readonly prefix: string;
  readonly account: string;
  readonly region: string;
}

export interface Wanted {
  /** What stands before `AWSLogs/`. */
  readonly prefix: string;
  /** Only those; default: all. */
  readonly accounts?: readonly string[] | undefined;
  readonly regions?: readonly string[] | undefined;
}

/** Lists what is below a prefix, or has it that nothing is. */
export type Guard = (prefix: string, list: () => Promise<string[]>) => Promise<string[]>;

interface Listed {
  readonly Prefix: string;
  readonly Delimiter?: string;
  readonly StartAfter?: string;
}

type Sdk = Pick<typeof import('./sdk/s3.ts'), 'ListObjectsV2Command'>;

export class Bucket {
  readonly name: string;
  readonly #client: S3Client;
  readonly #sdk: Sdk;
  readonly #signal: AbortSignal | undefined;

  constructor(name: string, client: S3Client, sdk: Sdk, signal?: AbortSignal) {
    this.name = name;
    this.#client = client;
    this.#sdk = sdk;
    this.#signal = signal;
  }

  /** The folders that have files of a kind. `guard` lists what is below a prefix of an organization or account. */
  async folders(
    kind: 'CloudTrail' | 'CloudTrail-Digest',
    { prefix, accounts, regions }: Wanted,
    guard: Guard = (_prefix, list) => list(),
  ): Promise<Folder[]> {
    const below = (each: string) => guard(each, () => this.#below(each));
    const first = await this.#below(`${prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`}AWSLogs/`);
    // An organization has a level of its own.
    const organizations = first.filter((each) => /\/o-[^/]+\/$/.test(each));
    const all = [...first];
    for (const each of organizations) all.push(...(await below(each)));
    const folders: Folder[] = [];
    for (const each of all) {
      const account = /\/(\d{12})\/$/.exec(each)?.[1];
      if (account === undefined || (accounts && !accounts.includes(account))) continue;
      for (const found of await below(`${each}${kind}/`)) {
        const region = found.slice(0, -1).split('/').at(-1) ?? '';
        if (!regions || regions.includes(region)) folders.push({ prefix: found, account, region });
      }
    }
    return folders;
  }

  /** Lists a page at once, in the order of keys. Rejects with a SourceError where that can never be. */
  async *pages(input: Listed) {
    let token: string | undefined;
    do {
      const command = new this.#sdk.ListObjectsV2Command({
        Bucket: this.name,
        ...input,
        ...(token === undefined ? {} : { ContinuationToken: token }),
      });
      const options = this.#signal ? { abortSignal: this.#signal } : {};
      const page = await this.#client.send(command, options).catch((error: unknown) => {
        throw explained(error, `the bucket ${this.name} cannot be listed`);
      });
      // S3 names the bucket, also where nothing is; a page of somebody in between reads as one with no files.
      if (page.Name === undefined)
        throw new Error(`the list of the bucket ${this.name} has an answer that is not S3's`);
      token = page.IsTruncated ? page.NextContinuationToken : undefined;
      yield page;
    } while (token !== undefined);
  }

  async #below(prefix: string): Promise<string[]> {
    const found: string[] = [];
    for await (const { CommonPrefixes: all } of this.pages({ Prefix: prefix, Delimiter: '/' })) {
      found.push(...(all ?? []).flatMap(({ Prefix: each }) => each ?? []));
    }
    return found;
  }
}
