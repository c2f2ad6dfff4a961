/** The checkpoint store in Azure Blob: where replicas keep what they share. */

import { explained, isRefusal } from '../../azure/connection.ts';
import type { CheckpointStore } from '../../azure/event-hubs.ts';
import type { Context } from '../../core/component.ts';
import { exitCode, SourceError, UserError } from '../../core/errors.ts';
import { completeProxyAddresses } from '../../core/net/proxy.ts';
import type { Config } from './config.ts';

/** Tries of one request, and the first wait between them in ms. */
const RETRY = { retryOptions: { maxTries: 3, retryDelayInMs: 500 } };

export interface BlobStore {
  readonly store: CheckpointStore;
  /** Rejects when the container cannot be read: with a SourceError when that needs other rights, or another container. */
  check(): Promise<void>;
}

/** Throws a UserError when a secret is missing or wrong; the message never has it. Does not connect. */
export async function openBlobStore(
  { connection, url = '', container }: NonNullable<Config['checkpoints']>,
  { resolve }: Pick<Context, 'resolve'>,
): Promise<BlobStore> {
  completeProxyAddresses();
  const { BlobCheckpointStore, ContainerClient } = await import('../../azure/blobs.ts');
  let client: InstanceType<typeof ContainerClient>;
  if (connection) {
    try {
      client = new ContainerClient(connection.read(resolve), container, RETRY);
    } catch (error) {
      if (error instanceof UserError) throw error;
      // Its own message may have the key.
      throw new SourceError('the connection string of the storage account is none', { exit: exitCode.config });
    }
  } else {
    const { DefaultAzureCredential } = await import('../../azure/identity.ts');
    client = new ContainerClient(`${url.replace(/\/+$/, '')}/${container}`, new DefaultAzureCredential(), RETRY);
  }
  return {
    // It has types of its own for the same things.
    store: new BlobCheckpointStore(client as never) as unknown as CheckpointStore,
    async check() {
      try {
        await client.listBlobsFlat({ prefix: 'none/' }).byPage({ maxPageSize: 1 }).next();
      } catch (error) {
        const message = `the checkpoints in the container ${container} cannot be read: ${explained(error)}`;
        throw isRefusal(error) ? new SourceError(message, { cause: error }) : new Error(message, { cause: error });
      }
    },
  };
}
