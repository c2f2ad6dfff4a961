/** The stage on which system calls are performed: an actor in a folder of its own, and what the kernel tells of it. */

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { expect } from 'vitest';
import { CALLS } from '../../../../native/calls.ts';
import type { Batch } from '../../../../src/core/flow/batch.ts';
import type { Value } from '../../../../src/events/field.ts';
import { ebpf } from '../../../../src/sources/ebpf/index.ts';
import { Actor, numberOf, prepare } from '../../../native/harness.ts';
import { scratch } from '../../../scratch.ts';
import { contextFor } from '../support.ts';

export const AT_FDCWD = -100;
const O_DIRECTORY = process.arch === 'arm64' ? 0o40000 : 0o200000;
/** Not in the table. */
const LSEEK = process.arch === 'arm64' ? 62 : 8;

/** Whether 64-bit programs have a call here. */
export const has = (name: string) => numberOf(name) !== undefined;
/** Whether a 64-bit program can make 32-bit calls. */
export const has32 = process.arch === 'x64';

type Row = Record<string, Value | undefined>;

const FIELDS = [
  'evt.type evt.res evt.rawres evt.failed evt.category evt.args evt.is_io evt.io_dir evt.abspath evt.abspath.src',
  'fd.num fd.type fd.typechar fd.name fd.realpath fd.nameraw fd.directory fd.filename fd.l4proto fd.sockfamily fd.cip fd.sip fd.sport fd.cport',
  'fd.ip fd.port fd.rip fd.lport fd.is_server fd.connected fd.name_changed fd.ino',
  'evt.buffer evt.buflen evt.buflen.in evt.buflen.out evt.buflen.file evt.buflen.file.in evt.buflen.net.out evt.cpu',
  'fs.path.name fs.path.source fs.path.target fs.path.nameraw user.uid proc.name proc.cwd evt.is_open_write',
  ...[
    ...new Set(Object.values(CALLS).flatMap(({ args }) => Object.keys(args))),
    ...'res fd flags comm data img msgcontrol ID nativeID queuelen queuemax queuepct'.split(' '),
  ].map((name) => `evt.arg.${name} evt.rawarg.${name}`),
].flatMap((line) => line.split(' '));

export class Stage {
  readonly rows: Row[] = [];
  /** The event types that there were. */
  readonly seen = new Set<string>();
  declare folder: string;
  declare actor: Actor;
  /** Where a server of ours listens. */
  port = 0;
  #place: ReturnType<typeof prepare> | undefined;
  #server: Server | undefined;
  #stop = () => {};

  async open(): Promise<void> {
    this.#place = prepare();
    this.folder = scratch();
    mkdirSync(this.under('dir/sub'), { recursive: true });
    for (const name of ['a', 'b', 'dir/x', 'dir/y', 'own']) writeFileSync(this.under(name), 'x');
    symlinkSync('a', this.under('link'));
    const server = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
    this.#server = server;
    await new Promise((done) => server.once('listening', done));
    const address = server.address();
    this.port = address && typeof address === 'object' ? address.port : 0;
    this.actor = await Actor.start(this.#place.program, this.folder);
    const types = new Set(Object.keys(CALLS));
    const ctx = contextFor({ fields: new Set(FIELDS), types });
    const config = ebpf.config.parse({ scope: { descendants_of: this.actor.pid } });
    const subscription = ebpf.open(config, ctx).subscribe({
      next: (batch: Batch) => {
        for (let index = 0; index < batch.events.length; index++) {
          const event = batch.events.at(index);
          this.rows.push(Object.fromEntries(FIELDS.map((field) => [field, event?.get(field)])));
        }
      },
    });
    this.#stop = () => subscription.unsubscribe();
  }

  close(): void {
    this.#stop();
    this.actor?.stop();
    this.#server?.close();
  }

  readonly under = (path: string) => join(this.folder, path);
  readonly openDirectory = (path: string) => this.actor.ask(`open ${path} ${O_DIRECTORY}`);
  readonly seek = (fd: number, to: number) => this.actor.ask(`sys ${LSEEK} ${fd} ${to} 0`);

  /** Performs an action and returns the event of that type that it made, on a descriptor where one is named. */
  readonly act = async (line: string, type: string, fd?: number): Promise<{ row: Row; result: number }> => {
    this.rows.length = 0;
    const result = await this.actor.ask(line);
    for (let waited = 0; waited < 400; waited++) {
      const row = this.rows.findLast((each) => each['evt.type'] === type && each['fd.num'] === (fd ?? each['fd.num']));
      if (row !== undefined) {
        this.seen.add(type);
        return { row, result };
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error(`${line} made no ${type}, but ${this.rows.map((row) => row['evt.type'])}`);
  };

  /** The call by its number; its event has the result that the call gave. */
  readonly call = async (name: string, args: string, options: { apart?: boolean; fd?: number } = {}): Promise<Row> => {
    const line = `${options.apart ? 'sys-apart' : 'sys'} ${numberOf(name)} ${args}`;
    const { row, result } = await this.act(line, name, options.fd);
    if (!options.apart) expect(row['evt.rawres'], name).toBe(result);
    expect(row['evt.failed'], name).toBe(Number(row['evt.rawres']) < 0);
    return row;
  };

  /** A call on a descriptor; the program reads and writes others too. */
  readonly callOn = (fd: number, name: string, args: string) => this.call(name, `${fd} ${args}`, { fd });
}
