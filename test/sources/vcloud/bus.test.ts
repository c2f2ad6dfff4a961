/** The event bus of the source `vcloud`: a real mosquitto behind a door that looks at the token. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, connect as connectTcp, createServer } from 'node:net';
import { join } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SourceError } from '../../../src/core/errors.ts';
import { vcloud } from '../../../src/sources/vcloud/index.ts';
import { atEnd, scratch } from '../../scratch.ts';
import { makeCertificates, until } from '../../sinks/servers.ts';
import { Harness, type HarnessOptions } from '../harness.ts';
import { Director, item, message } from './director.ts';

const isHere = spawnSync('mosquitto', ['-h']).error === undefined;
if (!isHere) console.warn('mosquitto is not installed: the event bus is not tested (apt-get install mosquitto)');

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

class Broker {
  readonly #folder = scratch();
  #child: ChildProcess | undefined;
  readonly port: number;

  constructor(port: number) {
    this.port = port;
  }

  async run(): Promise<void> {
    const file = join(this.#folder, 'mosquitto.conf');
    writeFileSync(file, `user root\nallow_anonymous true\nlistener ${this.port} 127.0.0.1\nprotocol websockets\n`);
    const child = spawn('mosquitto', ['-c', file], { stdio: 'ignore' });
    this.#child = child;
    atEnd(() => child.kill('SIGKILL'));
    for (let open = false; !open; ) {
      open = await new Promise<boolean>((resolve) => {
        const socket = connectTcp(this.port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
        socket.on('connect', () => socket.destroy());
      });
      if (!open) await new Promise((done) => setTimeout(done, 20));
    }
  }

  async halt(): Promise<void> {
    if (this.#child?.exitCode === null) {
      this.#child.kill('SIGTERM');
      await once(this.#child, 'close');
    }
  }
}

const NOW = Date.now();
const TOPIC = 'publish/00000000-0000-4000-8000-000000000900/00000000-0000-4000-8000-000000000901';

describe.skipIf(!isHere)('the event bus', () => {
  let broker: Broker;
  let director: Director;
  let publisher: MqttClient;
  const open: Harness[] = [];

  beforeAll(async () => {
    process.env.VCD_PASSWORD = 'hush-hush';
    broker = new Broker(await freePort());
    await broker.run();
    publisher = await connectAsync(`ws://127.0.0.1:${broker.port}`, { reconnectPeriod: 20 });
  });
  afterAll(async () => {
    await publisher.endAsync(true);
    await broker.halt();
  });
  beforeEach(async () => {
    director = await new Director().start();
    director.broker = broker.port;
  });
  afterEach(async () => {
    for (const each of open.splice(0)) {
      await each.stop();
      expect(`${each.log.lines} ${JSON.stringify(each.reports)} ${each.end}`).not.toMatch(/hush-hush|jwt-/);
    }
    await director.stop();
  });

  // The trail would be asked again only in an hour: what comes sooner comes because of the bus.
  function listen(config: object = {}, options: HarnessOptions = {}): Harness {
    const keys = { url: director.url, org: 'acme', user: 'auditor', password: { env: 'VCD_PASSWORD' } };
    const source = new Harness(
      vcloud,
      { ...keys, event_bus: true, poll: '1h', ...config },
      { longest: 3_600_000, ...options },
    );
    open.push(source);
    return source;
  }
  const heard = (source: Harness, times = 1) =>
    source.until(({ log }) => log.lines.filter((line) => line.includes('is heard')).length >= times);
  const names = (source: Harness) => source.values('vcd.entity.name');
  const publish = (payload: string, topic = TOPIC) => publisher.publishAsync(topic, payload, { qos: 1 });

  it('makes the trail be read at once, which has the names', async () => {
    const source = listen();
    await heard(source);
    expect(director.upgrades).toEqual(['/messaging/mqtt mqtt']);
    director.items.push(item(1, NOW));
    await publish(message(1, NOW));
    await source.until(({ events }) => events.length === 1);
    expect(names(source)).toEqual(['vm1']);
    expect(source.metrics.total('bus_only')).toBe(0);
  });

  it('is of the own organization, or of all for a provider', async () => {
    const tenant = listen();
    await heard(tenant);
    director.items.push(item(1, NOW));
    await publish(message(1, NOW), 'publish/another-org/user');
    const { length } = director.asked;
    await new Promise((done) => setTimeout(done, 50));
    expect(director.asked).toHaveLength(length);
    const provider = listen({ org: undefined });
    await heard(provider);
    director.items.push(item(2, NOW));
    await publish(message(2, NOW), 'publish/another-org/user');
    await provider.until(({ events }) => events.length === 2);
  });

  it('is where an event is from that the trail never shows; messages that are none are counted', async () => {
    let clock = NOW;
    const source = listen({ poll: '100ms' }, { now: () => clock, longest: 10 });
    await heard(source);
    for (const text of ['{', 'null', '[]', '{}', message(0, NOW, { payload: '{' })]) await publish(text);
    await publish(message(5, NOW, { type: 'TASK' }));
    await publish(message(1, NOW));
    await publish(message(1, NOW));
    const { length } = director.asked;
    await until(() => director.asked.length > length + 2);
    expect(source.events).toEqual([]);
    clock += 31_000;
    await source.until(({ events }) => events.length === 1);
    expect(source.events[0]).toMatchObject({ type: 'vm/create', source: 'vcd_audit' });
    expect(source.values('vcd.topic')).toEqual([TOPIC]);
    expect(source.values('vcd.transport')).toEqual(['mqtt']);
    // Also when the trail has it in the end.
    director.items.push(item(1, NOW), item(2, NOW));
    await source.until(({ events }) => events.length === 2);
    expect(names(source).at(-1)).toBe('vm2');
    expect(source.said.filter((each) => each === 'drop bad_message 1')).toHaveLength(5);
    expect(source.metrics.total('other_messages')).toBe(1);
  });

  it('that was away is heard again, and what was missed is in the trail', async () => {
    const source = listen({}, { longest: 20 });
    await heard(source);
    await source.until(({ trouble }) => trouble === undefined);
    await broker.halt();
    director.items.push(item(1, NOW));
    await source.until(({ said }) => said.includes('health event_bus 1'));
    await broker.run();
    await heard(source, 2);
    await source.until(({ events }) => events.length === 1);
    expect(source.end).toBe('open');
  });

  it('wants a token that is good: a new one is had once, then it is given up', async () => {
    const source = listen({}, { longest: 20 });
    await heard(source);
    director.tokens.clear();
    director.cut();
    await heard(source, 2);
    expect(director.logins).toBe(2);
    expect(source.end).toBe('open');
    await source.stop();
    director.refuse.push(401, 401, 401);
    const refused = listen();
    await refused.until(({ end }) => end !== 'open');
    expect(refused.end).toBeInstanceOf(SourceError);
    expect(String(refused.end)).toMatch(/access to the event bus was refused: status 401; .* event_bus: false/);
    expect(director.refuse).toHaveLength(1);
  });

  it('is held to the certificate of the service', async () => {
    await director.stop();
    const made = makeCertificates();
    director = await new Director(made.server()).start();
    director.broker = broker.port;
    const source = listen({ tls: { ca: made.ca } });
    await heard(source);
    director.items.push(item(1, NOW));
    await publish(message(1, NOW));
    await source.until(({ events }) => events.length === 1);
  });

  it('that is not there, or overloaded, does not keep the trail from being read', async () => {
    director.broker = undefined;
    director.items.push(item(1, NOW));
    const source = listen({ poll: '50ms' }, { longest: 20 });
    await source.until(({ events }) => events.length === 1);
    await source.until(({ reports }) => reports.some(({ fields }) => fields.message.includes('status 503')));
    await source.until(({ trouble }) => trouble === undefined);
    expect(source.end).toBe('open');
  });
});
