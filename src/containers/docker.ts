/** Docker, and whatever offers its API: Podman. */

import type { RuntimeKind } from '../events/containers/cgroup.ts';
import type { Container, Mount } from '../events/containers/container.ts';
import type { LifecycleType } from '../events/containers/lifecycle.ts';
import { HttpSocket, type Limits } from './http.ts';
import { imageOf } from './image-name.ts';
import { podOfLabels } from './pod-labels.ts';
import type { Lifecycle, Present, Runtime } from './runtime.ts';

/** Of `GET /containers/ID/json` what is used. */
interface Inspected {
  readonly Id: string;
  readonly Name?: string;
  readonly Image?: string;
  readonly State?: { readonly StartedAt?: string };
  readonly Config?: {
    readonly Image?: string;
    readonly Labels?: Record<string, string> | null;
    readonly Healthcheck?: { readonly Test?: readonly string[] | null } | null;
  };
  readonly HostConfig?: {
    readonly Privileged?: boolean;
    readonly PidMode?: string;
    readonly NetworkMode?: string;
    readonly IpcMode?: string;
  };
  readonly Mounts?: readonly InspectedMount[] | null;
  readonly NetworkSettings?: {
    readonly IPAddress?: string;
    readonly Networks?: Record<string, { readonly IPAddress?: string }> | null;
  };
}

interface InspectedMount {
  readonly Source?: string;
  readonly Destination?: string;
  readonly Mode?: string;
  readonly RW?: boolean;
  readonly Propagation?: string;
}

interface InspectedImage {
  readonly RepoTags?: readonly string[] | null;
  readonly RepoDigests?: readonly string[] | null;
}

/** Of `GET /containers/json` what is used. */
interface Listed {
  readonly Id: string;
  readonly State?: string;
}

interface EventLine {
  readonly Type?: string;
  readonly Action?: string;
  readonly time?: number;
  readonly timeNano?: number | bigint;
  readonly Actor?: { readonly ID?: string; readonly Attributes?: Record<string, string> };
}

/** Docker says `destroy` where Podman says `remove`. */
const TYPES: Readonly<Record<string, LifecycleType>> = {
  create: 'create',
  start: 'start',
  die: 'die',
  destroy: 'remove',
  remove: 'remove',
};

/** Those of Docker, and those that only Podman has; in all others it has ended. */
const STATES: Readonly<Record<string, Present['state']>> = {
  created: 'created',
  configured: 'created',
  initialized: 'created',
  running: 'running',
  paused: 'running',
  stopping: 'running',
};

/** 64 MiB are 30,000 containers, 2.2 KB each: those that have ended are listed until somebody removes them. */
const LIST: Limits = { most: 64 * 1024 * 1024, patience: 8000 };
/** Images whose names are remembered. */
const IMAGES = 256;

export class DockerRuntime implements Runtime {
  readonly name: 'docker' | 'podman';
  readonly socket: string;
  readonly #http: HttpSocket;
  readonly #images = new Map<string, InspectedImage>();

  constructor(name: 'docker' | 'podman', socket: string) {
    this.name = name;
    this.socket = socket;
    this.#http = new HttpSocket(socket);
  }

  /** Podman often answers at Docker's socket. */
  mayHave(kind: RuntimeKind | undefined): boolean {
    return kind === undefined || kind === 'docker' || kind === 'podman';
  }

  async inspect(id: string, signal: AbortSignal): Promise<Container | undefined> {
    const found = (await this.#http.get(`/containers/${encodeURIComponent(id)}/json`, signal)) as Inspected | undefined;
    if (found === undefined) return undefined;
    return containerOf(found, this.name, await this.#image(found.Image, signal));
  }

  async list(signal: AbortSignal): Promise<readonly Present[]> {
    const path = '/containers/json?all=1';
    const found = (await this.#http.get(path, signal, LIST)) as readonly Listed[] | undefined;
    if (!found) throw new Error(`${path}: there is no such thing`);
    return found.map(({ Id, State = '' }) => ({ id: Id, state: STATES[State] ?? 'ended' }));
  }

  async *lifecycle(signal: AbortSignal, asked: (answered: boolean) => void): AsyncGenerator<Lifecycle> {
    const filters = encodeURIComponent(JSON.stringify({ type: ['container'] }));
    for await (const line of this.#http.lines(`/events?filters=${filters}`, signal, () => asked(true))) {
      const { Action = '', Actor, time = 0, timeNano } = line as EventLine;
      const type = TYPES[Action];
      const id = Actor?.ID;
      if (type === undefined || !id) continue;
      const exitCode = Actor?.Attributes?.exitCode;
      yield {
        type,
        id,
        time: timeNano === undefined ? BigInt(time) * 1_000_000_000n : BigInt(timeNano),
        ...(exitCode === undefined ? {} : { exitCode: Number(exitCode) }),
        glimpse: glimpseOf(id, Actor?.Attributes ?? {}, this.name),
      };
    }
  }

  close(): void {
    this.#http.close();
  }

  async #image(id: string | undefined, signal: AbortSignal): Promise<InspectedImage> {
    if (!id) return {};
    const known = this.#images.get(id);
    if (known) return known;
    const found = (await this.#http.get(`/images/${encodeURIComponent(id)}/json`, signal)) as
      | InspectedImage
      | undefined;
    if (this.#images.size >= IMAGES) this.#images.clear();
    if (found) this.#images.set(id, found);
    return found ?? {};
  }
}

function containerOf(found: Inspected, runtime: 'docker' | 'podman', image: InspectedImage): Container {
  const { Config = {}, HostConfig = {}, State } = found;
  const labels = Config.Labels ?? {};
  const healthcheck = commandOf(Config.Healthcheck?.Test ?? [], runtime);
  return {
    id: found.Id,
    runtime,
    name: (found.Name ?? '').replace(/^\//, ''),
    image: imageOf(Config.Image ?? '', found.Image, image.RepoTags ?? [], image.RepoDigests ?? []),
    labels,
    mounts: (found.Mounts ?? []).map(mountOf),
    privileged: HostConfig.Privileged,
    hostPid: isHost(HostConfig.PidMode),
    hostNetwork: isHost(HostConfig.NetworkMode),
    hostIpc: isHost(HostConfig.IpcMode),
    ip: addressOf(found.NetworkSettings),
    startedAt: nanoseconds(State?.StartedAt),
    probes: healthcheck ? { healthcheck } : {},
    pod: podOfLabels(labels),
  };
}

/** An event has the name and image of its container among its labels, and says nothing of how it runs. */
function glimpseOf(
  id: string,
  { name = '', image = '', exitCode: _, containerExitCode: __, podId: ___, ...labels }: Record<string, string>,
  runtime: 'docker' | 'podman',
): Container {
  return {
    id,
    runtime,
    name,
    image: imageOf(image, undefined, [], []),
    labels,
    mounts: [],
    privileged: undefined,
    hostPid: undefined,
    hostNetwork: undefined,
    hostIpc: undefined,
    ip: undefined,
    startedAt: undefined,
    probes: {},
    pod: podOfLabels(labels),
  };
}

const isHost = (mode: string | undefined) => mode === 'host';

function mountOf({ Source = '', Destination = '', Mode = '', RW = false, Propagation = '' }: InspectedMount): Mount {
  return { source: Source, destination: Destination, mode: Mode, writable: RW, propagation: Propagation };
}

function addressOf(settings: Inspected['NetworkSettings']): string | undefined {
  const addresses = Object.values(settings?.Networks ?? {}).map(({ IPAddress }) => IPAddress);
  return settings?.IPAddress || addresses.find((address) => address);
}

/** How the runtime starts a health check. */
function commandOf([how, ...words]: readonly string[], runtime: 'docker' | 'podman'): readonly string[] | undefined {
  if (how === 'CMD') return words;
  if (how === 'CMD-SHELL') return [runtime === 'docker' ? '/bin/sh' : 'sh', '-c', ...words];
  return undefined;
}

/** ns since the epoch of an RFC 3339 time; undefined for the year 1, which means never. */
export function nanoseconds(text: string | undefined): bigint | undefined {
  const [, seconds, fraction = '', zone] = /^([\d-]+T[\d:]+)(?:\.(\d+))?(Z|[+-][\d:]+)$/.exec(text ?? '') ?? [];
  const ms = Date.parse(`${seconds}${zone}`);
  if (Number.isNaN(ms) || ms <= 0) return undefined;
  return BigInt(ms) * 1_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, '0'));
}
