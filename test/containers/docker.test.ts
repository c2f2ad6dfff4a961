import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { DockerRuntime } from '../../src/containers/docker.ts';
import type { Lifecycle } from '../../src/containers/runtime.ts';
import { type Served, serveHttp } from './servers.ts';

const { signal } = new AbortController();

describe("Docker's API", () => {
  let served: Served | undefined;
  let runtime: DockerRuntime | undefined;
  const serve = async (on: (request: IncomingMessage, response: ServerResponse) => void) => {
    served = await serveHttp(on);
    runtime = new DockerRuntime('docker', served.socket);
    return runtime;
  };
  afterEach(async () => {
    runtime?.close();
    await served?.close();
  });

  it('may leave out whatever it likes', async () => {
    const docker = await serve((_, response) => response.end('{"Id":"a"}'));
    expect(await docker.inspect('a', signal)).toMatchObject({ id: 'a', name: '', labels: {}, mounts: [], probes: {} });
  });

  it('has addresses of networks', async () => {
    const NetworkSettings = { IPAddress: '', Networks: { none: { IPAddress: '' }, own: { IPAddress: '10.9.0.2' } } };
    const docker = await serve((_, response) => response.end(JSON.stringify({ Id: 'a', NetworkSettings })));
    expect((await docker.inspect('a', signal))?.ip).toBe('10.9.0.2');
  });

  it.each([
    [404, 'No such container: a'],
    [500, '{"cause":"no such container","message":"no container with ID a"}'],
  ])('knows no such container: %s %s', async (status, body) => {
    const docker = await serve((_, response) => response.writeHead(status).end(body));
    expect(await docker.inspect('a', signal)).toBeUndefined();
  });

  it.each([
    [500, 'out of order', /status 500: out of order/],
    [200, '{', /JSON/],
    [200, '[]'.padEnd(9 * 1024 * 1024), /too large/],
  ])('fails: %s', async (status, body, message) => {
    const docker = await serve((_, response) => response.writeHead(status).end(body));
    await expect(docker.inspect('a', signal)).rejects.toThrow(message);
  });

  it('escapes what stands in a path', async () => {
    const paths: (string | undefined)[] = [];
    const docker = await serve((request, response) => {
      paths.push(request.url);
      response.writeHead(404).end();
    });
    await docker.inspect('../images?x', signal);
    expect(paths).toEqual(['/containers/..%2Fimages%3Fx/json']);
  });

  it('asks for an image once', async () => {
    const paths: (string | undefined)[] = [];
    const docker = await serve((request, response) => {
      paths.push(request.url);
      const image = { RepoTags: ['shop/web:2'] };
      response.end(JSON.stringify(request.url?.startsWith('/images/') ? image : { Id: 'a', Image: 'sha256:1' }));
    });
    for (let times = 0; times < 3; times++) {
      expect((await docker.inspect('a', signal))?.image).toMatchObject({ repository: 'shop/web', tag: '2' });
    }
    expect(paths.filter((path) => path?.startsWith('/images/'))).toEqual(['/images/sha256%3A1/json']);
  });

  it('has a list of all, also of those that do not run', async () => {
    const paths: (string | undefined)[] = [];
    const states = [
      'created',
      'running',
      'paused',
      'restarting',
      'removing',
      'exited',
      'dead',
      'configured',
      'stopped',
    ];
    const docker = await serve((request, response) => {
      paths.push(request.url);
      response.end(JSON.stringify([...states.map((State) => ({ Id: State, State })), { Id: 'none' }]));
    });
    expect((await docker.list(signal)).map(({ id, state }) => `${id}: ${state}`)).toEqual([
      ...['created: created', 'running: running', 'paused: running', 'restarting: ended', 'removing: ended'],
      ...['exited: ended', 'dead: ended', 'configured: created', 'stopped: ended', 'none: ended'],
    ]);
    expect(paths).toEqual(['/containers/json?all=1']);
  });

  it('without a list does not seem to have nothing', async () => {
    const docker = await serve((_, response) => response.writeHead(404).end());
    await expect(docker.list(signal)).rejects.toThrow('/containers/json');
  });

  it('tells events in pieces, exact to the nanosecond, and of a container that is gone its name', async () => {
    const line = (Action: string, more: object = {}) => ({
      Type: 'container',
      Action,
      time: 1795529885,
      timeNano: 1795529885160589,
      Actor: { ID: 'a', Attributes: { name: 'web', image: 'shop/web:1', app: 'shop', ...more } },
    });
    const text = ['exec_start: sh', 'create', 'destroy']
      .map(
        (action) =>
          `${JSON.stringify(line(action, { exitCode: '7' })).replace('1795529885160589', '1795529885160589522')}\n`,
      )
      .join('');
    const docker = await serve((_, response) => {
      response.write(text.slice(0, 100));
      setImmediate(() => response.end(text.slice(100)));
    });
    const events: Lifecycle[] = [];
    let asked = 0;
    const following = (async () => {
      for await (const event of docker.lifecycle(signal, () => asked++)) events.push(event);
    })();
    await expect(following).rejects.toThrow('the connection ended');
    expect(asked).toBe(1);
    expect(events).toMatchObject([
      { type: 'create', id: 'a', time: 1795529885160589522n, exitCode: 7 },
      { type: 'remove', id: 'a' },
    ]);
    expect(events[0]?.glimpse).toMatchObject({
      name: 'web',
      image: { repository: 'shop/web', tag: '1' },
      labels: { app: 'shop' },
      privileged: undefined,
    });
  });
});
