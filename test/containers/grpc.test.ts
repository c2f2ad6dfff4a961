import type { ServerHttp2Stream } from 'node:http2';
import { afterEach, describe, expect, it } from 'vitest';
import { CriRuntime } from '../../src/containers/cri.ts';
import { CallError, GrpcClient, type Method } from '../../src/containers/grpc.ts';
import { encode, type Shape } from '../../src/containers/protobuf.ts';
import { freeSocket, type Served, serveHttp2 } from './servers.ts';

const method = {
  path: '/test.Service/Echo',
  request: { text: [1, 'string'] },
  response: { text: [1, 'string'] },
} as const satisfies Method<Shape, Shape>;

const frame = (text: string) => {
  const bytes = encode(method.response, { text });
  return Buffer.concat([Buffer.from([0, 0, 0, 0, bytes.length]), bytes]);
};

const HEADERS = { ':status': 200, 'content-type': 'application/grpc' } as const;

/** Answers with bytes in the pieces given, and a status. */
function answer(stream: ServerHttp2Stream, pieces: readonly Uint8Array[], status = '0', message?: string): void {
  stream.respond(HEADERS, { waitForTrailers: true });
  stream.on('wantTrailers', () =>
    stream.sendTrailers({ 'grpc-status': status, ...(message ? { 'grpc-message': message } : {}) }),
  );
  for (const piece of pieces) stream.write(piece);
  stream.end();
}

describe('Remote calls', () => {
  let served: Served | undefined;
  let client: GrpcClient | undefined;
  const serve = async (on: (stream: ServerHttp2Stream, path: string) => void) => {
    served = await serveHttp2(on);
    client = new GrpcClient(served.socket);
    return client;
  };
  afterEach(async () => {
    client?.close();
    await served?.close();
    served = undefined;
  });

  it('bring an answer, whatever pieces it comes in', async () => {
    const bytes = frame('hello');
    const calls = await serve((stream, path) =>
      answer(stream, path === method.path ? [...bytes].map((byte) => Uint8Array.of(byte)) : []),
    );
    expect(await calls.call(method, { text: 'x' })).toEqual({ text: 'hello' });
    expect(await Promise.all([1, 2, 3].map(() => calls.call(method, {})))).toHaveLength(3);
  });

  it('bring many answers until the end', async () => {
    const calls = await serve((stream) => answer(stream, [Buffer.concat([frame('a'), frame('b')]), frame('c')]));
    const got: string[] = [];
    for await (const { text } of calls.stream(method, {})) got.push(text);
    expect(got).toEqual(['a', 'b', 'c']);
  });

  it('fail with their status, also when it comes with the headers', async () => {
    const late = await serve((stream) => answer(stream, [], '5', 'no%20such thing'));
    await expect(late.call(method, {})).rejects.toMatchObject({ status: 5, message: 'no such thing' });
    await served?.close();
    const soon = await serve((stream) =>
      stream.respond({ ...HEADERS, 'grpc-status': '12', 'grpc-message': 'unknown method' }, { endStream: true }),
    );
    await expect(soon.call(method, {})).rejects.toMatchObject({ status: 12, message: 'unknown method' });
  });

  it.each<[string, (stream: ServerHttp2Stream) => void]>([
    ['is no gRPC', (stream) => stream.respond({ ':status': 404 }, { endStream: true })],
    ['ends without a status', (stream) => stream.respond(HEADERS, { endStream: true })],
    ['has no message', (stream) => answer(stream, [])],
    ['is cut off', (stream) => answer(stream, [frame('hello').subarray(0, 7)])],
    ['is said to be huge', (stream) => answer(stream, [Uint8Array.of(0, 0x7f, 0xff, 0xff, 0xff)])],
    ['is compressed', (stream) => answer(stream, [Uint8Array.of(1, 0, 0, 0, 0)])],
  ])('fail when the answer %s', async (_, on) => {
    const calls = await serve(on);
    await expect(calls.call(method, {})).rejects.toBeInstanceOf(CallError);
  });

  it('fail where nobody answers, and work again when somebody does', async () => {
    const socket = freeSocket();
    client = new GrpcClient(socket);
    await expect(client.call(method, {})).rejects.toThrow(/ENOENT/);
    served = await serveHttp2((stream) => answer(stream, [frame('back')]), socket);
    expect(await client.call(method, {})).toEqual({ text: 'back' });
    await served.close();
    await expect(client.call(method, {})).rejects.toThrow();
    served = await serveHttp2((stream) => answer(stream, [frame('again')]), socket);
    expect(await client.call(method, {})).toEqual({ text: 'again' });
  });

  it('are given up when they are to be', async () => {
    const stop = new AbortController();
    const calls = await serve((stream) => stream.respond(HEADERS));
    const call = calls.call(method, {}, { signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(call).rejects.toThrow('enough');
    await expect(calls.call(method, {}, { signal: stop.signal })).rejects.toThrow('enough');
  });

  it('a runtime without the interface of Kubernetes has no containers', async () => {
    await serve((stream) => answer(stream, [], '12', 'unknown service runtime.v1.RuntimeService'));
    const runtime = new CriRuntime('containerd', (served as Served).socket);
    expect(await runtime.inspect('a', new AbortController().signal)).toBeUndefined();
    runtime.close();
  });
});
