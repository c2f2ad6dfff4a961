/** A runtime that answers as a test says, and tells what the test tells it. */

import type { Lifecycle, Present, Runtime } from '../../src/containers/runtime.ts';
import type { RuntimeKind } from '../../src/events/containers/cgroup.ts';
import type { Container } from '../../src/events/containers/container.ts';

export const id = (number: number) => number.toString(16).padStart(64, '0');

/** Containers by number, as a runtime says that it has them. */
export const has = (...present: [number: number, state: Present['state']][]): Present[] =>
  present.map(([number, state]) => ({ id: id(number), state }));

export class FakeRuntime implements Runtime {
  readonly name: RuntimeKind;
  readonly socket: string;
  /** The ids that were asked for. */
  readonly asked: string[] = [];
  answer: (id: string) => Promise<Container | undefined> = async () => undefined;
  present: () => Promise<readonly Present[]> = async () => [];
  /** Why it takes no connection. */
  refusal: Error | undefined;
  /** Whether it answers those that connect. */
  deaf = false;
  /** Whether it says so at once that it will tell. */
  answers = false;
  /** When it was tried to connect, and when that went well: ms since the epoch. */
  readonly tries: number[] = [];
  readonly connections: number[] = [];
  readonly #told: Lifecycle[] = [];
  #end: Error | undefined;
  #wake: () => void = () => {};

  constructor(name: RuntimeKind = 'docker') {
    this.name = name;
    this.socket = `/fake/${name}.sock`;
  }

  mayHave(kind: RuntimeKind | undefined): boolean {
    return kind === undefined || kind === this.name;
  }

  inspect(id: string): Promise<Container | undefined> {
    this.asked.push(id);
    return this.answer(id);
  }

  list(): Promise<readonly Present[]> {
    return this.present();
  }

  /** Nobody hears it after `drop` until the next connection. */
  tell(event: Partial<Lifecycle>): void {
    if (this.#end) return;
    this.#told.push({ type: 'create', id: id(1), time: 1n, ...event });
    this.#wake();
  }

  /** Ends the connection; what was told before is read first. */
  drop(why = 'dropped'): void {
    this.#end = new Error(why);
    this.#wake();
  }

  async *lifecycle(signal: AbortSignal, asked: (answered: boolean) => void): AsyncGenerator<Lifecycle> {
    this.tries.push(Date.now());
    if (this.refusal) throw this.refusal;
    this.connections.push(Date.now());
    this.#end = undefined;
    signal.addEventListener('abort', () => this.#wake());
    if (!this.deaf) asked(this.answers);
    while (!signal.aborted) {
      for (const event of this.#told.splice(0)) yield event;
      if (this.#end) throw this.#end;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  close(): void {}
}
