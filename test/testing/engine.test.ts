/** Containers for tests: the image that is made for them, and engines that are not there or do not do what is asked. */

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as listen, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { actorProgram } from '../../native/locate.ts';
import { ContainerFailed, engineSocket, NoEngine, openContainerStage } from '../../src/testing/scenarios/engine.ts';
import { imageArchive } from '../../src/testing/scenarios/image.ts';
import { tarOf } from '../../src/testing/scenarios/tar.ts';
import { scratch } from '../scratch.ts';

let folder: string;
beforeEach(() => {
  folder = scratch();
});
const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((done) => server.close(done));
  vi.unstubAllEnvs();
});

async function serve(server: Server): Promise<string> {
  const socket = join(folder, 'engine.sock');
  servers.push(server);
  await new Promise<void>((ready) => server.listen(socket, ready));
  return socket;
}

/** An engine that answers as it is told to: by method and path a status and JSON. */
function engine(answers: Readonly<Record<string, [number, object]>>): Promise<string> {
  const answer: RequestListener = (request, response) => {
    const [status, body] = answers[`${request.method} ${request.url?.split('?')[0]}`] ?? [500, { message: 'not told' }];
    request.resume().on('end', () => response.writeHead(status, { connection: 'close' }).end(JSON.stringify(body)));
  };
  return serve(createServer(answer));
}

describe('an archive', () => {
  it('is unpacked by tar as it was meant', () => {
    const content = Buffer.alloc(1500, 'x');
    const archive = tarOf([
      { path: 'a/', mode: 0o1777 },
      { path: 'a/file', mode: 0o640, content },
      { path: 'a/empty', mode: 0o600, content: Buffer.alloc(0) },
      { path: 'a/link', mode: 0o777, link: 'file' },
    ]);
    execFileSync('tar', ['-C', folder, '-xpf', '-'], { input: archive });
    const mode = (name: string) => statSync(join(folder, name)).mode & 0o7777;
    expect([mode('a'), mode('a/file'), mode('a/empty')]).toEqual([0o1777, 0o640, 0o600]);
    expect(readFileSync(join(folder, 'a/file'))).toEqual(content);
    expect(statSync(join(folder, 'a/empty')).size).toBe(0);
    expect(readlinkSync(join(folder, 'a/link'))).toBe('file');
  });

  const noActor = existsSync(actorProgram()) ? '' : ' (skipped: the actor is not built)';
  it.skipIf(noActor)(`of an image knows its users and has the program${noActor}`, () => {
    execFileSync('tar', ['-C', folder, '-xpf', '-'], { input: imageArchive(['daemon', 'visitor']) });
    expect(readFileSync(join(folder, 'etc/passwd'), 'utf8')).toMatch(
      /^root:x:0:0:.*^daemon:x:1:1:.*^visitor:x:1\d{3}:/ms,
    );
    expect(readFileSync(join(folder, 'bin/event-generator'))).toEqual(readFileSync(actorProgram()));
    expect(statSync(join(folder, 'tmp')).mode & 0o7777).toBe(0o1777);
  });
});

describe('an engine', () => {
  const start = (socket: string, image?: string) =>
    openContainerStage(socket, image === undefined ? {} : { image }, []);

  it('is the one named, that of DOCKER_HOST, or none', () => {
    vi.stubEnv('DOCKER_HOST', `unix://${folder}`);
    expect(engineSocket(undefined)).toBe(folder);
    expect(engineSocket(`unix://${tmpdir()}`)).toBe(tmpdir());
    expect(() => engineSocket(join(folder, 'none.sock'))).toThrow(NoEngine);
  });

  it('that nobody runs any more is none', async () => {
    const socket = await serve(listen());
    // The file stays when who listened is killed; here its end is only played.
    execFileSync('mv', [socket, `${socket}.kept`]);
    await new Promise((done) => servers.pop()?.close(done));
    const started = start(`${socket}.kept`);
    await expect(started).rejects.toThrow(NoEngine);
    await expect(started).rejects.toThrow(`no container engine answers at ${socket}.kept`);
  });

  it('that fails says why', async () => {
    const socket = await engine({ 'POST /images/create': [500, { message: 'no space left' }] });
    const started = start(socket);
    await expect(started).rejects.toThrow(ContainerFailed);
    await expect(started).rejects.toThrow(
      `the container engine at ${socket} failed: POST /images/create: 500: no space left`,
    );
  });

  it('keeps an image of its own', async () => {
    const socket = await engine({ 'GET /images/nginx/json': [200, { Id: 'x' }] });
    await expect(start(socket, 'nginx')).rejects.toThrow('the engine has an image nginx already');
  });

  const IMAGE = 'DELETE /images/localhost%2Ffalco-pipe%2Ftest%3Alatest';
  /** What an engine that answers so was asked for by a start that failed, and why it did. */
  async function failing(answers: Readonly<Record<string, [number, object]>>) {
    const asked: string[] = [];
    const proxy = new Proxy(answers, {
      get: (target, key: string) => {
        asked.push(key);
        return target[key];
      },
    });
    const error = await start(await engine(proxy)).catch(String);
    return { asked, error };
  }

  it('has nothing left of a container that could not be started', async () => {
    const answers: Record<string, [number, object]> = {
      'POST /images/create': [200, {}],
      'POST /containers/create': [201, { Id: 'c1' }],
      'POST /containers/c1/attach': [500, { message: 'cannot' }],
      'DELETE /containers/c1': [204, {}],
      'POST /containers/c1/wait': [404, {}],
      [IMAGE]: [200, {}],
    };
    const { asked, error } = await failing(answers);
    expect(error).toContain('attaching to the container: status 500');
    expect(asked).toEqual(Object.keys(answers));
  });

  it('has no image left of a container that could not be made, and says why it was not', async () => {
    for (const removed of [[200, {}] as const, [500, { message: 'busy' }] as const]) {
      const answers: Record<string, [number, object]> = {
        'POST /images/create': [200, {}],
        'POST /containers/create': [409, { message: 'the name is taken' }],
        [IMAGE]: [...removed],
      };
      const { asked, error } = await failing(answers);
      expect(error).toContain('409: the name is taken');
      expect(asked).toEqual(Object.keys(answers));
      await new Promise((done) => servers.pop()?.close(done));
    }
  });
});
