/**
 * An Event Hubs namespace on loopback with one hub: AMQP 1.0 as the service speaks it (claims, management, partitions with
 * epochs and filters, batches), as far as clients of it are tested here. The real service cannot be had without a network.
 */

import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import rhea, { type Connection, type EventContext, type Receiver, type Sender } from 'rhea';
import { WebSocketServer } from 'ws';
import { aboutHub, aboutPartition, carried, isRight, type Message, type Stored } from './hub-messages.ts';

const { types } = rhea;
const KEY_NAME = 'RootManageSharedAccessKey';

interface Reader {
  readonly sender: Sender;
  readonly partition: number;
  readonly group: string;
  readonly epoch: number | undefined;
  next: number;
}

export interface HubOptions {
  readonly partitions?: number;
  readonly hub?: string;
  readonly port?: number;
  /** Bytes that a sender may put into one transfer. */
  readonly largest?: number;
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer };
  /** AMQP comes through web sockets, over TLS. */
  readonly websockets?: boolean;
}

export class EventHub {
  /** What each partition holds now. */
  readonly partitions: Stored[][];
  readonly counts = { tokens: 0, refused: 0, attached: 0, stolen: 0, delivered: 0, transfers: 0 };
  /** Bearer tokens that are taken. */
  readonly tokens = new Set<string>();
  /** Transfers that are taken before every other one is refused as `server-busy`. */
  busyAfter: number | undefined;
  /** Questions about partitions that fail before one is answered. */
  sick = 0;
  /** Consumer groups that there are. */
  readonly groups = new Set(['$default']);
  key = 'cGFzc3dvcmQ=';
  readonly hub: string;
  #port = 0;
  readonly #options: HubOptions;
  readonly #container = rhea.create_container({ id: 'event-hub' });
  readonly #readers = new Set<Reader>();
  readonly #connections = new Set<Connection>();
  readonly #replies = new Map<Connection, Map<string, Sender>>();
  readonly #ends: number[];
  #server: Server | undefined;
  #turn = 0;

  private constructor(options: HubOptions) {
    const { partitions = 2, hub = 'audit' } = options;
    this.#options = options;
    this.hub = hub;
    this.partitions = Array.from({ length: partitions }, () => []);
    this.#ends = this.partitions.map(() => 0);
    this.#serve();
  }

  static async start(options: HubOptions = {}): Promise<EventHub> {
    const hub = new EventHub(options);
    await hub.listen();
    return hub;
  }

  /** `localhost:PORT`. */
  get address(): string {
    return `localhost:${this.#port}`;
  }

  get connectionString(): string {
    const plain = this.#options.tls ? '' : ';UseDevelopmentEmulator=true';
    return `Endpoint=sb://${this.address};SharedAccessKeyName=${KEY_NAME};SharedAccessKey=${this.key}${plain};EntityPath=${this.hub}`;
  }

  /** Epochs of those that read each partition. */
  get readers(): (number | undefined)[][] {
    return this.partitions.map((_, index) =>
      [...this.#readers].flatMap(({ partition, epoch }) => (partition === index ? [epoch] : [])),
    );
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** All that was stored, as text. */
  get bodies(): string[] {
    return this.partitions.flat().map(({ body }) => body.toString());
  }

  /** Listens, also again after `halt`, on the same port. */
  async listen(): Promise<void> {
    const { tls, port = this.#port, largest = 1024 ** 2, websockets } = this.#options;
    const limits = { receiver_options: { max_message_size: largest } };
    if (websockets) {
      const server = createServer(tls ?? {});
      new WebSocketServer({ server, path: '/$servicebus/websocket' }).on('connection', (socket) =>
        this.#container.websocket_accept(socket as never, limits as never),
      );
      this.#server = server.listen(port, '127.0.0.1');
    } else {
      const at = { host: '127.0.0.1', port, ...limits };
      // Its typings want fields of connections that a server has not.
      const options = tls ? { ...at, transport: 'tls', ...tls } : at;
      this.#server = this.#container.listen(options as never) as Server;
    }
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Stops listening and drops everybody. */
  async halt(): Promise<void> {
    const closed = this.#server && new Promise((done) => this.#server?.close(done));
    this.drop();
    await closed;
  }

  /** Cuts every connection, as a network does. */
  drop(): void {
    for (const connection of this.#connections)
      (connection as unknown as { socket: { destroy(): void } }).socket.destroy();
  }

  /** Reads nothing that comes on its connections any more, as a machine that has no time: who asks is not answered. */
  stall(): void {
    for (const connection of this.#connections) (connection as unknown as { socket: { pause(): void } }).socket.pause();
  }

  /** Takes a partition away from those who read it. */
  detach(partition: number, condition: string, description: string): void {
    for (const { sender, partition: of } of this.#readers)
      if (of === partition) sender.close({ condition, description });
  }

  /** From now on another key is the right one: who comes with the old one is refused, who is there is sent away. */
  revoke(): void {
    this.key = 'b3RoZXI=';
    this.tokens.clear();
    const condition = 'amqp:unauthorized-access';
    for (const { sender } of this.#readers)
      sender.close({ condition, description: 'ExpiredToken: the token has expired' });
  }

  /** Puts an event into a partition. */
  publish(
    partition: number,
    body: string | Buffer | object,
    more: Pick<Stored, 'key' | 'id' | 'properties'> = {},
  ): void {
    const sequence = this.#ends[partition] as number;
    this.#ends[partition] = sequence + 1;
    const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
    const entry = { sequence, offset: String(sequence * 128), enqueued: Date.now(), body: bytes, ...more };
    this.partitions[partition]?.push(entry);
    for (const reader of this.#readers) if (reader.partition === partition) this.#send(reader);
  }

  /** Forgets the oldest events of a partition, as retention does. */
  expire(partition: number, count: number): void {
    this.partitions[partition]?.splice(0, count);
  }

  #serve(): void {
    const container = this.#container;
    container.sasl_server_mechanisms.enable_anonymous();
    // The claims come later, over $cbs.
    container.sasl_server_mechanisms.MSSBCBS = () => ({
      outcome: undefined as boolean | undefined,
      start() {
        this.outcome = true;
      },
    });
    container.on('connection_open', ({ connection }: EventContext) => {
      this.#connections.add(connection);
      this.#replies.set(connection, new Map());
    });
    container.on('disconnected', ({ connection }: EventContext) => this.#gone(connection));
    container.on('connection_close', ({ connection }: EventContext) => this.#gone(connection));
    container.on('sender_open', ({ sender, connection }: EventContext) => this.#reads(sender as Sender, connection));
    container.on('sendable', ({ sender }: EventContext) => {
      for (const reader of this.#readers) if (reader.sender === sender) this.#send(reader);
    });
    container.on('sender_close', ({ sender }: EventContext) => this.#forget((reader) => reader.sender === sender));
    container.on('receiver_open', ({ receiver }: EventContext) => this.#writes(receiver as Receiver));
    container.on('message', (context: EventContext) => this.#message(context));
    for (const quiet of [
      'protocol_error',
      'error',
      'sender_error',
      'receiver_error',
      'session_error',
      'connection_error',
    ]) {
      container.on(quiet as never, () => {});
    }
  }

  #gone(connection: Connection): void {
    this.#connections.delete(connection);
    this.#replies.delete(connection);
    this.#forget(({ sender }) => sender.connection === connection);
  }

  #forget(test: (reader: Reader) => boolean): void {
    for (const reader of this.#readers) if (test(reader)) this.#readers.delete(reader);
  }

  // Somebody wants to read: a partition, or the answers to requests.
  #reads(sender: Sender, connection: Connection): void {
    const address = String(sender.source?.address ?? '');
    sender.set_source(sender.source);
    sender.set_target(sender.target);
    if (address === '$cbs' || address.endsWith('$management')) {
      this.#replies.get(connection)?.set(address, sender);
      return;
    }
    const [, hub, group, id] = /^\/?(.+?)\/ConsumerGroups\/(.+?)\/Partitions\/(\d+)$/i.exec(address) ?? [];
    const partition = Number(id);
    if (hub !== this.hub || !this.groups.has(String(group).toLowerCase()) || !this.partitions[partition]) {
      sender.close({
        condition: 'amqp:not-found',
        description: `The messaging entity '${address}' could not be found.`,
      });
      return;
    }
    this.counts.attached++;
    const given = sender.properties?.['com.microsoft:epoch'] as number | undefined;
    const epoch = given === undefined ? undefined : Number(given);
    const filter = sender.source?.filter as unknown as Record<string, { value?: unknown }> | undefined;
    const selector = filter?.['apache.org:selector-filter:string'];
    const text = String(selector?.value ?? selector ?? '');
    const reader = { sender, partition, group: String(group).toLowerCase(), epoch, next: this.#start(partition, text) };
    if (epoch !== undefined) this.#steal(reader);
    this.#readers.add(reader);
    this.#send(reader);
  }

  /** The sequence number that a filter such as `amqp.annotation.x-opt-offset > '12'` begins with. */
  #start(partition: number, filter: string): number {
    const end = this.#ends[partition] ?? 0;
    const [, key, operator, value] =
      /x-opt-(offset|sequence-number|enqueued-time)\s*(>=|>)\s*'([^']*)'/.exec(filter) ?? [];
    if (key === undefined || value === '@latest') return end;
    const of = (entry: Stored) =>
      key === 'offset' ? Number(entry.offset) : key === 'enqueued-time' ? entry.enqueued : entry.sequence;
    const first = this.partitions[partition]?.find((entry) =>
      operator === '>' ? of(entry) > Number(value) : of(entry) >= Number(value),
    );
    return first?.sequence ?? end;
  }

  #steal({ partition, group, epoch = 0 }: Reader): void {
    for (const other of this.#readers) {
      if (other.partition !== partition || other.group !== group || (other.epoch ?? -1) > epoch) continue;
      this.#readers.delete(other);
      this.counts.stolen++;
      const description = `New receiver with higher epoch of '${epoch}' is created hence current receiver is getting disconnected.`;
      other.sender.close({ condition: 'amqp:link:stolen', description });
    }
  }

  #send(reader: Reader): void {
    const entries = this.partitions[reader.partition] ?? [];
    const last = entries.at(-1);
    const first = entries[0]?.sequence ?? 0;
    reader.next = Math.max(reader.next, first);
    while (reader.sender.sendable()) {
      const entry = entries[reader.next - first];
      if (!entry) return;
      reader.next = entry.sequence + 1;
      this.counts.delivered++;
      reader.sender.send({
        body: rhea.message.data_section(entry.body),
        ...(entry.id === undefined ? {} : { message_id: entry.id }),
        ...(entry.properties ? { application_properties: entry.properties } : {}),
        message_annotations: {
          'x-opt-sequence-number': types.wrap_long(entry.sequence),
          'x-opt-offset': entry.offset,
          'x-opt-enqueued-time': types.wrap_timestamp(entry.enqueued),
          ...(entry.key === undefined ? {} : { 'x-opt-partition-key': entry.key }),
        },
        delivery_annotations: {
          last_enqueued_sequence_number: types.wrap_long(last?.sequence ?? -1),
          last_enqueued_offset: last?.offset ?? '-1',
          last_enqueued_time_utc: types.wrap_timestamp(last?.enqueued ?? 0),
          runtime_info_retrieval_time_utc: types.wrap_timestamp(Date.now()),
        },
      } as never);
    }
  }

  // Somebody wants to write: events, or requests.
  #writes(receiver: Receiver): void {
    const address = String(receiver.target?.address ?? '');
    const [, hub, id] = /^\/?([^/]+)(?:\/Partitions\/(\d+))?$/i.exec(address) ?? [];
    const request = address === '$cbs' || address.endsWith('$management');
    if (!request && (hub !== this.hub || (id !== undefined && !this.partitions[Number(id)]))) {
      receiver.close({
        condition: 'amqp:not-found',
        description: `The messaging entity '${address}' could not be found.`,
      });
      return;
    }
    receiver.set_source(receiver.source);
    receiver.set_target(receiver.target);
  }

  #message({ connection, receiver, delivery, message }: EventContext): void {
    const address = String(receiver?.target?.address ?? '');
    if (address === '$cbs') this.#claim(connection, message as never);
    else if (address.endsWith('$management')) this.#manage(connection, address, message as never);
    else if (this.busyAfter !== undefined && this.busyAfter-- <= 0) {
      const error = {
        condition: 'com.microsoft:server-busy',
        description: 'The request was terminated because the entity is being throttled.',
      };
      delivery?.reject(error as never);
    } else {
      this.counts.transfers++;
      const [, id] = /\/Partitions\/(\d+)$/i.exec(address) ?? [];
      this.#take(message as never, id === undefined ? undefined : Number(id));
    }
  }

  #claim(connection: Connection, { body, message_id, reply_to }: Message): void {
    const right = isRight(String(body), this.key, this.tokens);
    this.counts[right ? 'tokens' : 'refused']++;
    this.#reply(
      connection,
      '$cbs',
      message_id,
      reply_to,
      right ? 202 : 401,
      right ? 'Accepted' : 'InvalidSignature: The token has an invalid signature.',
    );
  }

  #manage(
    connection: Connection,
    address: string,
    { application_properties: asked, message_id, reply_to }: Message,
  ): void {
    const ofPartition = String(asked?.type).endsWith(':partition');
    if (ofPartition && this.sick > 0) {
      this.sick--;
      this.#reply(connection, address, message_id, reply_to, 500, 'The service was unable to process the request.');
      return;
    }
    const index = Number(asked?.partition);
    const body = ofPartition
      ? aboutPartition(this.hub, index, this.partitions[index] ?? [], (this.#ends[index] ?? 0) - 1)
      : aboutHub(this.hub, this.partitions.length);
    const known = asked?.name === this.hub;
    const description = known ? 'OK' : `The messaging entity '${asked?.name}' could not be found.`;
    this.#reply(connection, address, message_id, reply_to, known ? 200 : 404, description, known ? body : undefined);
  }

  #reply(
    connection: Connection,
    address: string,
    id: unknown,
    to: unknown,
    status: number,
    description: string,
    body?: unknown,
  ): void {
    this.#replies
      .get(connection)
      ?.get(address)
      ?.send({
        correlation_id: id,
        to,
        application_properties: {
          'status-code': types.wrap_int(status),
          'status-description': description,
          ...(status === 404 ? { 'error-condition': 'amqp:not-found' } : {}),
        },
        ...(body === undefined ? {} : { body }),
      } as never);
  }

  #take(message: Buffer | Message, given: number | undefined): void {
    const { key, events } = carried(message);
    const partition = given ?? this.#partitionOf(key);
    for (const { body, ...more } of events) this.publish(partition, body, { key, ...more });
  }

  #partitionOf(key: string | undefined): number {
    if (key === undefined) return this.#turn++ % this.partitions.length;
    return createHmac('md5', '').update(key).digest().readUInt32LE() % this.partitions.length;
  }
}
