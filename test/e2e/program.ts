/** Runs the built program as a child, as a user would, and a stage: a shell whose descendants it watches. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { atEnd } from '../scratch.ts';

export const repository = resolve(import.meta.dirname, '../..');
export const launcher = join(repository, 'bin/falco-pipe');

/** Why live tracing cannot be tested here; undefined when it can. */
export const cannotTrace: string | undefined =
  process.getuid?.() !== 0 ? 'not root' : existsSync('/sys/kernel/btf/vmlinux') ? undefined : 'the kernel has no BTF';

/** The npm packages of which a built file has code, by its source map. */
export function packagesIn(file: string | URL): string[] {
  const { sources } = JSON.parse(readFileSync(`${file instanceof URL ? file.pathname : file}.map`, 'utf8')) as {
    sources: string[];
  };
  const names = sources.flatMap(
    (source) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*\/node_modules\/)/.exec(source)?.[1] ?? [],
  );
  return [...new Set(names)];
}

export interface ProgramOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly command?: string;
}

export class Program {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  readonly ended: Promise<number | null>;
  readonly #waiting = new Set<() => void>();

  private constructor(child: ChildProcess) {
    this.child = child;
    atEnd(() => child.kill('SIGKILL')); // a test that fails may not stop it
    const wake = () => {
      for (const look of this.#waiting) look();
    };
    child.stdout?.on('data', (data) => {
      this.stdout += data;
      wake();
    });
    child.stderr?.on('data', (data) => {
      this.stderr += data;
      wake();
    });
    this.ended = new Promise((done) =>
      child.once('close', (code) => {
        done(code);
        wake();
      }),
    );
  }

  /** Starts `bin/falco-pipe ARGS`, or another installation's launcher. */
  static start(args: readonly string[], options: ProgramOptions = {}): Program {
    const env = { ...process.env, FALCO_HOSTNAME: 'node1', ...options.env };
    const { cwd = repository, command = launcher } = options;
    return new Program(spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env, cwd }));
  }

  /** Runs it to its end. */
  static async run(args: readonly string[], options: ProgramOptions = {}): Promise<Program> {
    const program = Program.start(args, options);
    await program.ended;
    return program;
  }

  get code(): number | null {
    return this.child.exitCode;
  }

  /** JSON lines of the standard output. */
  get json(): Record<string, unknown>[] {
    return this.stdout
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line));
  }

  /** Resolves once `test` is true of what was printed; fails with all of it when the program ends first or time is over. */
  async until(test: (program: Program) => boolean, ms = 20_000): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((done, failed) => {
      const fail = (why: string) => failed(new Error(`${why}\nstdout:\n${this.stdout}\nstderr:\n${this.stderr}`));
      const look = () => {
        if (test(this)) done();
        else if (this.child.exitCode !== null) fail(`the program ended with ${this.child.exitCode}`);
      };
      this.#waiting.add(look);
      timer = setTimeout(() => fail('what was waited for did not come'), ms);
      look();
    });
    clearTimeout(timer);
  }

  ready(): Promise<void> {
    return this.until(({ stderr }) => stderr.includes('ready: '));
  }

  /** Stops it with a signal and waits for its end. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.child.kill(signal);
    return this.ended;
  }
}

/** A shell that waits for commands; the program watches it and what it starts, nothing else. */
export class Stage {
  readonly #shell: ChildProcess;
  #output = '';
  #count = 0;

  constructor() {
    this.#shell = spawn('/bin/sh', [], { stdio: ['pipe', 'pipe', 'inherit'] });
    atEnd(() => this.#shell.kill('SIGKILL'));
    this.#shell.stdout?.on('data', (data) => {
      this.#output += data;
    });
  }

  get pid(): number {
    return this.#shell.pid as number;
  }

  /** Runs commands in the stage's shell and waits for their end. */
  async run(commands: string): Promise<void> {
    const mark = `done-${++this.#count}`;
    this.#shell.stdin?.write(`${commands}\necho ${mark}\n`);
    while (!this.#output.includes(`${mark}\n`))
      await once(this.#shell.stdout as NonNullable<ChildProcess['stdout']>, 'data');
  }

  async close(): Promise<void> {
    this.#shell.stdin?.end();
    if (this.#shell.exitCode === null) await once(this.#shell, 'close');
  }
}

/** Writes a pipeline file into a folder. */
export function pipeline(folder: string, text: string, name = 'pipeline.yaml'): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}
