/** Where container runtimes are reached: sockets that are configured, or those that are there. */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { RuntimeKind } from '../events/containers/cgroup.ts';
import type { Runtime } from './runtime.ts';

const paths = (what: string) => z.array(z.string().min(1)).default([]).describe(`Sockets of ${what}.`);

/** The configuration key `sockets`, without its default. */
export const socketsConfig = z.strictObject({
  docker: paths('Docker'),
  podman: paths("Podman's service"),
  containerd: paths('containerd, for Kubernetes and for itself'),
  crio: paths('CRI-O'),
});

export type Sockets = z.output<typeof socketsConfig>;

const RUN = '/run';

/** Where runtimes have their sockets, of the system and of users who run their own. */
function usual(): Sockets {
  const users = existsSync(join(RUN, 'user')) ? readdirSync(join(RUN, 'user')) : [];
  const ofUsers = (name: string) => users.map((user) => join(RUN, 'user', user, name));
  return {
    docker: [join(RUN, 'docker.sock'), ...ofUsers('docker.sock')],
    podman: [join(RUN, 'podman/podman.sock'), ...ofUsers('podman/podman.sock')],
    containerd: ['containerd', 'k3s/containerd', 'host-containerd'].map((at) => join(RUN, at, 'containerd.sock')),
    crio: [join(RUN, 'crio/crio.sock')],
  };
}

/** Milliseconds for which it is believed which sockets there are. */
const LOOK_AGAIN = 1000;

/** The runtimes of this machine. One that starts later is found when it is asked for. */
export class Runtimes {
  readonly #configured: Sockets | undefined;
  readonly #known = new Map<string, Promise<readonly Runtime[]>>();
  #looked = Number.NEGATIVE_INFINITY;
  #found: Promise<readonly Runtime[]> = Promise.resolve([]);

  /** Undefined: the usual sockets that exist. */
  constructor(configured?: Sockets) {
    this.#configured = configured;
  }

  /** All whose sockets exist, or are configured. */
  all(): Promise<readonly Runtime[]> {
    if (performance.now() - this.#looked >= LOOK_AGAIN) {
      this.#looked = performance.now();
      this.#found = this.#look();
    }
    return this.#found;
  }

  /** Those that may have a container of that kind, the likeliest first. */
  async of(kind: RuntimeKind | undefined): Promise<readonly Runtime[]> {
    const able = (await this.all()).filter((runtime) => runtime.mayHave(kind));
    return able.toSorted((a, b) => Number(b.name === kind) - Number(a.name === kind));
  }

  async close(): Promise<void> {
    for (const made of await Promise.allSettled(this.#known.values())) {
      if (made.status === 'fulfilled') for (const runtime of made.value) runtime.close();
    }
  }

  async #look(): Promise<readonly Runtime[]> {
    const sockets = this.#configured ?? usual();
    const made: Promise<readonly Runtime[]>[] = [];
    for (const kind of ['docker', 'podman', 'containerd', 'crio'] as const) {
      for (const path of sockets[kind]) {
        if (this.#configured === undefined && !existsSync(path)) continue;
        let runtimes = this.#known.get(path);
        if (!runtimes) this.#known.set(path, (runtimes = open(kind, path)));
        made.push(runtimes);
      }
    }
    return (await Promise.all(made)).flat();
  }
}

// Each is loaded when it is there: most machines have one, many have none.
async function open(kind: keyof Sockets, path: string): Promise<readonly Runtime[]> {
  if (kind === 'docker' || kind === 'podman') {
    const { DockerRuntime } = await import('./docker.ts');
    return [new DockerRuntime(kind, path)];
  }
  const { CriRuntime } = await import('./cri.ts');
  if (kind === 'crio') return [new CriRuntime('cri-o', path)];
  const { ContainerdRuntime } = await import('./containerd.ts');
  return [new CriRuntime('containerd', path), new ContainerdRuntime(path)];
}
