/** The store, as the rest of the program sees it: changes are gathered and written in groups by a thread of its own. */

import { once } from 'node:events';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { messageOf, UserError } from '../core/errors.ts';
import { Trouble } from '../core/failure/trouble.ts';
import { isBuilt, packageRoot } from '../core/package.ts';
import type { Change, DeadLetter, First, Kept, Message, Opened, Question, Reply, SpoolRow } from './messages.ts';

export type { DeadLetter, Kept, SpoolRow } from './messages.ts';

/** Changes wait for others at most this many ms, or until there are so many; then they are one transaction. */
const GROUP = { ms: 10, changes: 256 };
/** After a failure the same group is tried again in this many ms. */
const AGAIN = 1000;

/** What becomes of a change: it is on disk, or never will be; undefined: it was taken back. */
type Written = boolean | undefined;

interface Group {
  readonly changes: Map<Promise<Written>, { readonly change: Change; readonly done: (written: Written) => void }>;
  /** Called when all of it is on disk. */
  readonly committed: (() => void)[];
}

function emptyGroup(): Group {
  return { changes: new Map(), committed: [] };
}

/** Who is told how writing goes. */
interface Watcher {
  /** `lost`: it is not tried again, for the file is being closed; so many events that were to wait on disk do not. */
  readonly failed: (error: unknown, lost?: number) => void;
  readonly recovered: () => void;
}

function eventsIn({ changes }: Group): number {
  return [...changes.values()].reduce((sum, { change }) => sum + ('count' in change ? change.count : 0), 0);
}

function settle({ changes, committed }: Group, isWritten: boolean): void {
  for (const { done } of changes.values()) done(isWritten);
  changes.clear();
  if (isWritten) for (const resolve of committed) resolve();
}

/**
 * One state file. Changes that are made in the same turn of the event loop are in the same transaction. What cannot be
 * written (a full disk) is kept and tried again, in order.
 */
export class Store {
  readonly folder: string;
  readonly #worker: Worker;
  readonly #watcher: Watcher;
  readonly #positions: Map<string, string>;
  readonly #snapshots: Map<string, Opened['snapshots'][number]>;
  readonly #kept: Kept;
  readonly #replies = new Map<number, (reply: Reply) => void>();
  #gathered = emptyGroup();
  // What is being written, and whether the try that is under way, or was the last, has written it.
  #group = emptyGroup();
  #trying: Promise<boolean> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #next = 0;
  #closing = false;
  #closed: Promise<void> | undefined;
  /** Why the file cannot be written, while it cannot. */
  readonly trouble = new Trouble();

  private constructor(folder: string, worker: Worker, opened: Opened, watcher: Watcher) {
    this.folder = folder;
    this.#worker = worker;
    this.#watcher = watcher;
    this.#positions = new Map(opened.positions);
    this.#snapshots = new Map(opened.snapshots.map((each) => [each.operator, each]));
    this.#kept = opened.kept;
    worker.on('message', (reply: Reply) => {
      const answered = this.#replies.get(reply.id);
      this.#replies.delete(reply.id);
      answered?.(reply);
    });
  }

  /**
   * Opens, or makes, the state file in a folder, for this process alone. Throws a UserError: exit 78 when another process
   * has it, when a newer program wrote it or it is damaged; 77 when it may not be written. `failed` is told when a group
   * could not be written, and `recovered` when it then could.
   */
  static async open(folder: string, failed: Watcher['failed'], recovered = () => {}): Promise<Store> {
    const file = join(packageRoot, isBuilt ? 'dist/store-worker.js' : 'src/store/worker.ts');
    const worker = new Worker(file, { workerData: { folder }, execArgv: ['--disable-warning=ExperimentalWarning'] });
    const [first] = (await once(worker, 'message')) as [First];
    if ('opened' in first) {
      return new Store(folder, worker, first.opened, { failed, recovered });
    }
    await worker.terminate();
    throw new UserError(first.message, { exit: first.exit });
  }

  /** What is wrong with it now. */
  get problem(): string | undefined {
    return this.trouble.problem;
  }

  /** The position of a key; undefined when it has none. */
  get(key: string): unknown {
    const text = this.#positions.get(key);
    return text === undefined ? undefined : JSON.parse(text);
  }

  /** Notes a position. */
  set(key: string, position: unknown): void {
    const value = JSON.stringify(position);
    this.#positions.set(key, value);
    void this.#change({ kind: 'position', key, value });
  }

  /** Notes ids of a source as seen. Of each source the youngest million are remembered. */
  setSeen(source: string, ids: readonly string[]): void {
    if (ids.length > 0) void this.#change({ kind: 'seen', source, ids, time: Date.now() });
  }

  /** Those of the ids that were noted as seen. */
  async seen(source: string, ids: readonly string[]): Promise<readonly string[]> {
    return (await this.#ask({ ask: 'seen', source, ids })) as string[];
  }

  /** What an operator with this identity saved last; undefined for another identity, whose state would mean otherwise. */
  snapshot(operator: string, identity: string): unknown {
    const saved = this.#snapshots.get(operator);
    return saved?.identity === identity ? deserialize(saved.data) : undefined;
  }

  /** Saves the state of an operator: anything that the structured clone algorithm takes. */
  setSnapshot(operator: string, identity: string, state: unknown): void {
    const data = serialize(state);
    this.#snapshots.set(operator, { operator, identity, data });
    void this.#change({ kind: 'snapshot', operator, identity, data });
  }

  /** Events in the spool of a sink when the file was opened. */
  waiting(sink: string): number {
    return this.#kept.waiting[sink] ?? 0;
  }

  /** The sinks, and operators by `lettersOf`, for which events were in the spool then. */
  get spools(): readonly string[] {
    return Object.keys(this.#kept.waiting);
  }

  /** The sinks, and sources and operators by `lettersOf`, that had dead letters then. */
  get graves(): readonly string[] {
    return Object.keys(this.#kept.dead);
  }

  /** Events in dead letters of a sink when the file was opened. */
  buried(sink: string): number {
    return this.#kept.dead[sink] ?? 0;
  }

  /** Bytes that its dead letters took then. */
  buriedBytes(sink: string): number {
    return this.#kept.deadBytes[sink] ?? 0;
  }

  /** Adds events, as lines of JSON, to the spool of a sink; resolves when they are written, or with false when they never are. */
  spool(sink: string, count: number, text: string): Promise<Written> {
    return this.#change({ kind: 'spool', sink, count, text });
  }

  /** Takes back what `spool` has returned, which then resolves with undefined. False: it is on disk, or lost. */
  async takeBack(spooled: Promise<Written>): Promise<boolean> {
    await this.#trying;
    for (const { changes } of [this.#group, this.#gathered]) {
      const found = changes.get(spooled);
      if (!changes.delete(spooled)) continue;
      found?.done(undefined);
      return true;
    }
    return false;
  }

  /** The oldest rows of a spool behind the row `after`, with about so many events. */
  async spooled(sink: string, after: number, events: number): Promise<readonly SpoolRow[]> {
    return (await this.#ask({ ask: 'spooled', sink, after, events })) as SpoolRow[];
  }

  /** Removes a row that has been delivered; resolves when that is written. */
  unspool(id: number): Promise<unknown> {
    return this.#change({ kind: 'unspool', id });
  }

  /** Makes a row of a spool a dead letter, its bytes as they are; resolves when that is written. */
  condemn(id: number, why: Pick<DeadLetter, 'reason' | 'message' | 'time'>): Promise<Written> {
    return this.#change({ kind: 'condemn', id, ...why });
  }

  /** Adds events that a sink gave up; resolves as `spool` does. */
  bury(letter: Omit<DeadLetter, 'id'>, text: string): Promise<Written> {
    return this.#change({ kind: 'bury', ...letter, text });
  }

  /** Dead letters, of one sink or of all, oldest first. */
  async dead(sink?: string): Promise<readonly DeadLetter[]> {
    return (await this.#ask({ ask: 'dead', sink })) as DeadLetter[];
  }

  /** The events of a dead letter, as lines of JSON. */
  async letter(id: number): Promise<string | undefined> {
    return (await this.#ask({ ask: 'letter', id })) as string | undefined;
  }

  /** Puts dead letters back, for their sinks and operators to have them. Returns what is on disk then. */
  async exhume(choice: { readonly sink?: string; readonly ids?: readonly number[] }): Promise<Kept> {
    await this.#change({ kind: 'exhume', sink: choice.sink, ids: choice.ids });
    return (await this.#ask({ ask: 'kept' })) as Kept;
  }

  /** Deletes dead letters, those of sources too. Returns what is on disk then. */
  async discard(choice: { readonly sink?: string; readonly ids?: readonly number[] }): Promise<Kept> {
    await this.#change({ kind: 'discard', sink: choice.sink, ids: choice.ids });
    return (await this.#ask({ ask: 'kept' })) as Kept;
  }

  /** Resolves when everything that was noted so far is on disk. */
  async committed(): Promise<void> {
    const { changes, committed } = this.#gathered;
    if (changes.size === 0) await this.#writing;
    else await new Promise<void>((resolve) => committed.push(resolve));
  }

  /** Writes what is gathered, once more also after a failure, and closes the file. What is not on disk then never will be. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing = true;
    this.#flush();
    while (this.#writing) await this.#writing;
    await new Promise<void>((done) => {
      this.#worker.once('exit', () => done());
      this.#post({ id: this.#next++, question: { ask: 'close' } });
    });
  }

  #change(change: Change): Promise<Written> {
    const { changes } = this.#gathered;
    const { promise, resolve: done } = Promise.withResolvers<Written>();
    changes.set(promise, { change, done });
    if (changes.size >= GROUP.changes) queueMicrotask(() => this.#flush());
    else this.#timer ??= setTimeout(() => this.#flush(), GROUP.ms);
    return promise;
  }

  // One group at a time, so that their order is kept whatever fails.
  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#writing || this.#gathered.changes.size === 0) return;
    this.#group = this.#gathered;
    this.#gathered = emptyGroup();
    this.#writing = this.#write(this.#group).then(() => {
      this.#writing = undefined;
      if (this.#gathered.changes.size > 0) this.#flush();
    });
  }

  // A group that all was taken back from is tried too: so it is known when the file can be written again.
  async #write(group: Group): Promise<void> {
    while (!(await (this.#trying = this.#try(group)))) {
      if (this.#closing) return settle(group, false);
      await new Promise((resolve) => setTimeout(resolve, AGAIN));
    }
  }

  async #try(group: Group): Promise<boolean> {
    try {
      const changes = [...group.changes.values()].map(({ change }) => change);
      await this.#send((id) => ({ id, changes }));
      if (this.problem !== undefined) this.#watcher.recovered();
      this.trouble.problem = undefined;
      settle(group, true);
      return true;
    } catch (error) {
      this.trouble.problem = `the state cannot be written to ${this.folder}: ${messageOf(error)}`;
      const isOver = this.#closing && group.changes.size === 0;
      if (!isOver) this.#watcher.failed(error, this.#closing ? eventsIn(group) : undefined);
      return false;
    }
  }

  #ask(question: Question): Promise<unknown> {
    this.#flush();
    return this.#send((id) => ({ id, question }));
  }

  #send(message: (id: number) => Message): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = this.#next++;
      this.#replies.set(id, ({ error, answer }) => (error === undefined ? resolve(answer) : reject(new Error(error))));
      this.#post(message(id));
    });
  }

  #post(message: Message): void {
    this.#worker.postMessage(message);
  }
}
