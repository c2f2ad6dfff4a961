/** Servers on unix sockets of the test's own that answer as a test wants. */

import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttp2, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { join } from 'node:path';
import { scratch } from '../scratch.ts';

const folder = scratch();
let count = 0;

export interface Served {
  readonly socket: string;
  close(): Promise<void>;
}

/** A path at which nothing is. */
export const freeSocket = (): string => join(folder, `${++count}.sock`);

async function listen(server: Server | Http2Server, socket: string): Promise<void> {
  await new Promise<void>((resolve) => server.listen(socket, resolve));
}

export async function serveHttp(answer: RequestListener, socket = freeSocket()): Promise<Served> {
  const server = createServer(answer);
  await listen(server, socket);
  return {
    socket,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export async function serveHttp2(
  answer: (stream: ServerHttp2Stream, path: string) => void,
  socket = freeSocket(),
): Promise<Served> {
  const server = createHttp2();
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    answer(stream, String(headers[':path']));
  });
  await listen(server, socket);
  return {
    socket,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const session of sessions) session.destroy();
      }),
  };
}
