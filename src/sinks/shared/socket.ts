/** Messages to a server by datagrams or a stream; a stream is opened by the first write that needs it. */

import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Context } from '../../core/component.ts';
import { exitCode, UserError } from '../../core/errors.ts';
import { connectionError, readTls, type TlsConfig, type TlsFiles } from '../../core/net/tls.ts';
import { Local } from './local-socket.ts';
import type { MessageSocket, Sent } from './message-socket.ts';

/** `octets`: the length in front (RFC 6587 §3.4.1); `newline`: a line end behind. */
export type Framing = 'octets' | 'newline';

const PORTS: Record<string, number> = { 'udp:': 514, 'tcp:': 601, 'tls:': 6514 };

/** `address`: udp, tcp, tls with host and port, or unix with a path. Throws a UserError (exit 78) when it is none. */
export function openSocket(address: string, framing: Framing, tls: TlsConfig | undefined, ctx: Context): MessageSocket {
  const url = URL.parse(address);
  if (!url) throw new UserError(`${address} is not an address`, { exit: exitCode.config });
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? (PORTS[url.protocol] ?? 0) : Number(url.port);
  if (url.protocol === 'udp:') return new Datagrams(host, port);
  if (url.protocol === 'unix:') {
    const { pathname: path } = url;
    return new Local(path, new Stream(() => connect({ path }), framing));
  }
  if (url.protocol === 'tcp:') return new Stream(() => connect({ host, port }), framing);
  let files: TlsFiles = readTls(tls, ctx.resolve);
  // What a certificate has to name is the host, which for an address is no server name.
  const dial = () => connectTls({ host, port, ...(/[a-z]/i.test(host) ? { servername: host } : {}), ...files });
  const read = () => {
    files = readTls(tls, ctx.resolve);
  };
  return new Stream(dial, framing, read);
}

const LONGEST = 65_507; // bytes that a datagram of IPv4 can carry

class Datagrams implements MessageSocket {
  readonly #host: string;
  readonly #port: number;
  #socket: DatagramSocket | undefined;
  #refusal: Error | undefined;

  constructor(host: string, port: number) {
    this.#host = host;
    this.#port = port;
  }

  async send(messages: readonly string[], signal: AbortSignal): Promise<Sent> {
    signal.throwIfAborted();
    const tooLong: number[] = [];
    for (const [place, message] of messages.entries()) {
      if (signal.aborted && place > 0) return { count: place, tooLong };
      const bytes = Buffer.from(message);
      if (bytes.length > LONGEST) {
        tooLong.push(place);
        continue;
      }
      this.#throwRefusal();
      const socket = (this.#socket ??= await this.#open());
      await new Promise<void>((resolve, reject) => socket.send(bytes, (error) => (error ? reject(error) : resolve())));
    }
    return { count: messages.length, tooLong };
  }

  async #open(): Promise<DatagramSocket> {
    const { address, family } = await lookup(this.#host);
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
    // Connected, so that the system tells when nobody listens there.
    socket.connect(this.#port, address);
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject)).catch(
      (error) => {
        // It is nobody's: left open, it would stay as long as the program, which could not end.
        socket.close();
        throw error;
      },
    );
    socket.on('error', (error) => {
      this.#refusal = error;
    });
    return socket;
  }

  // That nobody listens is told after a datagram has gone; the next one says so.
  #throwRefusal(): void {
    const refusal = this.#refusal;
    this.#refusal = undefined;
    if (refusal) throw refusal;
  }

  async reopen(): Promise<void> {
    await this.close(); // the name may have another address
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket) await new Promise<void>((resolve) => socket.close(resolve));
  }
}

const PIECE = 16_384; // bytes at least, but at the end, after which it is known again what the system has taken

/** What is given to a socket at once. */
interface Piece {
  readonly socket: Socket;
  readonly messages: readonly string[];
  /** Resolves when the system has taken it. */
  readonly taken: Promise<void>;
}

class Stream implements MessageSocket {
  readonly #dial: () => Socket;
  readonly #framing: Framing;
  readonly #read: () => void;
  #socket: Socket | undefined;
  // What was on its way when the last send was given up: the socket goes on with it.
  #left: Piece | undefined;

  constructor(dial: () => Socket, framing: Framing, read: () => void = () => {}) {
    this.#dial = dial;
    this.#framing = framing;
    this.#read = read;
  }

  async send(messages: readonly string[], signal: AbortSignal): Promise<Sent> {
    signal.throwIfAborted();
    const socket = this.#socket?.destroyed === false ? this.#socket : this.#connect();
    const { promise: ended, reject } = Promise.withResolvers<never>();
    const give = () => reject(signal.reason);
    const closed = () => reject(new Error('the server has hung up'));
    signal.addEventListener('abort', give, { once: true });
    socket.once('error', reject).once('close', closed);
    let count = 0;
    let piece: Piece | undefined;
    try {
      while (count < messages.length) {
        piece = this.#next(socket, messages, count);
        await Promise.race([piece.taken, ended]);
        count += piece.messages.length;
      }
    } catch (error) {
      if (error !== signal.reason) throw new Error(connectionError(error));
      if (count === 0) {
        // What it holds unsent would be sent twice.
        socket.destroy();
        throw error;
      }
      this.#left = piece;
    } finally {
      signal.removeEventListener('abort', give);
      socket.off('error', reject).off('close', closed);
    }
    return { count, tooLong: [] };
  }

  // Gives the next messages to the socket, unless it has them already.
  #next(socket: Socket, messages: readonly string[], from: number): Piece {
    const left = this.#left;
    this.#left = undefined;
    const goesOn = left?.socket === socket && left.messages.every((message, place) => message === messages[place]);
    if (left && goesOn) return left;
    const framed: Buffer[] = [];
    for (let bytes = 0; bytes < PIECE && from + framed.length < messages.length; bytes += framed.at(-1)?.length ?? 0) {
      framed.push(this.#framed(messages[from + framed.length] as string));
    }
    const { promise: taken, resolve, reject } = Promise.withResolvers<void>();
    taken.catch(() => {});
    socket.write(Buffer.concat(framed), (error) => (error ? reject(error) : resolve()));
    return { socket, messages: messages.slice(from, from + framed.length), taken };
  }

  #connect(): Socket {
    const socket = this.#dial();
    this.#socket = socket;
    socket.setKeepAlive(true, 30_000).on('error', () => {});
    // A server that ends its side reads no more of ours.
    socket.on('end', () => socket.destroy()).resume();
    socket.once('close', () => {
      if (this.#socket === socket) this.#socket = undefined;
    });
    return socket;
  }

  #framed(message: string): Buffer {
    if (this.#framing === 'newline') return Buffer.from(`${message.replaceAll('\n', ' ')}\n`);
    const bytes = Buffer.from(message);
    return Buffer.concat([Buffer.from(`${bytes.length} `), bytes]);
  }

  async reopen(): Promise<void> {
    this.#read();
    await this.close();
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    this.#socket = undefined;
    // What is on its way is sent again.
    if (this.#left) socket?.destroy();
    this.#left = undefined;
    if (!socket || socket.destroyed) return;
    await new Promise<void>((resolve) => socket.once('close', () => resolve()).end(() => socket.destroySoon()));
  }
}
