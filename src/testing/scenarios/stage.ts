/** Where tests are performed: a process that starts each test's own, on this machine or in a container. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { actorProgram } from '../../../native/locate.ts';

/** How a stage is reached. */
export interface Connection {
  readonly input: Writable;
  readonly output: Readable;
  /** Its process id here. */
  readonly pid: number;
  /** Resolves when it has ended. */
  readonly ended: Promise<unknown>;
  /** Removes what tests that were killed have left in its folder. */
  readonly clean?: (folder: string) => void;
}

interface Running {
  readonly errors: string[];
  readonly done: (errors: readonly string[]) => void;
}

export class Stage {
  readonly pid: number;
  /** Its folder for programs, as the tests see it. */
  folder = '';
  readonly #connection: Connection;
  readonly #running = new Map<string, Running>();
  #rest = '';
  #ready!: (folder: string) => void;
  #gone = false;

  private constructor(connection: Connection) {
    this.#connection = connection;
    this.pid = connection.pid;
  }

  /** @throws Error when it ends before it is ready */
  static async open(connection: Connection): Promise<Stage> {
    const stage = new Stage(connection);
    const ready = new Promise<string>((resolve) => {
      stage.#ready = resolve;
    });
    connection.output.on('data', (data: Buffer) => stage.#read(data.toString()));
    connection.input.on('error', () => {});
    const ended = connection.ended.then(() => {
      stage.#gone = true;
      for (const { errors, done } of stage.#running.values())
        done([...errors, 'the process that starts tests has ended']);
    });
    const folder = await Promise.race([ready, ended]);
    if (folder === undefined) throw new Error(`the process that starts tests has ended: ${stage.#rest}`);
    stage.folder = folder;
    return stage;
  }

  /** Performs a test; resolves with what went wrong. */
  run(id: string, plan: string): Promise<readonly string[]> {
    if (this.#gone) return Promise.resolve(['the process that starts tests has ended']);
    return new Promise((done) => {
      this.#running.set(id, { errors: [], done });
      this.#connection.input.write(`run ${id} ${Buffer.byteLength(plan)}\n${plan}`);
    });
  }

  /** Ends a test; it undoes what it has done. */
  cancel(id: string): void {
    this.#connection.input.write(`cancel ${id}\n`);
  }

  /** Ends it, and whatever runs. */
  async close(): Promise<void> {
    this.#connection.input.end();
    await this.#connection.ended;
    this.#connection.clean?.(this.folder);
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const [id = '', word = '', ...rest] = line.split(' ');
      const running = this.#running.get(id);
      if (word === 'stage') this.#ready(rest.join(' '));
      else if (word === 'error') running?.errors.push(rest.join(' '));
      else if (word === 'end' && running) {
        this.#running.delete(id);
        running.done(running.errors);
      }
    }
  }
}

/** A stage on this machine. Its tests inherit nothing of our environment. */
export async function openHostStage(): Promise<Stage> {
  const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root', TMPDIR: tmpdir() };
  const child = spawn(actorProgram(), [], { stdio: ['pipe', 'pipe', 'inherit'], env, cwd: '/', detached: true });
  const failed = new Promise<never>((_, reject) => child.once('error', reject));
  await Promise.race([once(child, 'spawn'), failed]);
  return Stage.open({
    input: child.stdin,
    output: child.stdout,
    pid: child.pid as number,
    ended: child.exitCode === null ? once(child, 'close') : Promise.resolve(),
    clean: (folder) => rmSync(folder, { recursive: true, force: true }),
  });
}
