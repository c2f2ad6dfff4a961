/** A socket of this machine: of datagrams, as /dev/log, which Node does not speak, or of a stream. */

import { setTimeout as sleep } from 'node:timers/promises';
import { sendDatagram } from '../../../native/index.ts';
import type { MessageSocket, Sent } from './message-socket.ts';

/** ms between tries when the reader does not keep up. */
const POLL = 20;

const WHY: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket',
  ECONNREFUSED: 'nobody listens there',
  EACCES: 'it may not be written to',
};

export class Local implements MessageSocket {
  readonly #path: string;
  readonly #stream: MessageSocket;
  #isStream = false;

  /** @param stream the same socket, where it is one of a stream */
  constructor(path: string, stream: MessageSocket) {
    this.#path = path;
    this.#stream = stream;
  }

  async send(messages: readonly string[], signal: AbortSignal): Promise<Sent> {
    signal.throwIfAborted();
    const tooLong: number[] = [];
    for (const [place, message] of this.#isStream ? [] : messages.entries()) {
      const error = await this.#sendOne(Buffer.from(message), signal);
      if (error === 'EMSGSIZE') tooLong.push(place);
      else if (error === 'EAGAIN' && place > 0) return { count: place, tooLong };
      else if (error === 'EAGAIN') throw signal.reason;
      else if (error === 'EPROTOTYPE' && place === 0) this.#isStream = true;
      else if (error) throw new Error(`${this.#path}: ${WHY[error] ?? 'it takes nothing'} (${error})`);
      if (this.#isStream) break;
    }
    return this.#isStream ? this.#stream.send(messages, signal) : { count: messages.length, tooLong };
  }

  // The error, if any; EAGAIN: it was given up.
  async #sendOne(bytes: Buffer, signal: AbortSignal): Promise<string | undefined> {
    for (;;) {
      const error = sendDatagram(this.#path, bytes);
      if (error !== 'EAGAIN' || signal.aborted) return error;
      await sleep(POLL);
    }
  }

  /** Whoever listens there may have been replaced, by one of the other kind. */
  async reopen(): Promise<void> {
    this.#isStream = false;
    await this.#stream.reopen();
  }

  close(): Promise<void> {
    return this.#stream.close();
  }
}
