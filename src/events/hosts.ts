/**
 * Names of hosts for addresses: those that somebody asks for are looked up beforehand, and again now and then, as
 * getaddrinfo(3) does. Nothing waits for an answer.
 */

import { lookup } from 'node:dns/promises';

/** A name is looked up again after so many ms; twice as late each time that nothing has changed, as Falco does it. */
const SOON_MS = 10_000;
const LATE_MS = 20 * 60_000;
/** An address counts for so long after it was last among the answers, in ms: names of many addresses show a few at a time. */
const LASTING_MS = 60 * 60_000;

export interface HostsOptions {
  /** The addresses of a name as text; rejects when there are none. Default: as other programs of this machine see it. */
  readonly resolve?: (name: string) => Promise<readonly string[]>;
  /** Told how each search ended. */
  readonly ended?: (outcome: 'found' | 'unknown') => void;
  /** Told, when all that was asked for has been looked up once, which names have no address. */
  readonly unknown?: (names: readonly string[]) => void;
}

class Host {
  /** When each address was last among the answers, in ms. */
  readonly addresses = new Map<string, number>();
  due = 0;
  wait = SOON_MS;
  asked = false;
}

const NONE: readonly string[] = [];

export class Hosts {
  readonly #options: HostsOptions;
  readonly #hosts = new Map<string, Host>();
  #byAddress: ReadonlyMap<string, readonly string[]> = new Map();
  #timer: NodeJS.Timeout | undefined;
  #searching = false;
  #closed = false;
  #told = true;

  constructor(options: HostsOptions = {}) {
    this.#options = options;
  }

  /** The names of an address, as far as they are asked for and known. */
  namesOf(address: string): readonly string[] {
    return this.#byAddress.get(address) ?? NONE;
  }

  /** Looks these names up from now on, and no others. */
  want(names: ReadonlySet<string>): void {
    for (const name of this.#hosts.keys()) if (!names.has(name)) this.#hosts.delete(name);
    for (const name of names) {
      if (name === '' || this.#hosts.has(name)) continue;
      this.#hosts.set(name, new Host());
      this.#told = false;
    }
    this.#index();
    this.#search();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** One after the other: a search occupies a thread that files are read with too. */
  #search(): void {
    if (this.#searching || this.#closed) return;
    clearTimeout(this.#timer);
    const [next] = [...this.#hosts].toSorted(([, a], [, b]) => a.due - b.due);
    if (next === undefined) return;
    this.#tell();
    const [name, host] = next;
    const wait = host.due - Date.now();
    if (wait > 0) {
      this.#timer = setTimeout(() => this.#search(), wait);
      this.#timer.unref();
      return;
    }
    this.#searching = true;
    void this.#ask(name, host).finally(() => {
      this.#searching = false;
      this.#search();
    });
  }

  async #ask(name: string, host: Host): Promise<void> {
    let found: readonly string[] = NONE;
    try {
      found = await (this.#options.resolve ?? addressesOf)(name);
    } catch {
      // The addresses of before hold for a while; who asked is told that there are none.
    }
    this.#options.ended?.(found.length > 0 ? 'found' : 'unknown');
    const now = Date.now();
    const isNew = found.some((address) => !host.addresses.has(address));
    for (const address of found) host.addresses.set(address, now);
    for (const [address, last] of host.addresses) if (now - last > LASTING_MS) host.addresses.delete(address);
    host.wait = isNew ? SOON_MS : Math.min(host.asked ? 2 * host.wait : SOON_MS, LATE_MS);
    host.asked = true;
    host.due = now + host.wait;
    this.#index();
  }

  /** Once all have been looked up. */
  #tell(): void {
    const hosts = [...this.#hosts];
    if (this.#told || hosts.some(([, { asked }]) => !asked)) return;
    this.#told = true;
    const unknown = hosts.flatMap(([name, { addresses }]) => (addresses.size === 0 ? [name] : []));
    if (unknown.length > 0) this.#options.unknown?.(unknown);
  }

  #index(): void {
    const byAddress = new Map<string, string[]>();
    for (const [name, { addresses }] of this.#hosts) {
      for (const address of addresses.keys()) byAddress.set(address, [...(byAddress.get(address) ?? []), name]);
    }
    this.#byAddress = byAddress;
  }
}

async function addressesOf(name: string): Promise<readonly string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}
