/** Containers that containerd runs for others than Docker and Kubernetes: nerdctl, ctr. */

import type { RuntimeKind } from '../events/containers/cgroup.ts';
import type { Container, Image, Mount } from '../events/containers/container.ts';
import {
  getContainer,
  getImage,
  listContainers,
  listNamespaces,
  listTasks,
  subscribe,
  TASK,
  topics,
} from './containerd-messages.ts';
import { CallError, GrpcClient, STATUS } from './grpc.ts';
import { imageOf } from './image-name.ts';
import { podOfLabels } from './pod-labels.ts';
import { decode, type Message } from './protobuf.ts';
import type { Lifecycle, Present, Runtime } from './runtime.ts';

type Found = NonNullable<Message<typeof getContainer.response>['container']>;

/** Docker's and Kubernetes' own: their APIs know more. */
const OTHERS: ReadonlySet<string> = new Set(['moby', 'k8s.io']);

/** Of an OCI runtime specification what is used. */
interface Spec {
  readonly process?: { readonly capabilities?: { readonly bounding?: readonly string[] } };
  readonly mounts?: readonly {
    readonly destination?: string;
    readonly type?: string;
    readonly source?: string;
    readonly options?: readonly string[];
  }[];
  readonly linux?: {
    readonly namespaces?: readonly { readonly type?: string }[];
    readonly maskedPaths?: readonly string[];
  };
}

export class ContainerdRuntime implements Runtime {
  readonly name = 'containerd';
  readonly socket: string;
  readonly #client: GrpcClient;

  constructor(socket: string) {
    this.socket = socket;
    this.#client = new GrpcClient(socket);
  }

  mayHave(kind: RuntimeKind | undefined): boolean {
    return kind === undefined || kind === 'containerd';
  }

  async inspect(id: string, signal: AbortSignal): Promise<Container | undefined> {
    for (const namespace of await this.#namespaces(signal)) {
      const found = await orNone(this.#client.call(getContainer, { id }, { signal, namespace }));
      if (found?.container) return containerOf(found.container, await this.#image(found.container, namespace, signal));
    }
    return undefined;
  }

  /** A container without a task was not started, or its task was removed when it had ended: it may be started anew. */
  async list(signal: AbortSignal): Promise<readonly Present[]> {
    const present: Present[] = [];
    for (const namespace of await this.#namespaces(signal)) {
      const { tasks } = await this.#client.call(listTasks, {}, { signal, namespace });
      const states = new Map(tasks.map(({ containerId, id, status }) => [containerId || id, stateOf(status)]));
      for await (const { container } of this.#client.stream(listContainers, {}, { signal, namespace })) {
        if (container) present.push({ id: container.id, state: states.get(container.id) ?? 'created' });
      }
    }
    return present;
  }

  // As of Kubernetes' interface: an answer to a later call shows that this one was taken.
  async *lifecycle(signal: AbortSignal, asked: (answered: boolean) => void): AsyncGenerator<Lifecycle> {
    const filters = Object.keys(topics).map((topic) => `topic==${JSON.stringify(topic)}`);
    for await (const { topic, namespace, event, timestamp } of this.#client.stream(
      subscribe,
      { filters },
      { signal, sent: () => asked(false) },
    )) {
      if (!isTopic(topic) || OTHERS.has(namespace) || !event) continue;
      const { type, shape } = topics[topic];
      const { containerId, id, exitStatus } = decode<(typeof topics)['/tasks/exit']['shape']>(
        shape as (typeof topics)['/tasks/exit']['shape'],
        event.value,
      );
      if (type === 'die' && id !== containerId) continue;
      const time = (timestamp?.seconds ?? 0n) * 1_000_000_000n + BigInt(timestamp?.nanos ?? 0);
      yield { type, id: containerId, time, ...(type === 'die' ? { exitCode: exitStatus } : {}) };
    }
    throw new Error('the connection ended');
  }

  close(): void {
    this.#client.close();
  }

  async #namespaces(signal: AbortSignal): Promise<string[]> {
    const { namespaces } = await this.#client.call(listNamespaces, {}, { signal });
    return namespaces.map(({ name }) => name).filter((name) => !OTHERS.has(name));
  }

  async #image({ image }: Found, namespace: string, signal: AbortSignal): Promise<Image> {
    const found = image && (await orNone(this.#client.call(getImage, { name: image }, { signal, namespace })));
    const digest = found ? found.image?.target?.digest : undefined;
    return imageOf(image, undefined, [], digest ? [`${image}@${digest}`] : []);
  }
}

function stateOf(status: number): Present['state'] {
  if (status === TASK.created) return 'created';
  return status === TASK.running || status === TASK.paused || status === TASK.pausing ? 'running' : 'ended';
}

const isTopic = (text: string): text is keyof typeof topics => Object.hasOwn(topics, text);

function containerOf({ id, labels, spec }: Found, image: Image): Container {
  const { process, mounts = [], linux } = specOf(spec?.value);
  const shared = (type: string) => linux?.namespaces && !linux.namespaces.some((each) => each.type === type);
  const masked = linux?.maskedPaths?.length ?? 0;
  return {
    id,
    runtime: 'containerd',
    name: labels['nerdctl/name'] ?? id,
    image,
    labels,
    mounts: mounts.filter(({ type }) => type === 'bind').map(mountOf),
    // The specification has no such word: all is granted and nothing is hidden.
    privileged: masked === 0 && (process?.capabilities?.bounding ?? []).includes('CAP_SYS_ADMIN'),
    hostPid: shared('pid'),
    hostNetwork: shared('network'),
    hostIpc: shared('ipc'),
    ip: undefined,
    startedAt: undefined,
    probes: {},
    pod: podOfLabels(labels),
  };
}

function specOf(bytes: Uint8Array | undefined): Spec {
  try {
    return bytes?.length ? ((JSON.parse(Buffer.from(bytes).toString()) as Spec | null) ?? {}) : {};
  } catch {
    return {}; // a specification of another kind
  }
}

const PROPAGATION = new Set(['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave']);

function mountOf({ source = '', destination = '', options = [] }: NonNullable<Spec['mounts']>[number]): Mount {
  return {
    source,
    destination,
    mode: '',
    writable: !options.includes('ro'),
    propagation: options.find((option) => PROPAGATION.has(option)) ?? '',
  };
}

async function orNone<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof CallError && error.status === STATUS.notFound) return undefined;
    throw error;
  }
}
