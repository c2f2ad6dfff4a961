import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import type { Batch } from '../../src/core/batch.ts';
import type { Event } from '../../src/core/event.ts';
import { container } from '../../src/sources/container.ts';
import { cannotRun, IMAGE, Podman } from '../containers/engines.ts';
import { freeSocket, type Served, serveHttp } from '../containers/servers.ts';
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
  const events: Event[] = [];
  const subscription = container.open(container.config.parse({ sockets }), ctx).subscribe((batch: Batch) => {
    for (let index = 0; index < batch.events.length; index++) events.push(batch.events.at(index) as Event);
  });
  const until = async (test: () => boolean) => {
    for (let tries = 0; tries < 1000 && !test(); tries++) await sleep(10);
    expect(test(), inspect([events, ctx.said], { depth: 4 })).toBe(true);
  };
  return { ctx, events, until, close: () => subscription.unsubscribe() };
}

const line = (Action: string, more: object = {}) =>
  `${JSON.stringify({ Type: 'container', Action, time: 1795529885, Actor: { ID, Attributes: { name: 'web', ...more } } })}\n`;

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
      else if (there) response.end(JSON.stringify({ Id: ID, Name: '/web', Config: { Labels: { app: 'shop' } } }));
      else response.writeHead(404).end();
      response.flushHeaders();
    });
    closing.push(() => served.close());
    const source = opened({ docker: [served.socket] }, ['container.label[app]', 'container.name']);
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
      expect(event.get('container.label[app]')).toBe('shop');
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
    let streams: ServerResponse[] = [];
    const serve = () =>
      serveHttp((request, response) => {
        if (request.url?.startsWith('/events')) {
          response.writeHead(200).flushHeaders();
          streams.push(response);
        } else response.writeHead(404).end();
      }, socket);
    const source = opened({ docker: [socket] });
    closing.push(source.close);
    await source.until(() => source.ctx.said.length === 1);
    expect(source.ctx.said[0]).toMatchObject({ type: 'gap', fields: { reason: 'container_runtime' } });
    expect(source.ctx.said[0]?.fields.message).toMatch(/of docker is not seen \(.*\.sock\): connect ENOENT/);
    let served: Served = await serve();
    closing.push(() => served.close());
    await source.until(() => streams.length > 0);
    streams.at(-1)?.write(line('create'));
    await source.until(() => source.events.length === 1);
    expect(source.events[0]?.get('container.name'), 'as the event has it').toBe('web');
    await served.close();
    await source.until(() => source.ctx.said.length >= 2);
    streams = [];
    served = await serve();
    await source.until(() => streams.length > 0);
    streams.at(-1)?.write(line('destroy'));
    await source.until(() => source.events.length === 2);
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
    await sleep(500);
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
});
