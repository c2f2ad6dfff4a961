/** Containers for tests: an image made here, a container with a stage in it, through Docker's API (Docker, Podman). */

import { existsSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { messageOf } from '../../core/errors.ts';
import { imageArchive } from './image.ts';
import { Stage } from './stage.ts';

/** What a test says of its container. */
export interface ContainerContext {
  readonly image?: string | undefined;
  readonly name?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

const USUAL = ['/run/docker.sock', '/run/podman/podman.sock'];
const OWN_IMAGE = 'localhost/falco-pipe/test:latest';
/** As event-generator calls it. */
const OWN_NAME = 'event-generator';
/** ms for one answer of the engine. */
const PATIENCE = 60_000;

/** There is no engine: what needs one is skipped. */
export class NoEngine extends Error {}

/** There is one, and it does not do what tests need: they fail. */
export class ContainerFailed extends Error {}

/** The socket of the engine: the one given, that of `$DOCKER_HOST`, else the first usual one. @throws NoEngine */
export function engineSocket(given: string | undefined): string {
  const host = process.env.DOCKER_HOST?.match(/^unix:\/\/(\/.*)/)?.[1];
  const socket = given?.replace(/^unix:\/\//, '') ?? host;
  if (socket !== undefined) {
    if (!existsSync(socket)) throw new NoEngine(`there is no container engine at ${socket}`);
    return socket;
  }
  const found = USUAL.find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new NoEngine(`there is no container engine: no ${USUAL.join(', no ')}; name a socket with --engine`);
}

/** A stage in a container of its own. `close` removes the container and its image. */
export interface ContainerStage {
  readonly stage: Stage;
  close(): Promise<void>;
}

/**
 * Starts a container, privileged as event-generator's are, without a network to the outside. `users` are to be known in
 * it. @throws NoEngine when nobody answers there, ContainerFailed when the engine will not have it
 */
export async function openContainerStage(
  socket: string,
  { image = OWN_IMAGE, name = OWN_NAME, env = {} }: ContainerContext,
  users: readonly string[],
): Promise<ContainerStage> {
  const engine = new Engine(socket);
  // What was made is removed in the end, last first.
  const made: (() => Promise<unknown>)[] = [];
  const remove = async () => {
    for (const each of made.splice(0).reverse()) await each();
  };
  try {
    const imagePath = `/images/${encodeURIComponent(image)}`;
    // Nobody's image is replaced by ours.
    if (image !== OWN_IMAGE && (await engine.call('GET', `${imagePath}/json`, { may: [404] })))
      throw new ContainerFailed(`the engine has an image ${image} already, which is not replaced by one for tests`);
    await engine.importImage(image, imageArchive(users));
    made.push(() => engine.call('DELETE', imagePath, { may: [404, 409] }));
    const { Id: id } = (await engine.call('POST', `/containers/create?name=${encodeURIComponent(name)}`, {
      json: {
        Image: image,
        Entrypoint: ['/bin/event-generator'],
        Env: ['PATH=/bin', ...Object.entries(env).map(([key, value]) => `${key}=${value}`)],
        OpenStdin: true,
        StdinOnce: true,
        AttachStdin: true,
        AttachStdout: true,
        AttachStderr: true,
        Tty: false,
        HostConfig: { AutoRemove: true, Privileged: true, NetworkMode: 'none' },
      },
    })) as { Id: string };
    made.push(async () => {
      // It goes by itself when its first process ends, also when we are killed.
      await engine.call('DELETE', `/containers/${id}?force=true&v=true`, { may: [404, 409] });
      await engine.call('POST', `/containers/${id}/wait?condition=removed`, { may: [404] });
    });
    const stage = await engine.startStage(id);
    made.push(() => stage.close());
    return { stage, close: remove };
  } catch (error) {
    // Why it was not opened says more than what could not be removed after that.
    await remove().catch(() => {});
    if (error instanceof ContainerFailed) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED')
      throw new NoEngine(`no container engine answers at ${socket}`);
    throw new ContainerFailed(`the container engine at ${socket} failed: ${messageOf(error)}`);
  }
}

interface Call {
  readonly json?: object;
  readonly body?: Buffer;
  /** Statuses that are answers too: then the result is undefined. */
  readonly may?: readonly number[];
}

class Engine {
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  /** The JSON of an answer. Rejects with what the engine says of a failure. */
  async call(method: string, path: string, { json, body, may = [] }: Call = {}): Promise<unknown> {
    const content = json === undefined ? body : Buffer.from(JSON.stringify(json));
    const type = json === undefined ? 'application/x-tar' : 'application/json';
    const headers = content ? { 'content-type': type, 'content-length': content.length } : {};
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const signal = AbortSignal.timeout(PATIENCE);
      const sent = request({ socketPath: this.#socket, host: 'localhost', method, path, headers, signal }, resolve);
      sent.on('error', reject);
      sent.end(content);
    });
    const text = Buffer.concat(await response.toArray()).toString();
    const status = response.statusCode ?? 0;
    if (may.includes(status)) return undefined;
    if (status >= 300) throw new Error(`${method} ${path.split('?')[0]}: ${status}: ${messageIn(text)}`);
    return text.trim().startsWith('{') ? JSON.parse(text.split('\n')[0] as string) : {};
  }

  async importImage(image: string, archive: Buffer): Promise<void> {
    const colon = image.lastIndexOf(':') > image.lastIndexOf('/') ? image.lastIndexOf(':') : image.length;
    const names = new URLSearchParams({
      fromSrc: '-',
      repo: image.slice(0, colon),
      tag: image.slice(colon + 1) || 'latest',
    });
    await this.call('POST', `/images/create?${names}`, { body: archive });
  }

  /** Attaches to a container, then starts it: nothing of what it says is missed. */
  async startStage(id: string): Promise<Stage> {
    const socket = await this.#attach(id);
    await this.call('POST', `/containers/${id}/start`);
    const { State } = (await this.call('GET', `/containers/${id}/json`)) as { State: { Pid: number } };
    const output = new PassThrough();
    readFrames(socket, output);
    const ended = new Promise((resolve) => socket.once('close', resolve));
    return Stage.open({ input: socket, output, pid: State.Pid, ended });
  }

  #attach(id: string): Promise<Socket> {
    const path = `/containers/${id}/attach?stream=1&stdin=1&stdout=1&stderr=1`;
    const headers = { connection: 'Upgrade', upgrade: 'tcp' };
    return new Promise((resolve, reject) => {
      const sent = request({ socketPath: this.#socket, host: 'localhost', method: 'POST', path, headers });
      sent.on('error', reject);
      sent.on('upgrade', (_response, socket: Socket, head) => {
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
      });
      sent.on('response', ({ statusCode }) => reject(new Error(`attaching to the container: status ${statusCode}`)));
      sent.end();
    });
  }
}

/** What a container without a terminal says comes in frames: a byte for the stream, three of nothing, a length, the bytes. */
function readFrames(socket: Socket, output: PassThrough): void {
  let rest = Buffer.alloc(0);
  socket.on('data', (data: Buffer) => {
    rest = Buffer.concat([rest, data]);
    while (rest.length >= 8 && rest.length >= 8 + rest.readUInt32BE(4)) {
      const length = rest.readUInt32BE(4);
      output.write(rest.subarray(8, 8 + length));
      rest = rest.subarray(8 + length);
    }
  });
}

function messageIn(text: string): string {
  try {
    const { message, cause } = JSON.parse(text) as { message?: string; cause?: string };
    return message ?? cause ?? text;
  } catch {
    return text.slice(0, 300);
  }
}
