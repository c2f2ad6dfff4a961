/** A Cloud Director of the test's own: sessions, tokens, the audit trail, and a door to the event bus. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { until } from '../../sinks/servers.ts';

export interface Item {
  readonly eventId: string;
  readonly timestamp: string;
  readonly [key: string]: unknown;
}

const uuid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

/** An item of the trail, `ms` since the epoch, in the form of timestamps that the service has. */
export function item(n: number, ms: number, more: object = {}): Item {
  return {
    eventId: `urn:vcloud:audit:${uuid(n)}`,
    description: `event ${n}`,
    operatingOrg: { name: 'acme', id: `urn:vcloud:org:${uuid(900)}` },
    user: { name: 'jane', id: `urn:vcloud:user:${uuid(901)}` },
    eventEntity: { name: `vm${n}`, id: `urn:vcloud:vm:${uuid(n)}` },
    eventType: 'com/vmware/vcloud/event/vm/create',
    eventStatus: 'SUCCESS',
    serviceNamespace: 'com.vmware.vcloud',
    timestamp: new Date(ms).toISOString().replace('Z', '+0000'),
    additionalProperties: { 'user.session.id': uuid(500) },
    ...more,
  };
}

/** A message of the bus about the same event. */
export function message(n: number, ms: number, more: object = {}): string {
  const { timestamp } = item(n, ms);
  const payload = { eventId: uuid(n), type: 'com/vmware/vcloud/event/vm/create', timestamp, operationSuccess: true };
  const whole = { ...payload, user: `urn:vcloud:user:${uuid(901)}`, entity: `urn:vcloud:vm:${uuid(n)}` };
  return JSON.stringify({ type: 'EVENT', headers: {}, payload: JSON.stringify(whole), ...more });
}

export class Director {
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  items: (Item | unknown)[] = [];
  /** Tokens that are good now. */
  readonly tokens = new Set<string>();
  password = 'hush-hush';
  apiToken = 'api-t0ken';
  /** A service account's token changes with each use. */
  rotates = false;
  expiresIn: number | undefined = 3600;
  logins = 0;
  logouts = 0;
  /** What is asked of the trail: its queries. */
  readonly asked: URLSearchParams[] = [];
  /** Answers in place of the next ones of the trail. */
  readonly answers: { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }[] =
    [];
  /** How answers are written. */
  print: (value: unknown) => string = JSON.stringify;
  /** Called before a page is cut. */
  before: (query: URLSearchParams) => void = () => {};
  /** Where the broker listens for websockets, and what the door has seen. */
  broker: number | undefined;
  readonly upgrades: string[] = [];
  /** The status of the next upgrades. */
  readonly refuse: number[] = [];
  pageLimit = 128;

  readonly #scheme: string;

  constructor(tls?: ServerOptions) {
    const answer = (request: IncomingMessage, response: ServerResponse) => void this.#answer(request, response);
    this.#scheme = tls ? 'https' : 'http';
    this.#server = tls ? createTlsServer(tls, answer) : createServer(answer);
    this.#server.on('connection', (socket) => {
      this.#open.add(socket);
      socket.on('close', () => this.#open.delete(socket));
    });
    this.#server.on('upgrade', (request, socket: Socket, head) => {
      const { authorization = '' } = request.headers;
      this.upgrades.push(`${request.url} ${request.headers['sec-websocket-protocol']}`);
      const status = this.refuse.shift() ?? (this.tokens.has(authorization.replace('Bearer ', '')) ? 0 : 401);
      if (status !== 0 || this.broker === undefined) {
        socket.end(`HTTP/1.1 ${status || 503} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
        return;
      }
      const lines = Object.entries(request.headers).map(([name, value]) => `${name}: ${value}`);
      const broker = connect(this.broker, '127.0.0.1', () => {
        broker.write(`GET / HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
        broker.write(head);
        broker.pipe(socket).pipe(broker);
      });
      broker.on('error', () => socket.destroy());
      socket.on('error', () => broker.destroy());
      socket.on('close', () => broker.destroy());
    });
  }

  async start(port = 0): Promise<this> {
    this.#server.listen(port, '127.0.0.1');
    await until(() => this.#server.listening);
    return this;
  }

  get url(): string {
    return `${this.#scheme}://localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Cuts all connections, those of the bus too. */
  cut(): void {
    for (const socket of this.#open) socket.destroy();
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((done) => this.#server.close(done));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://x');
    let body = '';
    for await (const chunk of request) body += chunk;
    const json = (status: number, value: unknown, headers: Record<string, string> = {}) =>
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(this.print(value));
    const route = `${request.method} ${url.pathname}`;
    const { authorization = '' } = request.headers;
    const session = {
      id: `urn:vcloud:session:${uuid(700 + this.logins)}`,
      org: { name: 'acme', id: `urn:vcloud:org:${uuid(900)}` },
      user: { name: 'auditor', id: `urn:vcloud:user:${uuid(902)}` },
    };
    if (/^POST \/cloudapi\/1\.0\.0\/sessions(\/provider)?$/.test(route)) {
      this.logins++;
      const provider = route.endsWith('provider');
      const expected = Buffer.from(`auditor@${provider ? 'System' : 'acme'}:${this.password}`).toString('base64');
      if (authorization !== `Basic ${expected}`) return void json(401, { message: 'bad credentials' });
      session.id = `urn:vcloud:session:${uuid(700 + this.logins)}`;
      return void json(200, session, { 'x-vmware-vcloud-access-token': this.#grant() });
    }
    if (/^POST \/oauth\/(tenant\/acme|provider)\/token$/.test(route)) {
      this.logins++;
      const form = new URLSearchParams(body);
      if (form.get('refresh_token') !== this.apiToken) return void json(400, { error_description: 'unknown token' });
      if (this.rotates) this.apiToken = `api-t0ken-${this.logins}`;
      const rotated = this.rotates ? { refresh_token: this.apiToken } : {};
      return void json(200, {
        access_token: this.#grant(),
        token_type: 'Bearer',
        expires_in: this.expiresIn,
        ...rotated,
      });
    }
    const token = authorization.replace('Bearer ', '');
    if (!this.tokens.has(token)) return void json(401, { minorErrorCode: 'EXPIRED', message: `${token} has expired` });
    if (route.endsWith('/sessions/current')) {
      if (request.method === 'DELETE') this.logouts++;
      return void json(200, session);
    }
    if (route !== 'GET /cloudapi/1.0.0/auditTrail') return void json(404, { message: 'there is no such thing' });
    if (!/;version=\d+\.\d+$/.test(request.headers.accept ?? '')) return void json(406, { message: 'which version?' });
    this.asked.push(url.searchParams);
    const odd = this.answers.shift();
    if (odd) return void response.writeHead(odd.status, odd.headers).end(odd.body ?? '{"message":"not now"}');
    this.before(url.searchParams);
    json(200, this.#page(url.searchParams));
  }

  #grant(): string {
    const token = `jwt-${this.logins}`;
    this.tokens.add(token);
    return token;
  }

  #page(query: URLSearchParams) {
    const [, from = ''] = /^\(timestamp=ge=(\d{4}-.*Z)\)$/.exec(query.get('filter') ?? '') ?? [];
    const timeOf = (each: unknown) => Date.parse(String((each as Item)?.timestamp).replace('+0000', 'Z'));
    const found = this.items
      .filter((each) => !(timeOf(each) < Date.parse(from)))
      .sort((a, b) => timeOf(a) - timeOf(b) || 0);
    const size = Math.min(Number(query.get('pageSize')), this.pageLimit);
    const page = Number(query.get('page'));
    const values = found.slice((page - 1) * size, page * size);
    return { resultTotal: found.length, pageCount: Math.ceil(found.length / size), page, pageSize: size, values };
  }
}
