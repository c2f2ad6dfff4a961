/** A real nats-server on loopback, with JetStream on a folder of its own. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { atEnd, scratch } from '../scratch.ts';

const PROGRAM = 'nats-server';
/** Whether it is installed; said loudly when it is not. */
export const hasNats = spawnSync(PROGRAM, ['--version']).status === 0;
if (!hasNats) console.warn(`${PROGRAM} is not installed: nothing over NATS is tested (apt-get install ${PROGRAM})`);

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

export class NatsServer {
  readonly #folder = scratch();
  readonly #args: readonly string[];
  readonly port: number;
  #child: ChildProcess | undefined;

  private constructor(port: number, args: readonly string[]) {
    this.port = port;
    this.#args = args;
  }

  static async start(...args: string[]): Promise<NatsServer> {
    const server = new NatsServer(await freePort(), args);
    await server.run();
    return server;
  }

  get url(): string {
    return `nats://localhost:${this.port}`;
  }

  async run(): Promise<void> {
    const own = ['-a', '127.0.0.1', '-p', String(this.port), '-js', '-sd', this.#folder];
    const child = spawn(PROGRAM, [...own, ...this.#args], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    // Also when a test fails before it stops the server.
    atEnd(() => child.kill('SIGKILL'));
    let said = '';
    await new Promise<void>((ready, failed) => {
      child.stderr.on('data', (data) => {
        said += data;
        if (said.includes('Server is ready')) ready();
      });
      child.once('exit', () => failed(new Error(said)));
    });
  }

  /** It says nothing any more. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  halt(): Promise<void> {
    return this.#end('SIGTERM');
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (!this.#child) return;
    this.#child.kill(signal);
    await once(this.#child, 'close');
    this.#child = undefined;
  }
}
