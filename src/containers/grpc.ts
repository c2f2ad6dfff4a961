/** Remote calls over a unix socket, as runtimes offer them: gRPC on the HTTP/2 that Node brings. */

import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { type Draft, decode, encode, type Message, type Shape } from './protobuf.ts';

/** A method: its path and messages. */
export interface Method<Request extends Shape, Response extends Shape> {
  readonly path: string;
  readonly request: Request;
  readonly response: Response;
}

/** Status codes (grpc.io/docs/guides/status-codes). */
export const STATUS = { notFound: 5, resourceExhausted: 8, unimplemented: 12 } as const;

/** The answer to a call that failed. */
export class CallError extends Error {
  readonly status: number | undefined;
  constructor(message: string, status?: number) {
    super(message);
    this.status = status;
  }
}

/** Bytes of one message; a runtime that sends more is not believed. */
const MOST = 16 * 1024 * 1024;
/** Milliseconds that an answer may take. */
const PATIENCE = 5000;

export interface CallOptions {
  /** containerd keeps the containers of each of its users apart. */
  readonly namespace?: string;
  readonly signal?: AbortSignal;
}

export interface StreamOptions extends CallOptions {
  /** Called when the request is on its way: what is asked from then on, the server reads after it. */
  readonly sent?: () => void;
}

export class GrpcClient {
  readonly #socket: string;
  #session: ClientHttp2Session | undefined;

  constructor(socket: string) {
    this.#socket = socket;
  }

  /** Calls a method that gives one answer. Rejects with a CallError, or what the socket says. */
  async call<Q extends Shape, A extends Shape>(
    method: Method<Q, A>,
    request: Draft<Q>,
    options: CallOptions = {},
  ): Promise<Message<A>> {
    const late = AbortSignal.timeout(PATIENCE);
    const signal = options.signal ? AbortSignal.any([options.signal, late]) : late;
    for await (const answer of this.stream(method, request, { ...options, signal })) return answer;
    throw new CallError(`${method.path} gave no answer`);
  }

  /** Calls a method that gives answers until either side ends it. */
  async *stream<Q extends Shape, A extends Shape>(
    method: Method<Q, A>,
    request: Draft<Q>,
    { namespace, signal, sent }: StreamOptions = {},
  ): AsyncGenerator<Message<A>> {
    signal?.throwIfAborted();
    const headers: OutgoingHttpHeaders = {
      ':method': 'POST',
      ':path': method.path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...(namespace === undefined ? {} : { 'containerd-namespace': namespace }),
    };
    const stream = this.#open().request(headers);
    const abort = () => stream.destroy(signal?.reason as Error);
    signal?.addEventListener('abort', abort, { once: true });
    const ended = statusOf(stream);
    // Whoever waits for messages is told of errors; nobody else need be.
    ended.catch(() => {});
    try {
      stream.end(framed(encode(method.request, request)));
      sent?.();
      for await (const message of messagesOf(stream)) yield decode(method.response, message);
      await ended;
    } finally {
      signal?.removeEventListener('abort', abort);
      stream.close(constants.NGHTTP2_CANCEL);
    }
  }

  close(): void {
    this.#session?.destroy();
    this.#session = undefined;
  }

  #open(): ClientHttp2Session {
    if (this.#session && !this.#session.closed && !this.#session.destroyed) return this.#session;
    const session = connect('http://localhost', { createConnection: () => connectSocket(this.#socket) });
    // Each stream is told as well.
    session.on('error', () => {});
    session.unref();
    this.#session = session;
    return session;
  }
}

/** Resolves when the call ended well; rejects with its status otherwise. */
async function statusOf(stream: ClientHttp2Stream): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const judge = (headers: Record<string, unknown>) => {
    const status = headers['grpc-status'];
    if (status === undefined) return;
    if (String(status) === '0') resolve();
    else
      reject(new CallError(decodeURIComponent(String(headers['grpc-message'] ?? 'the call failed')), Number(status)));
  };
  stream.on('response', (headers) => {
    // A call that fails at once has its status where others have headers.
    judge(headers);
    if (headers[':status'] !== 200) reject(new CallError(`HTTP status ${headers[':status']}`));
  });
  stream.on('trailers', judge);
  stream.on('error', reject);
  stream.on('close', () => reject(new CallError('the connection ended')));
  return promise;
}

/** Each message stands behind five bytes: whether it is compressed, and its length. */
const HEADER = 5;

function framed(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(HEADER + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, HEADER);
  return frame;
}

async function* messagesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array> {
  let bytes: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    while (bytes.length >= HEADER) {
      const length = bytes.readUInt32BE(1);
      if (bytes[0] !== 0 || length > MOST) {
        throw new CallError(`a message of ${length} bytes is not read`, STATUS.resourceExhausted);
      }
      if (bytes.length < HEADER + length) break;
      yield bytes.subarray(HEADER, HEADER + length);
      bytes = bytes.subarray(HEADER + length);
    }
  }
}
