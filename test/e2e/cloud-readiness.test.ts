/** What a running program says of its cloud sources: which is down and why, how far behind it is, and which was refused. */

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type Server } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { WebSocketServer } from 'ws';
import { hasMoto, keyOf, logFile, Moto, REGION, recordOf, setCredentials } from '../aws/moto.ts';
import { EventHub } from '../azure/event-hubs.ts';
import { activity } from '../azure/opened.ts';
import { freePort, hasNats, NatsServer } from '../nats/server.ts';
import { scratch } from '../scratch.ts';
import { auditEvent, auditLines } from '../sources/k8s-audit/events.ts';
import { Director, item } from '../sources/vcloud/director.ts';
import { Program, pipeline } from './program.ts';

const LIMIT = 120_000;
const until = (test: () => void | Promise<void>) => vi.waitFor(test, { timeout: 60_000, interval: 100 });

/** What has to be undone after a test, last first. */
const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** Stands before a server; while it is shut nobody gets through, and who is in is thrown out. */
class Gate {
  readonly #to: number;
  readonly #sockets = new Set<Socket>();
  #server = createServer();
  port = 0;

  constructor(to: number) {
    this.#to = to;
  }

  async open(): Promise<this> {
    this.#server = createServer((inner) => {
      const outer = connect(this.#to, '127.0.0.1');
      for (const [from, to] of [
        [inner, outer],
        [outer, inner],
      ] as const) {
        this.#sockets.add(from);
        from.pipe(to);
        from.on('error', () => to.destroy());
        from.on('close', () => this.#sockets.delete(from));
      }
    }).listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  async shut(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

async function gateTo(port: number): Promise<Gate> {
  const gate = await new Gate(port).open();
  undo.push(() => gate.shut());
  return gate;
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  undo.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const portOf = (url: string) => Number(new URL(url).port);

/** A run that serves its state, and what it says of its sources. */
async function run(sources: Record<string, string>, env: NodeJS.ProcessEnv) {
  const folder = scratch();
  const port = await freePort();
  const lines = Object.entries(sources).map(([id, source]) => `  ${id}: { ${source} }`);
  const path = pipeline(
    folder,
    `state: state
http: { listen: '127.0.0.1:${port}' }
sources:
${lines.join('\n')}
sinks: { out: { type: stdout, from: [${Object.keys(sources)}], format: json, fields: [evt.id] } }
`,
  );
  const program = Program.start(['run', path, '--no-watch'], { env });
  undo.push(() => program.stop('SIGKILL'));
  await program.ready();
  const get = (what: string) => fetch(`http://127.0.0.1:${port}${what}`);
  /** The problem of each source that has one. */
  const problems = async (): Promise<Record<string, string>> => {
    const answer = await get('/readyz');
    const { problems: said } = (await answer.json()) as { problems: string[] };
    expect(answer.status).toBe(said.length === 0 ? 200 : 503);
    return Object.fromEntries(said.map((each) => /^source (\w+): (.*)$/s.exec(each)?.slice(1) ?? ['', each]));
  };
  /** A metric by component. */
  const metric = async (name: string): Promise<Record<string, number>> => {
    const page = await (await get('/metrics')).text();
    const found = page.matchAll(new RegExp(`^${name}\\{component_id="(\\w+)".*\\} (\\S+)$`, 'gm'));
    return Object.fromEntries([...found].map(([, id, value]) => [id, Number(value)]));
  };
  return { folder, program, problems, metric };
}

it(
  'is not ready while a source is down, says which and why, and is ready again when it is back',
  async () => {
    const hub = await EventHub.start();
    undo.push(() => hub.halt());
    const director = await new Director().start();
    undo.push(() => director.stop());
    const tail = createHttpServer();
    const stream = new WebSocketServer({ server: tail });
    const gates: Record<string, Gate> = {
      vcd: await gateTo(portOf(director.url)),
      tail: await gateTo(await listening(tail)),
    };
    const sources: Record<string, string> = {
      azure: 'type: azure_event_hubs, connection: { env: HUB }, wait: 100ms',
      vcd: `type: vcloud, url: 'http://localhost:${gates.vcd?.port}', user: auditor, password: { env: VCD }, poll: 100ms`,
      tail: `type: ovh_mks, url: 'ws://127.0.0.1:${gates.tail?.port}/tail/', token: { env: LDP }`,
      log: 'type: k8s_audit, mode: file, file: audit.log, start: beginning',
    };
    const env: NodeJS.ProcessEnv = { HUB: hub.connectionString, VCD: director.password, LDP: 'sesame' };
    let moto: Moto | undefined;
    if (hasMoto) {
      setCredentials();
      moto = await Moto.start();
      undo.push(() => moto?.stop());
      await moto.bucket('logs');
      await moto.queue('audit');
      gates.aws = await gateTo(portOf(moto.endpoint));
      sources.aws = `type: cloudtrail, queue: audit, region: ${REGION}, endpoint: 'http://127.0.0.1:${gates.aws.port}'`;
    }
    if (hasNats) {
      const nats = await NatsServer.start();
      undo.push(() => nats.halt());
      gates.nodes = await gateTo(nats.port);
      sources.nodes = `type: nats, servers: 'nats://127.0.0.1:${gates.nodes.port}', stream: S, create_stream: {}, subject: s, emits: [alert]`;
    }
    const { program, folder, problems, metric } = await run(sources, env);
    // A log that is not there yet is trouble too.
    await until(async () => expect(Object.keys(await problems())).toEqual(['log']));
    expect((await problems()).log).toContain('audit.log');
    writeFileSync(join(folder, 'audit.log'), auditLines(1));
    await until(async () => expect(await problems()).toEqual({}));

    // What has come was long on its way, or not; either way it is known.
    const minutesAgo = Date.now() - 300_000;
    const time = new Date(minutesAgo).toISOString();
    director.items.push(item(1, minutesAgo));
    hub.publish(0, { records: [activity('a', { time })] });
    for (const client of stream.clients) {
      const event = auditEvent(9, { requestReceivedTimestamp: time, stageTimestamp: time });
      client.send(JSON.stringify({ message: JSON.stringify({ short_message: JSON.stringify(event) }) }));
    }
    const cloud = ['azure', 'tail', 'vcd'];
    if (moto) {
      const key = keyOf('x');
      await moto.put('logs', key, logFile([recordOf('e1', 'RunInstances', { eventTime: time })]));
      await moto.send(String((await moto.queue('audit')).url), { s3Bucket: 'logs', s3ObjectKey: [key] });
      cloud.push('aws');
    }
    await until(async () => {
      const lag = await metric('falco_pipe_lag_seconds');
      for (const id of cloud) expect([id, (lag[id] ?? 0) >= 299 && (lag[id] ?? 0) < 500]).toEqual([id, true]);
    });

    await Promise.all([hub.halt(), ...Object.values(gates).map((gate) => gate.shut())]);
    const down = ['azure', ...Object.keys(gates)].sort();
    await until(async () => expect(Object.keys(await problems()).sort()).toEqual(down));
    const why = await problems();
    for (const id of down)
      expect([id, why[id]]).toEqual([id, expect.stringMatching(/ECONNREFUSED|ECONNRESET|closed|hang up|is lost/)]);
    const up = await metric('falco_pipe_component_up');
    for (const id of down) expect([id, up[id]]).toEqual([id, 0]);
    expect(up.log).toBe(1);

    await Promise.all([hub.listen(), ...Object.values(gates).map((gate) => gate.open())]);
    // The SDK of Azure takes half a minute to look again: that it does is waited for in long runs alone.
    const slow = process.env.FALCO_PIPE_LONG ? [] : ['azure'];
    await until(async () => expect(Object.keys(await problems()).filter((id) => !slow.includes(id))).toEqual([]));
    expect(await program.stop()).toBe(0);
    expect(program.stderr).not.toContain('sesame');
  },
  LIMIT,
);

it(
  'servers that refuse us end their source alone, loudly; the others go on, and a reload opens them again',
  async () => {
    const hub = await EventHub.start();
    undo.push(() => hub.halt());
    const director = await new Director().start();
    undo.push(() => director.stop());
    const given = director.password;
    director.password = 'another one';
    const tail = createHttpServer().on('upgrade', (_, socket) =>
      socket.end('HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n'),
    );
    const aws = createHttpServer((_, response) => {
      response.writeHead(403, { 'content-type': 'application/x-amz-json-1.0' });
      response.end(JSON.stringify({ __type: 'com.amazonaws#AccessDeniedException', message: 'not you' }));
    });
    setCredentials();
    const hook = await freePort();
    const refused: Record<string, [source: string, why: RegExp]> = {
      aws: [
        `type: cloudtrail, queue: audit, region: ${REGION}, endpoint: 'http://127.0.0.1:${await listening(aws)}'`,
        /^the queue audit cannot be had: AccessDeniedException: not you/,
      ],
      azure: ['type: azure_event_hubs, connection: { env: HUB }', /^the event hub refuses us: InvalidSignature/],
      tail: [
        `type: ovh_mks, url: 'ws://127.0.0.1:${await listening(tail)}/tail/', token: { env: LDP }`,
        /^access was refused: 127\.0\.0\.1:\d+ answered with status 401/,
      ],
      vcd: [`type: vcloud, url: '${director.url}', user: auditor, password: { env: VCD }`, /refused|401/],
    };
    if (hasNats) {
      const nats = await NatsServer.start('--auth', 'right');
      undo.push(() => nats.halt());
      refused.nodes = [`type: nats, servers: '${nats.url}', stream: S, token: { env: NATS }`, /[Aa]uthorization/];
    }
    const sources = Object.fromEntries(Object.entries(refused).map(([id, [source]]) => [id, source]));
    sources.hook = `type: k8s_audit, listen: '127.0.0.1:${hook}'`;
    const { program, problems, metric } = await run(sources, {
      HUB: hub.connectionString.replace('SharedAccessKey=c', 'SharedAccessKey=d'),
      VCD: given,
      LDP: 'sesame',
      NATS: 'wrong',
    });
    const ids = Object.keys(refused).sort();
    await until(async () => expect(Object.keys(await problems()).sort()).toEqual(ids));
    await until(() => {
      for (const id of ids)
        expect(program.stderr).toContain(`source ${id} has ended, and is not opened again before a reload`);
    });
    const why = await problems();
    for (const id of ids) expect([id, why[id]]).toEqual([id, expect.stringMatching(refused[id]?.[1] as RegExp)]);
    const up = await metric('falco_pipe_component_up');
    expect(ids.map((id) => up[id])).toEqual(ids.map(() => 0));
    const post = (n: number) =>
      fetch(`http://127.0.0.1:${hook}/k8s-audit`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(auditEvent(n)),
      });
    expect((await post(1)).status).toBe(200);
    await program.until(({ stdout }) => stdout.includes('audit-1'));

    director.password = given;
    program.child.kill('SIGHUP');
    await until(async () => expect(Object.keys(await problems()).sort()).toEqual(ids.filter((id) => id !== 'vcd')));
    expect((await post(2)).status).toBe(200);
    expect(await program.stop()).toBe(0);
    for (const secret of ['sesame', 'SharedAccessKey', given]) expect(program.stderr).not.toContain(secret);
  },
  LIMIT,
);
