/** Log files of buckets. */

import type { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { SourceContext } from '../../core/component.ts';
import { backoff } from '../../core/failure/retry.ts';
import { isNoObject } from './aws.ts';
import type { StoredObject } from './message.ts';

/** An object may be told of a little before it can be read: so often it is looked for, with these waits in ms. */
const TRIES = 4;
const AGAIN = { initial: 1000, max: 5000 };

export class Objects {
  readonly #client: S3Client;
  readonly #command: typeof GetObjectCommand;
  readonly #ctx: Pick<SourceContext, 'sleep' | 'reject'>;

  constructor(client: S3Client, command: typeof GetObjectCommand, ctx: Pick<SourceContext, 'sleep' | 'reject'>) {
    this.#client = client;
    this.#command = command;
    this.#ctx = ctx;
  }

  /** The bytes of an object, as they come; undefined when it is not there: then its name is a dead letter. */
  async open(object: StoredObject, signal: AbortSignal): Promise<AsyncIterable<Uint8Array> | undefined> {
    const { bucket, key } = object;
    for (let attempt = 1; ; attempt++) {
      try {
        const { Body: body } = await this.#client.send(new this.#command({ Bucket: bucket, Key: key }), {
          abortSignal: signal,
        });
        return body as AsyncIterable<Uint8Array> | undefined;
      } catch (error) {
        if (!isNoObject(error)) throw error;
        if (attempt === TRIES) {
          const name = nameOf(object);
          const message = `${name} is not there: what it had was not seen`;
          this.#ctx.reject(name, { reason: 'missing_object', message });
          return undefined;
        }
        await this.#ctx.sleep(backoff(AGAIN, attempt));
      }
    }
  }
}

/** What an object is called in reports, and is remembered by. */
export const nameOf = ({ bucket, key }: StoredObject): string => `s3://${bucket}/${key}`;
