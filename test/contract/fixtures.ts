/** Configurations with which components run on this machine alone: receivers that take events, and those that take none. */

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventHub } from '../azure/event-hubs.ts';
import { Receiver } from '../sinks/servers.ts';

/** Nobody listens there. */
const NOWHERE = '127.0.0.1:9';

export type Configs = Readonly<Record<string, object>>;

export class Fixtures {
  readonly folder = mkdtempSync(join(tmpdir(), 'falco-pipe-contract-'));
  readonly #receiver: Receiver;
  readonly #syslog: Socket;
  readonly #hub: EventHub;

  private constructor(receiver: Receiver, syslog: Socket, hub: EventHub) {
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
    return new Fixtures(await Receiver.start(), syslog, await EventHub.start());
  }

  async stop(): Promise<void> {
    this.#syslog.close();
    await this.#hub.halt();
    await this.#receiver.stop();
    rmSync(this.folder, { recursive: true });
  }

  #write(name: string, text: string): void {
    writeFileSync(join(this.folder, name), text);
  }

  /** Sources that have nothing to give, or whose service is not there. */
  get sources(): Configs {
    const token = { file: 'token' };
    return {
      azure_event_hubs: { connection: { file: 'hub' } },
      cloudevents: { listen: '127.0.0.1:0' },
      cloudtrail: { mode: 'file', files: 'trail' },
      container: { sockets: { docker: [join(this.folder, 'no.sock')] } },
      ebpf: { scope: { descendants_of: process.pid }, ring: '64KiB' },
      internal: {},
      k8s_audit: { listen: '127.0.0.1:0' },
      nats: { servers: `nats://${NOWHERE}`, stream: 'FALCO' },
      ovh_mks: { url: `ws://${NOWHERE}/tail/`, token },
      replay: { files: 'events.jsonl' },
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
      syslog: { address: `udp://127.0.0.1:${(this.#syslog.address() as AddressInfo).port}` },
    };
  }

  /** Sinks that take none: a full disk, nobody who listens. (A pipe to a program takes whatever is written first.) */
  get failing(): Configs {
    return {
      azure_event_hubs: { connection: { file: 'hub' } },
      file: { path: '/dev/full' },
      http: { url: `http://${NOWHERE}` },
      nats: { servers: `nats://${NOWHERE}` },
      syslog: { address: `tcp://${NOWHERE}` },
    };
  }
}
