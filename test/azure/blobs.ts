/** A blob container on loopback: azurite, behind what can answer in its place. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ContainerClient } from '@azure/storage-blob';
import { Front } from '../aws/front.ts';
import { atEnd } from '../scratch.ts';

const PROGRAM = join(import.meta.dirname, 'azurite/node_modules/azurite/dist/src/blob/main.js');
/** Whether it is installed; said loudly when it is not. */
export const hasAzurite = existsSync(PROGRAM);
if (!hasAzurite) {
  console.warn('azurite is not installed: no checkpoints in Azure Blob are tested (make .build/azurite)');
}

/** The account and key that everybody's azurite has. */
const ACCOUNT = 'devstoreaccount1';
const KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

/** The service and the SDK are of different years: without the switch it refuses requests of a version it does not know. */
const SWITCHES = '--inMemoryPersistence --skipApiVersionCheck --disableTelemetry --silent'.split(' ');

async function endpointOf({ stdout }: ChildProcess): Promise<string> {
  let said = '';
  for await (const chunk of stdout?.setEncoding('utf8') ?? []) {
    said += chunk;
    const [, endpoint] = /listens on (http:\S+)/.exec(said) ?? [];
    if (endpoint !== undefined) return endpoint;
  }
  throw new Error(`azurite does not start: ${said}`);
}

export class Blobs {
  readonly container = 'checkpoints';
  readonly connectionString: string;
  readonly #server: ChildProcess;
  readonly #front: Front;
  readonly #client: ContainerClient;

  private constructor(server: ChildProcess, endpoint: string, front: Front) {
    const access = `DefaultEndpointsProtocol=http;AccountName=${ACCOUNT};AccountKey=${KEY};BlobEndpoint=`;
    this.#server = server;
    this.#front = front;
    this.connectionString = `${access}${front.endpoint}/${ACCOUNT};`;
    this.#client = new ContainerClient(`${access}${endpoint}/${ACCOUNT};`, this.container);
  }

  static async start(): Promise<Blobs> {
    const server = spawn(process.execPath, [PROGRAM, ...SWITCHES, '--blobHost', '127.0.0.1', '--blobPort', '0'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    atEnd(() => server.kill('SIGKILL'));
    const endpoint = await endpointOf(server);
    const blobs = new Blobs(server, endpoint, await Front.before(endpoint));
    await blobs.#client.create();
    return blobs;
  }

  /** Metadata of the blobs of a kind (`checkpoint`, `ownership`) by partition. */
  async of(kind: string): Promise<Record<string, Record<string, string>>> {
    const found: Record<string, Record<string, string>> = {};
    for await (const { name, metadata } of this.#client.listBlobsFlat({ includeMetadata: true })) {
      if (name.includes(`/${kind}/`)) found[name.slice(name.lastIndexOf('/') + 1)] = { ...metadata };
    }
    return found;
  }

  /** Every request is refused so, until it is let through again: by a server that is overloaded, or for lack of rights. */
  refuse(status: 503 | 403): void {
    const code = status === 503 ? 'ServerBusy' : 'AuthorizationFailure';
    this.#front.answer('', (response) => {
      response.writeHead(status, { 'content-type': 'application/xml', 'x-ms-error-code': code });
      response.end(
        `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`,
      );
    });
  }

  /** No request is answered, until they are let through again. */
  hang(): void {
    this.#front.answer('', () => {});
  }

  pass(): void {
    this.#front.pass('');
  }

  async stop(): Promise<void> {
    this.#front.stop();
    this.#server.kill('SIGKILL');
    await once(this.#server, 'exit');
  }
}
