import { spawn, spawnSync } from 'node:child_process';
import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import type { Sink } from '../../src/core/component.ts';
import { renderDiagnostic, UserError } from '../../src/core/errors.ts';
import type { Event } from '../../src/core/event.ts';
import { WriteError } from '../../src/core/failure/write-error.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { builtIn } from '../../src/pipeline/plan/registry.ts';
import { syslog } from '../../src/sinks/syslog.ts';
import { scratch } from '../scratch.ts';
import { makeCertificates, until } from './servers.ts';
import { alertOf, never, openSink } from './shared.ts';

const hasPerl = spawnSync('perl', ['-e', '1']).status === 0;
const closing: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function sinkOf(config: object): Promise<Sink> {
  const sink = await openSink(syslog, config);
  closing.push(() => sink.close());
  return sink;
}

/** The errors that work ends with, as they are printed. */
function errorText(work: () => unknown): string {
  try {
    work();
    return '';
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.diagnostics.map((each) => renderDiagnostic(each, error.texts)).join('\n');
  }
}

/** A server of streams that keeps what it gets. */
async function serve(server: Server, where: { port: number; host: string } | { path: string }) {
  const sockets = new Set<Socket>();
  const got = { text: '', sockets };
  server.on(server instanceof createTlsServer().constructor ? 'secureConnection' : 'connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('data', (data) => {
      got.text += data;
    });
    socket.on('error', () => {});
  });
  server.listen(where);
  await once(server, 'listening');
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((done) => server.close(done));
  });
  return got;
}

/** Why a write fails that is given up after so many ms. */
async function writeFor(sink: Sink, events: readonly Event[], ms: number): Promise<WriteError | undefined> {
  const limit = new AbortController();
  const written = sink.write(events, limit.signal);
  setTimeout(() => limit.abort(new Error('over')), ms);
  return written.then(
    () => undefined,
    (error) => error,
  );
}

const loopback = { port: 0, host: '127.0.0.1' };
const portOf = (server: Server | Datagrams) => (server.address() as AddressInfo).port;

/** Messages with their length in front. */
function octets(text: string): string[] {
  const messages: string[] = [];
  let bytes = Buffer.from(text);
  while (bytes.length > 0) {
    const blank = bytes.indexOf(0x20);
    const length = Number(bytes.subarray(0, blank).toString());
    messages.push(bytes.subarray(blank + 1, blank + 1 + length).toString());
    bytes = bytes.subarray(blank + 1 + length);
  }
  return messages;
}

async function datagrams() {
  const server = createSocket('udp4');
  const got: string[] = [];
  server.on('message', (message) => got.push(message.toString()));
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => new Promise<void>((done) => server.close(() => done())));
  return { got, server };
}

describe('the sink syslog', () => {
  it('sends RFC 5424 over UDP, a message a datagram', async () => {
    const { got, server } = await datagrams();
    const sink = await sinkOf({ address: `udp://127.0.0.1:${portOf(server)}`, facility: 'local3', app_name: 'falco' });
    await sink.write([alertOf('a', 'Critical'), alertOf('b', 'Debug', 'two\nlines')], never);
    await until(() => got.length === 2);
    const time = '2023-11-14T22:13:20.123456Z';
    const rest = `node1 falco ${process.pid} alert`;
    // local3 is 19; Critical is 2 and Debug 7.
    expect(got).toEqual([
      `<154>1 ${time} ${rest} [meta sequenceId="1"] 2023-11-14T22:13:20.123456789+0000: Critical a happened (user=root)`,
      `<159>1 ${time} ${rest} [meta sequenceId="2"] 2023-11-14T22:13:20.123456789+0000: Debug two\\nlines`,
    ]);
  });

  it('an address that cannot be reached leaves no socket behind, however often it is tried', async () => {
    const sockets = () => process.getActiveResourcesInfo().filter((kind) => /udp/i.test(kind)).length;
    await datagrams();
    const before = sockets();
    expect(before).toBeGreaterThan(0);
    // All of a network, which not everybody may send to: socket(7), SO_BROADCAST.
    const sink = await sinkOf({ address: 'udp://255.255.255.255:514' });
    for (let n = 0; n < 5; n++) await expect(sink.write([alertOf('a')], never)).rejects.toThrow('EACCES');
    await until(() => sockets() <= before);
  });

  it('a message that no datagram can carry is refused, the others are sent', async () => {
    const { got, server } = await datagrams();
    const sink = await sinkOf({ address: `udp://localhost:${portOf(server)}` });
    const large = alertOf('large', 'Notice', 'x'.repeat(70_000));
    const error = await sink.write([alertOf('a'), large, alertOf('b')], never).catch((reason) => reason);
    expect(error).toBeInstanceOf(WriteError);
    expect([error.refused, error.again]).toEqual([[large], []]);
    await until(() => got.length === 2);
  });

  it('over UDP a server that is not there is noticed', async () => {
    const { server } = await datagrams();
    const address = `udp://127.0.0.1:${portOf(server)}`;
    await closing.pop()?.();
    const sink = await sinkOf({ address });
    // The refusal comes back after the first message has gone.
    const tries = Array.from({ length: 20 }, (_, n) => alertOf(`r${n}`));
    let error: Error | undefined;
    for (const each of tries) {
      error ??= await sink.write([each], never).catch((reason) => reason);
      await new Promise((done) => setTimeout(done, 5));
    }
    expect(error?.message).toContain('ECONNREFUSED');
  });

  it('over TCP counts octets, also where a character has several', async () => {
    const server = createServer();
    const got = await serve(server, loopback);
    const sink = await sinkOf({ address: `tcp://localhost:${portOf(server)}`, format: 'json' });
    await sink.write([alertOf('ä "b"\n'), alertOf('c')], never);
    await sink.write([alertOf('d')], never);
    await until(() => octets(got.text).length === 3);
    const rules = octets(got.text).map((message) => JSON.parse(message.slice(message.indexOf('{'))).rule);
    expect(rules).toEqual(['ä "b"\n', 'c', 'd']);
    expect(got.sockets.size).toBe(1);
  });

  it('separates messages by line ends where that is wanted', async () => {
    const server = createServer();
    const got = await serve(server, loopback);
    const sink = await sinkOf({ address: `tcp://127.0.0.1:${portOf(server)}`, framing: 'newline' });
    await sink.write([alertOf('a'), alertOf('b')], never);
    await until(() => got.text.split('\n').length === 3);
    expect(got.text.split('\n').map((line) => line.slice(0, 6))).toEqual(['<12>1 ', '<12>1 ', '']);
  });

  it('connects again when the server has hung up', async () => {
    const server = createServer();
    const got = await serve(server, loopback);
    const sink = await sinkOf({ address: `tcp://127.0.0.1:${portOf(server)}` });
    await sink.write([alertOf('a')], never);
    await until(() => got.text.includes('a happened'));
    for (const socket of got.sockets) socket.end();
    // As Delivery would: again, until it is taken.
    await until(() => got.sockets.size > 0 && [...got.sockets].every((socket) => socket.destroyed));
    for (let tries = 0; tries < 50; tries++) {
      if (
        await sink.write([alertOf('b')], never).then(
          () => true,
          () => false,
        )
      )
        break;
    }
    await until(() => got.text.includes('b happened'));
    expect(got.sockets.size).toBe(2);
  });

  it('a server that is not there, or takes nothing, is an error', async () => {
    const server = createServer();
    const got = await serve(server, loopback);
    const address = `tcp://127.0.0.1:${portOf(server)}`;
    server.on('connection', (socket) => socket.pause());
    const sink = await sinkOf({ address });
    const large = Array.from({ length: 200 }, () => alertOf('a', 'Notice', 'x'.repeat(50_000)));
    const limit = new AbortController();
    const written = sink.write(large, limit.signal);
    await until(() => got.sockets.size === 1);
    limit.abort(new Error('no answer within 1 s'));
    await expect(written).rejects.toThrow('no answer within 1 s');
    await closing.splice(0, 1)[0]?.();
    const again = await sinkOf({ address });
    for (let tries = 0; tries < 3; tries++) {
      await expect(again.write([alertOf('a')], never)).rejects.toThrow(/ECONNREFUSED/);
    }
  });

  it('a server that takes longer than a write may gets each message; none twice but those that a connection was closed for', async () => {
    const server = createServer();
    const got = await serve(server, loopback);
    const texts: string[] = [];
    server.on('connection', (socket) => {
      const place = texts.push('') - 1;
      socket.on('data', (data) => {
        texts[place] = `${texts[place]}${data}`;
        socket.pause();
        setTimeout(() => socket.resume(), 10);
      });
    });
    const address = `tcp://127.0.0.1:${portOf(server)}`;
    const sink = await sinkOf({ address, format: 'json', redact: false });
    const all = Array.from({ length: 300 }, (_, n) => alertOf(`r${n}`, 'Notice', 'x'.repeat(50_000)));
    let left: readonly Event[] = all;
    let tries = 0;
    for (; left.length > 0 && tries < 50; tries++) {
      const error = await writeFor(sink, left, 300);
      left = error ? (error.again ?? left) : [];
    }
    expect([left, tries > 2]).toEqual([[], true]);
    const rules = () => texts.flatMap((text) => [...text.matchAll(/"rule":"(r\d+)"/g)].map(([, rule]) => rule));
    await until(async () => {
      await sleep(100);
      return new Set(rules()).size === all.length;
    });
    expect(rules().length - all.length).toBeLessThan(got.sockets.size);
  });

  it('a server that has stopped to read is an error, also where the connection has taken some', async () => {
    const server = createServer();
    const got = await serve(server, loopback);
    server.on('connection', (socket) => socket.pause());
    const sink = await sinkOf({ address: `tcp://127.0.0.1:${portOf(server)}` });
    const all = Array.from({ length: 400 }, (_, n) => alertOf(`r${n}`, 'Notice', 'x'.repeat(50_000)));
    const first = await writeFor(sink, all, 300);
    expect(first?.again?.length).toBeLessThan(400);
    const second = await writeFor(sink, first?.again ?? [], 300);
    expect([second?.again, second?.message, got.sockets.size]).toEqual([undefined, 'over', 1]);
  });

  it('speaks TLS with an authority of its own and shows its certificate', async () => {
    const { ca, clientCert: cert, clientKey: key, server: options } = makeCertificates();
    const server = createTlsServer(options(true));
    const names: string[] = [];
    server.on('secureConnection', (socket: TLSSocket) => names.push(String(socket.getPeerCertificate().subject.CN)));
    const got = await serve(server, loopback);
    const address = `tls://localhost:${portOf(server)}`;
    const sink = await sinkOf({ address, tls: { ca, cert, key } });
    await sink.write([alertOf('a')], never);
    await until(() => octets(got.text).length === 1);
    expect(names).toEqual(['sensor-1']);
    const distrustful = await sinkOf({ address });
    await expect(distrustful.write([alertOf('b')], never)).rejects.toThrow(/tls\.ca/);
    expect(got.text).not.toContain('b happened');
  });

  it('says of what speaks no TLS that it does not', async () => {
    const server = createServer((socket) => socket.on('error', () => {}).write('220 not TLS at all\r\n'));
    await serve(server, loopback);
    const sink = await sinkOf({ address: `tls://127.0.0.1:${portOf(server)}` });
    await expect(sink.write([alertOf('a')], never)).rejects.toThrow(
      /^wrong version number: what answers there does not speak TLS$/,
    );
  });

  it('keys of TLS without TLS are refused when it is planned: nothing is in the clear by mistake', () => {
    const plan = (address: string) => {
      const yaml = `sources: { in: { type: replay, files: /dev/null } }
sinks: { out: { type: syslog, from: in, address: '${address}', tls: { server_name: siem } } }`;
      return planPipeline(PipelineDocument.parse('test.yaml', yaml), builtIn());
    };
    expect(errorText(() => plan('tcp://siem.example:601'))).toMatch(
      /test\.yaml:2:81: error: What is sent by tcp:\/\/ goes in the clear[\s\S]*Write tls:\/\//,
    );
    expect(plan('tls://siem.example').sinks).toHaveLength(1);
  });

  it('writes to a local stream socket', async () => {
    const path = join(scratch(), 'socket');
    const got = await serve(createServer(), { path });
    const sink = await sinkOf({ address: `unix://${path}` });
    await sink.write([alertOf('a')], never);
    await until(() => octets(got.text).length === 1);
  });

  it.skipIf(!hasPerl)(
    `writes to a local socket of datagrams, as /dev/log is${hasPerl ? '' : ' (skipped: no perl)'}`,
    async () => {
      const path = join(scratch(), 'log');
      const sink = await sinkOf({ address: `unix://${path}` });
      await expect(sink.write([alertOf('a')], never)).rejects.toThrow(`${path}: there is no such socket (ENOENT)`);
      const script = `use Socket; $| = 1; socket(S, AF_UNIX, SOCK_DGRAM, 0); bind(S, pack_sockaddr_un($ARGV[0])) or die;
      print "open\\n"; while (defined recv(S, $m, 1 << 20, 0)) { print "[$m]\\n"; select(undef, undef, undef, 0.005) }`;
      const reader = spawn('perl', ['-e', script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
      let got = '';
      reader.stdout.on('data', (data) => {
        got += data;
      });
      await until(() => got.includes('open'));
      // More at once than its queue holds: it is waited for.
      const many = Array.from({ length: 100 }, (_, n) => alertOf(`r${n}`));
      await sink.write(many, never);
      await until(() => got.split('\n').length > 101);
      expect(
        [...got.matchAll(/^\[<12>1 \S+ \S+ falco-pipe \d+ alert .* Warning (r\d+) happened .*\]$/gm)].map(
          ([, rule]) => rule,
        ),
      ).toEqual(many.map(({ type }) => type));
      got = '';
      let left: readonly Event[] = many;
      let tries = 0;
      for (; left.length > 0; tries++) {
        const error = await writeFor(sink, left, 100);
        left = error ? (error.again ?? left) : [];
      }
      expect(tries).toBeGreaterThan(2);
      await until(() => got.split('\n').length > 100);
      expect([...got.matchAll(/Warning (r\d+) happened/g)].map(([, rule]) => rule)).toEqual(
        many.map(({ type }) => type),
      );
      const long = alertOf('long', 'Warning', 'x'.repeat(4_000_000));
      const failure: WriteError = await sink.write([alertOf('b'), long], never).catch((error) => error);
      expect(failure.refused).toEqual([long]);
      reader.kill();
      await once(reader, 'close');
      await expect(sink.write([alertOf('a')], never)).rejects.toThrow('nobody listens there (ECONNREFUSED)');
    },
  );

  it('refuses what is no address', () => {
    for (const address of ['siem.example:514', 'udp://', 'http://x', 'unix://relative'])
      expect(syslog.config.safeParse({ address }).success).toBe(false);
  });
});
