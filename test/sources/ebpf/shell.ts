/** A shell that acts, and the source `ebpf` that looks at it alone. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Batch } from '../../../src/core/flow/batch.ts';
import type { Value } from '../../../src/events/field.ts';
import { ebpf } from '../../../src/sources/ebpf/index.ts';
import { contextFor, type TestContext } from './support.ts';

/** A shell of our own: only it and what it starts is traced. */
export class Shell {
  readonly child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(...args: readonly string[]) {
    this.child = spawn('/bin/sh', args, {
      cwd: '/',
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { PATH: '/usr/bin:/bin' },
    });
    this.#lines = createInterface({ input: this.child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.child.pid as number;
  }

  /** Runs a line of shell to its end. */
  async run(line: string): Promise<void> {
    this.child.stdin?.write(`${line}\necho done\n`);
    while ((await this.#lines.next()).value !== 'done');
  }

  async stop(): Promise<void> {
    this.child.stdin?.end();
    await once(this.child, 'exit');
  }
}

export type Row = Record<string, Value | undefined>;

/** The source on one shell; `rows` are the fields of each event, read while its batch was there. */
export class Watch {
  readonly rows: Row[] = [];
  readonly batches: number[] = [];
  readonly errors: unknown[] = [];
  readonly ctx: TestContext;
  readonly #stop: () => void;

  constructor(
    shell: { readonly pid: number },
    fields: readonly string[],
    types: readonly string[] | 'all' = 'all',
    config: object = {},
  ) {
    this.ctx = contextFor({ fields: new Set(fields), types: types === 'all' ? 'all' : new Set(types) });
    const parsed = ebpf.config.parse({ scope: { descendants_of: shell.pid }, ...config });
    const subscription = ebpf.open(parsed, this.ctx).subscribe({
      next: (batch: Batch) => {
        this.batches.push(batch.events.length);
        for (let index = 0; index < batch.events.length; index++) {
          const event = batch.events.at(index);
          this.rows.push(Object.fromEntries(fields.map((field) => [field, event?.get(field)])));
        }
      },
      error: (error) => this.errors.push(error),
    });
    this.#stop = () => subscription.unsubscribe();
  }

  /** Waits for an event for which `test` holds. */
  async until(test: (row: Row) => boolean): Promise<Row> {
    for (;;) {
      const found = this.rows.find(test);
      if (found !== undefined) return found;
      if (this.errors.length > 0) throw this.errors[0];
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  stop(): void {
    this.#stop();
  }
}
