import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import type { Event } from '../../src/core/event.ts';
import type { Batch } from '../../src/core/flow/batch.ts';
import { hostName } from '../../src/core/host.ts';
import { container } from '../../src/sources/container.ts';
import { cannotRun, IMAGE, Podman } from '../containers/engines.ts';
import { freeSocket, type Served, serveHttp, serveHttp2 } from '../containers/servers.ts';
import { load } from '../rules/support.ts';
import { contextFor, type TestContext } from './ebpf/support.ts';

const ID = '3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e';

/** The source over one socket of Docker; `events` is what it emitted. */
function opened(sockets: object, fields: readonly string[] = []) {
  const types = 'all' as const;
  const ctx: TestContext = {
    ...contextFor({ fields: new Set(), types }),
    demand: new Map([['container', { fields: new Set(fields), types }]]),
  };
  const troubles: (string | undefined)[] = [];
  ctx.trouble = (why) => void troubles.push(why);
  const events: Event[] = [];
  const subscription = container.open(container.config.parse({ sockets }), ctx).subscribe((batch: Batch) => {
    for (let index = 0; index < batch.events.length; index++) events.push(batch.events.at(index) as Event);
  });
  const until = async (test: () => boolean) => {
    for (let tries = 0; tries < 1000 && !test(); tries++) await sleep(10);
    expect(test(), inspect([events, ctx.said], { depth: 4 })).toBe(true);
  };
  /** How often it was connected. */
  const seen = () => troubles.filter((why) => why === undefined).length;
  return { ctx, events, troubles, seen, until, close: () => subscription.unsubscribe() };
}

const line = (Action: string, more: object = {}) =>
  `${JSON.stringify({ Type: 'container', Action, time: 1795529885, Actor: { ID, Attributes: { name: 'web', ...more } } })}\n`;

/** What ends each connection for events that there was. */
type Ends = (() => void)[];

const silentDocker = (ends: Ends) =>
  serveHttp((request, response) => {
    if (!request.url?.startsWith('/events')) return response.end('[]');
    response.writeHead(200).flushHeaders();
    return ends.push(() => response.destroy());
  });

/**
 * As servers in Go do it: headers come with the first message, and there is none. `prefix`: the services that it has.
 * `without`: a method that they have not. `refused`: paths of what it has not, as they are asked for.
 */
const silentGrpc = (ends: Ends, prefix: string, socket = freeSocket(), without?: string, refused: string[] = []) =>
  serveHttp2((stream, path) => {
    const unimplemented = (what: string) => {
      refused.push(path);
      stream.respond({ ...GRPC, 'grpc-status': '12', 'grpc-message': `unknown ${what}` }, { endStream: true });
    };
    if (!path.startsWith(`/${prefix}`)) unimplemented('service');
    else if (without !== undefined && path.endsWith(without)) unimplemented(`method ${without}`);
    else if (/GetContainerEvents|Subscribe/.test(path)) ends.push(() => stream.session?.destroy());
    else {
      stream.respond(GRPC, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.alloc(5));
    }
  }, socket);
const GRPC = { ':status': 200, 'content-type': 'application/grpc' } as const;

/** What Docker has of 4,000 containers: 8.8 MiB. */
const manyEnded = () =>
  JSON.stringify(
    Array.from({ length: 4000 }, (_, number) => ({
      Id: number.toString(16).padStart(64, '0'),
      State: 'exited',
      Labels: { text: 'x'.repeat(2200) },
    })),
  );

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

describe('The source container', () => {
  it('emits what becomes of a container, with what it was to the end', async () => {
    let stream: ServerResponse | undefined;
    let there = true;
    const served = await serveHttp((request, response) => {
      if (request.url?.startsWith('/events')) stream = response.writeHead(200);
      else if (request.url?.startsWith('/containers/json')) response.end('[]');
      else if (there) response.end(JSON.stringify({ Id: ID, Name: '/web', Config: { Labels: { app: 'shop' } } }));
      else response.writeHead(404).end();
      response.flushHeaders();
    });
    closing.push(() => served.close());
    const source = opened({ docker: [served.socket] }, ['container.label[app]', 'container.name', 'node.name']);
    closing.push(source.close);
    await source.until(() => stream !== undefined);
    stream?.write(line('create') + line('start'));
    await source.until(() => source.events.length === 2);
    there = false;
    stream?.write(line('exec_start: sh') + line('die', { exitCode: '9' }) + line('destroy'));
    await source.until(() => source.events.length === 4);
    expect(source.events.map(({ type }) => type)).toEqual(['create', 'start', 'die', 'remove']);
    for (const event of source.events) {
      expect([event.source, event.get('container.id'), event.get('container.name')]).toEqual([
        'container',
        ID.slice(0, 12),
        'web',
      ]);
      expect([event.get('container.label[app]'), event.get('node.name')]).toEqual(['shop', hostName()]);
      expect(event.time).toBe(1795529885_000_000_000n);
    }
    expect(source.events.map((event) => event.get('container.exit_code'))).toEqual([
      undefined,
      undefined,
      9,
      undefined,
    ]);
    expect(source.ctx.said).toEqual([]);
  });

  it('says when it does not see what happens, and goes on when it can', async () => {
    const socket = freeSocket();
    const streams: ServerResponse[] = [];
    let list: object[] = [];
    const serve = () =>
      serveHttp((request, response) => {
        if (request.url?.startsWith('/events')) {
          response.writeHead(200).flushHeaders();
          streams.push(response);
        } else if (request.url?.startsWith('/containers/json')) response.end(JSON.stringify(list));
        else response.writeHead(404).end();
      }, socket);
    const began = Date.now();
    const source = opened({ docker: [socket] });
    closing.push(source.close);
    await source.until(() => source.ctx.said.length === 1);
    expect(source.ctx.said[0]).toMatchObject({ type: 'health', fields: { reason: 'container_runtime_docker' } });
    expect(source.ctx.said[0]?.fields.message).toMatch(/of docker \(.*\.sock\) is not seen: connect ENOENT/);
    expect(source.troubles.at(-1)).toBe(source.ctx.said[0]?.fields.message);
    let served: Served = await serve();
    closing.push(() => served.close());
    await source.until(() => source.ctx.said.length === 2);
    expect(source.troubles.at(-1)).toBeUndefined();
    const { from = 0n, to = 0n, message } = source.ctx.said[1]?.fields ?? {};
    expect(source.ctx.said[1]?.type).toBe('gap');
    expect(message).toMatch(/^what became of containers of docker \(.*\) was not seen for \d+ s: connect ENOENT/);
    expect([from >= BigInt(began) * 1_000_000n, to >= from]).toEqual([true, true]);
    streams.at(-1)?.write(line('create'));
    await source.until(() => source.events.length === 1);
    expect(source.events[0]?.get('container.name'), 'as the event has it').toBe('web');
    // It is gone while nobody can be asked, and another one has come.
    await served.close();
    await source.until(() => source.ctx.said.length === 3);
    list = [{ Id: 'b'.repeat(64), State: 'running' }];
    served = await serve();
    await source.until(() => source.events.length === 4);
    expect(source.ctx.said.slice(2).map(({ type }) => type)).toEqual(['health', 'gap']);
    expect(source.ctx.said[3]?.fields.message).toMatch(
      /: the connection ended; events of it that were found by what there was then: 3$/,
    );
    expect(source.events.slice(1).map((event) => [event.type, event.get('container.full_id')])).toEqual([
      ['remove', ID],
      ['create', 'b'.repeat(64)],
      ['start', 'b'.repeat(64)],
    ]);
    expect(source.events[1]?.get('container.name')).toBe('web');
  });

  it.each<[string, string, object, (end: Ends) => Promise<Served>]>([
    ['Docker', 'docker', { docker: [] }, silentDocker],
    ['CRI-O', 'cri-o for Kubernetes', { crio: [] }, (end) => silentGrpc(end, 'runtime.v1')],
    ['containerd', 'containerd', { containerd: [] }, (end) => silentGrpc(end, 'containerd')],
  ])('each time that %s takes a connection, says nothing and drops it is one gap', async (_, name, sockets, serve) => {
    const ends: Ends = [];
    const served = await serve(ends);
    closing.push(() => served.close());
    const source = opened(Object.fromEntries(Object.keys(sockets).map((key) => [key, [served.socket]])));
    closing.push(source.close);
    for (const times of [1, 2, 3]) {
      await source.until(() => ends.length === times && source.seen() === times);
      ends.at(-1)?.();
      await source.until(() => source.seen() === times + 1);
      const gaps = source.ctx.said.filter(({ type }) => type === 'gap');
      expect(source.ctx.said.map(({ type }) => type)).toEqual(new Array(times).fill(['health', 'gap']).flat());
      expect(gaps.at(-1)?.fields.message).toContain(`what became of containers of ${name} (`);
    }
    const spans = source.ctx.said
      .filter(({ type }) => type === 'gap')
      .map(({ fields: { from = 0n, to = 0n } }) => [from, to]);
    expect(spans.flat()).toEqual(spans.flat().toSorted((a, b) => Number(a - b)));
  });

  it('gives what one runtime tells while another is not there: then each is said, and nothing is in its way', async () => {
    const ends: Ends = [];
    const served = await silentGrpc(ends, 'runtime.v1');
    closing.push(() => served.close());
    const source = opened({ docker: [freeSocket()], podman: [freeSocket()], crio: [served.socket] });
    closing.push(source.close);
    await source.until(() => source.seen() > 0 && source.ctx.said.length === 2);
    expect(source.ctx.said.map(({ fields }) => fields.reason).toSorted()).toEqual([
      'container_runtime_docker',
      'container_runtime_podman',
    ]);
    expect(source.troubles.at(-1)).toBeUndefined();
    await served.close();
    await source.until(() => source.troubles.at(-1) !== undefined);
    expect(source.troubles.at(-1)).toMatch(/docker.*podman.*cri-o for Kubernetes/);
    expect(source.ctx.said.at(-1)?.fields.reason).toBe('container_runtime_cri_o_kubernetes');
  });

  it('does not take for seen what containerd does not offer: it is not ready once containerd is lost', async () => {
    const socket = freeSocket();
    const source = opened({ containerd: [socket] });
    closing.push(source.close);
    await source.until(() => source.ctx.said.length === 2);
    const refused: string[] = [];
    const served = await silentGrpc([], 'containerd', socket, undefined, refused);
    await source.until(() => source.seen() > 0 && refused.length > 0);
    await sleep(100);
    await served.close();
    await source.until(() => source.ctx.said.length === 4);
    expect(source.troubles.at(-1)).toMatch(/^what becomes of containers of containerd \([^)]*\) is not seen: [^;]*$/);
    expect(source.ctx.said.map(({ type, fields }) => `${type} ${fields.reason}`).toSorted()).toEqual([
      'gap container_runtime_containerd',
      'health container_runtime_containerd',
      'health container_runtime_containerd',
      'health container_runtime_containerd_kubernetes',
    ]);
  });

  it('a runtime that has no events is not taken for one that is seen, whatever else it answers', async () => {
    const served = await silentGrpc([], 'runtime.v1', freeSocket(), 'GetContainerEvents');
    closing.push(() => served.close());
    const source = opened({ crio: [served.socket] });
    closing.push(source.close);
    await source.until(() => source.ctx.said.length > 0);
    await sleep(200);
    expect(source.ctx.said).toMatchObject([
      { type: 'health', fields: { reason: 'container_runtime_cri_o_kubernetes' } },
    ]);
    expect(source.troubles).toEqual([expect.stringContaining('unknown method GetContainerEvents')]);
  });

  it.each<[string, (response: ServerResponse) => void, string[]]>([
    ['has thousands that have ended', (response) => response.end(manyEnded()), []],
    ['does not say what it has', (response) => response.writeHead(500).end('locked'), ['gap container_runtime_docker']],
  ])('hears Docker also when it %s', async (_, list, said) => {
    const streams: ServerResponse[] = [];
    const served = await serveHttp((request, response) => {
      if (request.url?.startsWith('/events')) {
        response.writeHead(200).flushHeaders();
        streams.push(response);
      } else if (request.url?.startsWith('/containers/json')) list(response);
      else response.writeHead(404).end();
    });
    closing.push(() => served.close());
    const source = opened({ docker: [served.socket] });
    closing.push(source.close);
    await source.until(() => source.seen() === 1);
    streams[0]?.write(line('create'));
    await source.until(() => source.events.length === 1);
    expect([streams.length, source.troubles]).toEqual([1, [undefined]]);
    expect(source.ctx.said.map(({ type, fields }) => `${type} ${fields.reason}`)).toEqual(said);
    for (const { fields } of source.ctx.said) {
      expect(fields.message).toMatch(/ was not seen before: what there was then is not known: .*status 500: locked/);
      expect([typeof fields.from, typeof fields.to]).toEqual(['bigint', 'bigint']);
    }
  });

  it('rules for it load as they stand in the guide', () => {
    const text = `- rule: Privileged container made
  desc: d
  source: container
  condition: evt.type = create and container.privileged = true
  output: "%container.name of %container.image"
  priority: WARNING
`;
    const { diagnostics, rules } = load(text);
    expect(diagnostics).toEqual([]);
    expect(rules[0]).toMatchObject({ source: 'container', enabled: true });
    expect(load(text.replace('create', 'created')).diagnostics[0]?.message).toContain('created');
    expect(load(text.replace('container.privileged', 'proc.name')).diagnostics[0]?.message).toContain('proc.name');
  });
});

const noPodman = cannotRun('podman', 'conmon');
describe.skipIf(noPodman)(`The source container on Podman${noPodman ? ` (skipped: ${noPodman})` : ''}`, () => {
  it('emits the life of a real container', async () => {
    const podman = await new Podman().serve();
    closing.push(() => podman.close());
    const source = opened({ podman: [podman.socket] });
    closing.push(source.close);
    await source.until(() => source.seen() === 1);
    const id = podman.start('--name=job', '--label=app=shop', IMAGE, '/bin/sh', '-c', 'sleep 0.5; exit 3');
    await source.until(() => source.events.some(({ type }) => type === 'die'));
    podman.remove(id);
    await source.until(() => source.events.some(({ type }) => type === 'remove'));
    const names = ['container.name', 'container.image.repository', 'container.exit_code'];
    expect(source.events.map((event) => [event.type, ...names.map((name) => event.get(name))])).toEqual([
      ['create', 'job', 'localhost/shop/web', undefined],
      ['start', 'job', 'localhost/shop/web', undefined],
      ['die', 'job', 'localhost/shop/web', 3],
      ['remove', 'job', 'localhost/shop/web', undefined],
    ]);
  });

  it('finds what came and went while the service was stopped', async () => {
    const podman = await new Podman().serve();
    closing.push(() => podman.close());
    const gone = podman.start('--name=gone', IMAGE, '/bin/sleep', '1000');
    const source = opened({ podman: [podman.socket] });
    closing.push(source.close);
    await source.until(() => source.seen() === 1);
    await podman.stopServing();
    await source.until(() => source.ctx.said.length === 1);
    podman.remove(gone);
    const id = podman.start('--name=new', IMAGE, '/bin/sleep', '1000');
    await podman.serve();
    await source.until(() => source.events.length >= 4);
    expect(source.events.map((event) => [event.type, event.get('container.full_id')])).toEqual([
      ['die', gone],
      ['remove', gone],
      ['create', id],
      ['start', id],
    ]);
    expect(source.events[2]?.get('container.name')).toBe('new');
    expect(source.ctx.said.map(({ type }) => type)).toEqual(['health', 'gap']);
    expect(source.ctx.said[1]?.fields.to).toBe((source.events[0] as Event).time);
  });
});
