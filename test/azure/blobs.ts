/**
 * A blob container on loopback with the few operations that the checkpoint store of Event Hubs uses: list with metadata,
 * set metadata, put, each with its preconditions. (azurite does it too, and is 186 MB.)
 */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Blob {
  metadata: Record<string, string>;
  etag: string;
  modified: Date;
}

const ACCOUNT = 'devaccount';
const CONTAINER = 'checkpoints';

export class Blobs {
  readonly blobs = new Map<string, Blob>();
  /** Requests are refused as those of somebody without rights. */
  forbidden = false;
  /** Requests for which this is true are refused as by a server that is overloaded. */
  busy: (method: string, path: string) => boolean = () => false;
  readonly container = CONTAINER;
  readonly #server = createServer((request, response) => this.#answer(request, response));
  #tags = 0;

  static async start(): Promise<Blobs> {
    const blobs = new Blobs();
    blobs.#server.listen(0, '127.0.0.1');
    await once(blobs.#server, 'listening');
    return blobs;
  }

  get connectionString(): string {
    const { port } = this.#server.address() as AddressInfo;
    const key = Buffer.from('key').toString('base64');
    return `DefaultEndpointsProtocol=http;AccountName=${ACCOUNT};AccountKey=${key};BlobEndpoint=http://127.0.0.1:${port}/${ACCOUNT};`;
  }

  /** Metadata of the blobs of a kind (`checkpoint`, `ownership`) by partition. */
  of(kind: string): Record<string, Record<string, string>> {
    const own = [...this.blobs].filter(([name]) => name.includes(`/${kind}/`));
    return Object.fromEntries(own.map(([name, { metadata }]) => [name.split('/').at(-1) as string, metadata]));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.resume();
    await once(request, 'end');
    const url = new URL(request.url ?? '/', 'http://blobs');
    const [, , container, ...rest] = decodeURIComponent(url.pathname).split('/');
    const name = rest.join('/');
    const method = request.method ?? '';
    if (this.forbidden) return fail(response, 403, 'AuthorizationFailure');
    if (this.busy(method, name)) return fail(response, 503, 'ServerBusy');
    if (container !== CONTAINER) return fail(response, 404, 'ContainerNotFound');
    if (url.searchParams.get('comp') === 'list') return this.#list(url.searchParams.get('prefix') ?? '', response);
    if (method !== 'PUT') return fail(response, 400, 'UnsupportedHttpVerb');
    const old = this.blobs.get(name);
    const onlyMetadata = url.searchParams.get('comp') === 'metadata';
    if (onlyMetadata && !old) return fail(response, 404, 'BlobNotFound');
    const wanted = request.headers['if-match'];
    if (wanted !== undefined && wanted !== old?.etag) return fail(response, 412, 'ConditionNotMet');
    const metadata = Object.fromEntries(
      Object.entries(request.headers).flatMap(([key, value]) =>
        key.startsWith('x-ms-meta-') ? [[key.slice('x-ms-meta-'.length), String(value)]] : [],
      ),
    );
    const blob = { metadata, etag: `"${++this.#tags}"`, modified: new Date() };
    this.blobs.set(name, blob);
    const headers = { etag: blob.etag, 'last-modified': blob.modified.toUTCString() };
    response.writeHead(onlyMetadata ? 200 : 201, headers).end();
  }

  #list(prefix: string, response: ServerResponse): void {
    const found = [...this.blobs].filter(([name]) => name.startsWith(prefix));
    const items = found.map(([name, { metadata, etag, modified }]) => {
      const meta = Object.entries(metadata).map(([key, value]) => `<${key}>${value}</${key}>`);
      const properties = `<Last-Modified>${modified.toUTCString()}</Last-Modified><Etag>${etag}</Etag><BlobType>BlockBlob</BlobType>`;
      return `<Blob><Name>${name}</Name><Properties>${properties}</Properties><Metadata>${meta.join('')}</Metadata></Blob>`;
    });
    const body = `<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs>${items.join('')}</Blobs><NextMarker/></EnumerationResults>`;
    response.writeHead(200, { 'content-type': 'application/xml' }).end(body);
  }
}

function fail(response: ServerResponse, status: number, code: string): void {
  const body = `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`;
  response.writeHead(status, { 'content-type': 'application/xml', 'x-ms-error-code': code }).end(body);
}
