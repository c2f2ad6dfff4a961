/** What a kubelet asks of a runtime, as far as tests need it (k8s.io/cri-api, runtime/v1). */

import { GrpcClient, type Method } from '../../src/containers/grpc.ts';
import type { Shape } from '../../src/containers/protobuf.ts';
import { IMAGE } from './engines.ts';

/** Modes of namespaces. */
const namespaces = { network: [1, 'int'], pid: [2, 'int'] } as const satisfies Shape;
const CONTAINER = 1;
const NODE = 2;

const sandboxConfig = {
  metadata: [1, { name: [1, 'string'], uid: [2, 'string'], namespace: [3, 'string'] }],
  logDirectory: [3, 'string'],
  labels: [6, 'map'],
  annotations: [7, 'map'],
  linux: [
    8,
    {
      cgroupParent: [1, 'string'],
      security: [2, { options: [1, namespaces], privileged: [6, 'bool'] }],
    },
  ],
} as const satisfies Shape;

const containerConfig = {
  metadata: [1, { name: [1, 'string'] }],
  image: [2, { image: [1, 'string'] }],
  command: [3, ['string']],
  mounts: [7, [{ containerPath: [1, 'string'], hostPath: [2, 'string'], readonly: [3, 'bool'] }]],
  labels: [9, 'map'],
  logPath: [11, 'string'],
  linux: [15, { security: [2, { privileged: [2, 'bool'], options: [3, namespaces] }] }],
} as const satisfies Shape;

const method = <Q extends Shape, A extends Shape>(name: string, request: Q, response: A): Method<Q, A> => ({
  path: `/runtime.v1.RuntimeService/${name}`,
  request,
  response,
});

const runSandbox = method('RunPodSandbox', { config: [1, sandboxConfig] }, { id: [1, 'string'] });
const createContainer = method(
  'CreateContainer',
  { sandbox: [1, 'string'], config: [2, containerConfig], sandboxConfig: [3, sandboxConfig] },
  { id: [1, 'string'] },
);
const byId = (name: string) => method(name, { id: [1, 'string'] }, {});
const execSync = method('ExecSync', { id: [1, 'string'], command: [2, ['string']] }, { exitCode: [3, 'int'] });

export interface PodIds {
  readonly sandbox: string;
  readonly container: string;
}

const OPTIONS = { network: NODE, pid: CONTAINER };

export class Kubelet {
  readonly #client: GrpcClient;
  readonly #folder: string;

  constructor(socket: string, folder: string) {
    this.#client = new GrpcClient(socket);
    this.#folder = folder;
  }

  /** A pod `shop-0` in `sales` with one privileged container `web` that sleeps. */
  async start(cgroupParent?: string): Promise<PodIds> {
    const config = {
      metadata: { name: 'shop-0', uid: '12345678-9abc-def0-1234-56789abcdef0', namespace: 'sales' },
      logDirectory: this.#folder,
      labels: { app: 'shop', 'io.kubernetes.pod.name': 'shop-0' },
      annotations: {
        'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify({
          spec: { containers: [{ name: 'web', livenessProbe: { exec: { command: ['/bin/cat', '/alive'] } } }] },
        }),
      },
      linux: {
        ...(cgroupParent === undefined ? {} : { cgroupParent }),
        security: { options: OPTIONS, privileged: true },
      },
    };
    const { id: sandbox } = await this.#client.call(runSandbox, { config });
    const { id: container } = await this.#client.call(createContainer, {
      sandbox,
      config: {
        metadata: { name: 'web' },
        image: { image: IMAGE },
        command: ['/bin/sleep', '1000'],
        mounts: [{ containerPath: '/host', hostPath: '/tmp', readonly: true }],
        labels: { tier: 'front' },
        logPath: 'web.log',
        linux: { security: { privileged: true, options: OPTIONS } },
      },
      sandboxConfig: config,
    });
    await this.#client.call(byId('StartContainer'), { id: container });
    return { sandbox, container };
  }

  async exec(container: string, ...command: readonly string[]): Promise<number> {
    return (await this.#client.call(execSync, { id: container, command })).exitCode;
  }

  async remove({ sandbox, container }: PodIds): Promise<void> {
    await this.#client.call(byId('StopContainer'), { id: container });
    await this.#client.call(byId('RemoveContainer'), { id: container });
    await this.#client.call(byId('StopPodSandbox'), { id: sandbox });
    await this.#client.call(byId('RemovePodSandbox'), { id: sandbox });
  }

  close(): void {
    this.#client.close();
  }
}
