/** A program that is fed lines: started at once, and again by the first write after it has ended, with back-off. */

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { Context } from '../../core/component.ts';
import { exitCode, messageOf, UserError } from '../../core/errors.ts';
import { backoff } from '../../core/failure/retry.ts';
import { WriteError } from '../../core/failure/write-error.ts';

const AGAIN = { initial: 1000, max: 30_000 };
const SOUND = 10_000; // ms that a program must last to be started again without a wait
const OBEY = 1000; // ms that a program has to end when it is told to
const LINGER = 100; // ms in which its last words come
const LAST_WORDS = 2048; // characters of its standard error that are kept for when it ends

type Spawned = ChildProcessByStdio<Writable, null, Readable>;

export class Child {
  readonly #command: readonly [string, ...string[]];
  readonly #ctx: Context;
  #running: Spawned | undefined;
  #ended: Promise<void> = Promise.resolve();
  #failures = 0;
  #notBefore = 0;
  #why = '';
  #closing = false;

  private constructor(command: readonly [string, ...string[]], ctx: Context) {
    this.#command = command;
    this.#ctx = ctx;
    // When time is over it is not left behind.
    ctx.signal.addEventListener('abort', () => this.#end(), { once: true });
  }

  /** Rejects with a UserError when the program cannot be run. */
  static async start(command: readonly [string, ...string[]], ctx: Context): Promise<Child> {
    const child = new Child(command, ctx);
    try {
      await child.#spawn();
    } catch (cause) {
      throw new UserError(`${command[0]} cannot be run: ${messageOf(cause)}`, { exit: exitCode.config, cause });
    }
    return child;
  }

  /** Resolves when the pipe has taken all of it. A program that does not read until `signal` is ended, and started anew. */
  async write(text: string, signal: AbortSignal): Promise<void> {
    const running = this.#running ?? (await this.#startAgain());
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const give = () => {
      running.kill('SIGKILL');
      reject(signal.reason);
    };
    if (signal.aborted) throw signal.reason;
    signal.addEventListener('abort', give, { once: true });
    const gone = () => reject(new Error(this.#why));
    running.once('close', gone);
    running.stdin.write(text, (error) =>
      error ? reject(new Error(`the program does not read: ${error.message}`)) : resolve(),
    );
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', give);
      running.off('close', gone);
    }
  }

  /** Ends its input and waits for its end. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#running?.stdin.end();
    await this.#ended;
  }

  #end(): void {
    const running = this.#running;
    running?.kill('SIGTERM');
    setTimeout(() => running?.kill('SIGKILL'), OBEY).unref();
  }

  async #startAgain(): Promise<Spawned> {
    const wait = Math.min(this.#notBefore - this.#ctx.now(), AGAIN.max); // the clock may have been set back
    if (wait > 0) throw new WriteError(this.#why, { wait });
    return this.#spawn();
  }

  async #spawn(): Promise<Spawned> {
    const [file, ...args] = this.#command;
    const child = spawn(file, args, { cwd: this.#ctx.resolve('.'), stdio: ['pipe', 'ignore', 'pipe'] });
    const began = this.#ctx.now();
    let words = '';
    child.stderr.setEncoding('utf8').on('data', (data: string) => {
      words = (words + data).slice(-LAST_WORDS);
    });
    child.stdin.on('error', () => {}); // the write that failed says so itself
    // What it has started may hold its standard error for ever.
    child.once('exit', () => setTimeout(() => child.stderr.destroy(), LINGER).unref());
    this.#ended = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.#running = undefined;
        // One that could not be run has not ended.
        if (child.pid !== undefined) this.#note(began, code, signal, words.trim());
        resolve();
      });
    });
    await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    this.#running = child;
    return child;
  }

  #note(began: number, code: number | null, signal: string | null, words: string): void {
    const how = signal ? `by ${signal}` : `with status ${code}`;
    const said = words ? `: ${words.slice(words.lastIndexOf('\n') + 1)}` : '';
    this.#why = `the program has ended ${how}${said}`;
    this.#failures = this.#ctx.now() - began < SOUND ? this.#failures + 1 : 0;
    this.#notBefore = this.#ctx.now() + (this.#failures > 0 ? backoff(AGAIN, this.#failures) : 0);
    this.#ctx.metrics.add('ended', '', 1);
    if (!this.#closing) this.#ctx.log.warn(this.#why);
  }
}
