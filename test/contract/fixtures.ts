/** Configurations with which components run on this machine alone: services that are there, and those that are not. */

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { EventHub } from '../azure/event-hubs.ts';
import { hasNats, NatsServer } from '../nats/server.ts';
import { scratch } from '../scratch.ts';
import { Receiver } from '../sinks/servers.ts';

/** Nobody listens there. */
const NOWHERE = '127.0.0.1:9';

export type Configs = Readonly<Record<string, object>>;

/** Types whose service is not installed, and why they are not tested with it. */
export const absent: Readonly<Record<string, string>> = hasNats ? {} : { nats: 'nats-server is not installed' };

export class Fixtures {
  readonly folder = scratch();
  readonly #receiver: Receiver;
  readonly #syslog: Socket;
  readonly #hub: EventHub;
  readonly #nats: NatsServer | undefined;

  private constructor(receiver: Receiver, syslog: Socket, hub: EventHub, nats: NatsServer | undefined) {
    this.#nats = nats;
    this.#receiver = receiver;
    this.#syslog = syslog;
    this.#hub = hub;
    this.#write('events.jsonl', '');
    this.#write('assets.csv', 'host,owner,tier\nnode1,shop,1\n');
    this.#write('token', 'a-token\n');
    this.#write('hub', 'Endpoint=sb://127.0.0.1:9/;SharedAccessKeyName=n;SharedAccessKey=a2V5;EntityPath=hub\n');
    this.#write('hub-here', hub.connectionString);
    mkdirSync(join(this.folder, 'trail'));
  }

  static async start(): Promise<Fixtures> {
    const syslog = createSocket('udp4');
    syslog.bind(0, '127.0.0.1');
    await once(syslog, 'listening');
    const nats = hasNats ? await natsWithStream() : undefined;
    return new Fixtures(await Receiver.start(), syslog, await EventHub.start(), nats);
  }

  async stop(): Promise<void> {
    this.#syslog.close();
    await this.#hub.halt();
    await this.#receiver.stop();
    await this.#nats?.halt();
  }

  #write(name: string, text: string, mode = 0o600): void {
    writeFileSync(join(this.folder, name), text, { mode });
  }

  /** Sources that have nothing to give. */
  get sources(): Configs {
    return {
      cloudevents: { listen: '127.0.0.1:0' },
      cloudtrail: { mode: 'file', files: 'trail' },
      ebpf: { scope: { descendants_of: process.pid }, ring: '64KiB' },
      internal: {},
      k8s_audit: { listen: '127.0.0.1:0' },
      replay: { files: 'events.jsonl' },
      ...(this.#nats ? { nats: { servers: this.#nats.url, stream: 'FALCO' } } : {}),
    };
  }

  /** Sources whose service is not there. */
  get stranded(): Configs {
    const token = { file: 'token' };
    return {
      azure_event_hubs: { connection: { file: 'hub' } },
      container: { sockets: { docker: [join(this.folder, 'no.sock')] } },
      nats: { servers: `nats://${NOWHERE}`, stream: 'FALCO' },
      ovh_mks: { url: `ws://${NOWHERE}/tail/`, token },
      vcloud: { url: `http://${NOWHERE}`, user: 'auditor', password: token },
    };
  }

  /** Operators whose example names what is not here. */
  get operators(): Configs {
    return { enrich: { table: 'assets.csv', key: 'evt.hostname', fields: { 'asset.owner': 'owner' } } };
  }

  /** Sinks that take events. */
  get taking(): Configs {
    return {
      azure_event_hubs: { connection: { file: 'hub-here' } },
      file: { path: 'out.jsonl' },
      http: { url: this.#receiver.url },
      program: { command: ['sh', '-c', 'cat > /dev/null'] },
      stdout: {},
      ...(this.#nats ? { nats: { servers: this.#nats.url, subject: 'falco.alerts' } } : {}),
      syslog: { address: `udp://127.0.0.1:${(this.#syslog.address() as AddressInfo).port}` },
    };
  }

  /** Sinks that take none: a full disk, nobody who listens, a program that ends at once and is then no more. */
  get failing(): Configs {
    this.#write('once', '#!/bin/sh\nrm "$0"\nexit 1\n', 0o700);
    return {
      azure_event_hubs: { connection: { file: 'hub' } },
      file: { path: '/dev/full' },
      http: { url: `http://${NOWHERE}` },
      nats: { servers: `nats://${NOWHERE}` },
      program: { command: ['./once'] },
      stdout: {},
      syslog: { address: `tcp://${NOWHERE}` },
    };
  }
}

async function natsWithStream(): Promise<NatsServer> {
  const server = await NatsServer.start();
  const connection = await connect({ servers: server.url });
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: 'FALCO', subjects: ['falco.alerts'] });
  await connection.close();
  return server;
}
