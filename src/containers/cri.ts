/** Runtimes of Kubernetes nodes, by the Container Runtime Interface: containerd and CRI-O. */

import type { RuntimeKind } from '../events/containers/cgroup.ts';
import type { Container, Image, Mount, Pod } from '../events/containers/container.ts';
import {
  containerStatusMethod,
  EVENT_TYPES,
  eventsMethod,
  imageStatusMethod,
  listContainersMethod,
  listSandboxesMethod,
  NODE,
  READY,
  STATES,
  sandboxStatusMethod,
} from './cri-messages.ts';
import { CallError, GrpcClient, STATUS } from './grpc.ts';
import { imageOf } from './image-name.ts';
import { probesOf } from './pod-labels.ts';
import type { Message } from './protobuf.ts';
import type { Lifecycle, Present, Runtime } from './runtime.ts';

type ContainerStatus = NonNullable<Message<typeof containerStatusMethod.response>['status']>;
type Sandbox = Message<typeof sandboxStatusMethod.response>;

/** In the order of their numbers. */
const PROPAGATION = ['private', 'rslave', 'rshared'];

export class CriRuntime implements Runtime {
  readonly name: 'containerd' | 'cri-o';
  readonly whose = 'Kubernetes';
  readonly socket: string;
  readonly #client: GrpcClient;

  constructor(name: 'containerd' | 'cri-o', socket: string) {
    this.name = name;
    this.socket = socket;
    this.#client = new GrpcClient(socket);
  }

  mayHave(kind: RuntimeKind | undefined): boolean {
    return kind === undefined || kind === this.name;
  }

  async inspect(id: string, signal: AbortSignal): Promise<Container | undefined> {
    const found = await known(this.#client.call(containerStatusMethod, { id, verbose: true }, { signal }));
    if (!found?.status) return this.#inspectSandbox(id, signal);
    const info = parsed(found.info.info);
    const sandboxId = textOf(info.sandboxID);
    const [sandbox, image] = await Promise.all([
      sandboxId === undefined ? undefined : this.#sandbox(sandboxId, signal),
      this.#image(found.status, signal),
    ]);
    return this.#container(found.status, info, sandbox, image);
  }

  /** Sandboxes too: events tell of them as of containers. */
  async list(signal: AbortSignal): Promise<readonly Present[]> {
    // One after the other: an answer may overtake the refusal of an earlier call, but not by a whole turn.
    const { containers } = await this.#client.call(listContainersMethod, {}, { signal });
    const { items } = await this.#client.call(listSandboxesMethod, {}, { signal });
    return [
      ...containers.map(({ id, state }): Present => ({ id, state: STATES[state] ?? 'ended' })),
      ...items.map(({ id, state }): Present => ({ id, state: state === READY ? 'running' : 'ended' })),
    ];
  }

  // Servers in Go send their headers with the first event: only an answer to a later call shows that this one was taken.
  async *lifecycle(signal: AbortSignal, asked: (answered: boolean) => void): AsyncGenerator<Lifecycle> {
    for await (const event of this.#client.stream(eventsMethod, {}, { signal, sent: () => asked(false) })) {
      const type = EVENT_TYPES[event.type];
      if (type === undefined) continue;
      const status = event.containers.find(({ id }) => id === event.containerId);
      yield {
        type,
        id: event.containerId,
        time: event.createdAt,
        ...(type === 'die' && status ? { exitCode: status.exitCode } : {}),
      };
    }
    throw new Error('the connection ended');
  }

  close(): void {
    this.#client.close();
  }

  #sandbox(id: string, signal: AbortSignal): Promise<Sandbox | undefined> {
    return known(this.#client.call(sandboxStatusMethod, { id, verbose: true }, { signal }));
  }

  /** The container that holds a pod's namespaces is known as its sandbox only. */
  async #inspectSandbox(id: string, signal: AbortSignal): Promise<Container | undefined> {
    const sandbox = await this.#sandbox(id, signal);
    if (!sandbox?.status) return undefined;
    const { metadata, labels, createdAt } = sandbox.status;
    const info = parsed(sandbox.info.info);
    return {
      id,
      runtime: this.name,
      name: metadata?.name ?? '',
      image: imageOf(textOf(info.image) ?? '', undefined, [], []),
      labels,
      mounts: [],
      privileged: false,
      ...sharedWithHost(sandbox),
      ip: undefined,
      startedAt: createdAt > 0n ? createdAt : undefined,
      probes: {},
      pod: podOf(sandbox),
    };
  }

  async #image({ image, imageRef }: ContainerStatus, signal: AbortSignal): Promise<Image> {
    const given = image?.userSpecified || image?.image || imageRef;
    const found = await known(
      this.#client.call(imageStatusMethod, { image: { image: imageRef || given } }, { signal }),
    );
    const { id, tags = [], digests = [] } = found?.image ?? {};
    return imageOf(given, id, tags, imageRef.includes('@') ? [imageRef, ...digests] : digests);
  }

  #container(status: ContainerStatus, info: Info, sandbox: Sandbox | undefined, image: Image): Container {
    const name = status.metadata?.name ?? '';
    const privileged = info.privileged ?? info.config?.linux?.security_context?.privileged;
    return {
      id: status.id,
      runtime: this.name,
      name,
      image,
      labels: status.labels,
      mounts: status.mounts.map(
        ({ containerPath, hostPath, readonly, propagation }): Mount => ({
          source: hostPath,
          destination: containerPath,
          mode: '',
          writable: !readonly,
          propagation: PROPAGATION[propagation] ?? '',
        }),
      ),
      privileged: privileged === true,
      ...sharedWithHost(sandbox),
      ip: undefined,
      startedAt: status.startedAt > 0n ? status.startedAt : undefined,
      probes: probesOf(sandbox?.status?.annotations ?? {}, name),
      pod: sandbox && podOf(sandbox),
    };
  }
}

/** What runtimes add for people who ask for more than the interface has: JSON. */
interface Info {
  readonly sandboxID?: unknown;
  readonly image?: unknown;
  readonly cniResult?: unknown;
  /** CRI-O's; containerd shows the configuration that it was given. */
  readonly privileged?: unknown;
  readonly config?: { readonly linux?: { readonly security_context?: { readonly privileged?: unknown } } };
}

function parsed(text: string | undefined): Info {
  try {
    return (JSON.parse(text ?? '{}') as Info | null) ?? {};
  } catch {
    return {}; // no interface promises it
  }
}

const textOf = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);

function sharedWithHost(sandbox: Sandbox | undefined): Pick<Container, 'hostPid' | 'hostNetwork' | 'hostIpc'> {
  const options = sandbox?.status?.linux?.namespaces?.options;
  const shared = (mode: number | undefined) => (options === undefined ? undefined : mode === NODE);
  return { hostPid: shared(options?.pid), hostNetwork: shared(options?.network), hostIpc: shared(options?.ipc) };
}

function podOf({ status, info }: Sandbox): Pod | undefined {
  if (!status) return undefined;
  const { cniResult } = parsed(info.info);
  return {
    name: status.metadata?.name,
    namespace: status.metadata?.namespace,
    uid: status.metadata?.uid,
    sandboxId: status.id,
    labels: status.labels,
    ip: status.network?.ip || undefined,
    cni: cniResult === undefined || cniResult === null ? undefined : JSON.stringify(cniResult),
  };
}

/** Undefined for what the runtime has not; a runtime without the interface has nothing. */
async function known<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof CallError && (error.status === STATUS.notFound || error.status === STATUS.unimplemented)) {
      return undefined;
    }
    throw error;
  }
}
