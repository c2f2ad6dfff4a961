/** The methods and messages of the Container Runtime Interface, as far as they are used (k8s.io/cri-api, runtime/v1). */

import type { Method } from './grpc.ts';
import type { Shape } from './protobuf.ts';

const imageSpec = { image: [1, 'string'], userSpecified: [18, 'string'] } as const satisfies Shape;

const mount = {
  containerPath: [1, 'string'],
  hostPath: [2, 'string'],
  readonly: [3, 'bool'],
  propagation: [5, 'int'],
} as const satisfies Shape;

const containerStatus = {
  id: [1, 'string'],
  metadata: [2, { name: [1, 'string'] }],
  createdAt: [4, 'long'],
  startedAt: [5, 'long'],
  exitCode: [7, 'int'],
  image: [8, imageSpec],
  imageRef: [9, 'string'],
  labels: [12, 'map'],
  annotations: [13, 'map'],
  mounts: [14, [mount]],
} as const satisfies Shape;

/** Modes of namespaces: only this one is the host's. */
export const NODE = 2;

const sandboxStatus = {
  id: [1, 'string'],
  metadata: [2, { name: [1, 'string'], uid: [2, 'string'], namespace: [3, 'string'] }],
  createdAt: [4, 'long'],
  network: [5, { ip: [1, 'string'] }],
  linux: [6, { namespaces: [1, { options: [2, { network: [1, 'int'], pid: [2, 'int'], ipc: [3, 'int'] }] }] }],
  labels: [7, 'map'],
  annotations: [8, 'map'],
} as const satisfies Shape;

export const containerStatusMethod = {
  path: '/runtime.v1.RuntimeService/ContainerStatus',
  request: { id: [1, 'string'], verbose: [2, 'bool'] },
  response: { status: [1, containerStatus], info: [2, 'map'] },
} as const satisfies Method<Shape, Shape>;

export const sandboxStatusMethod = {
  path: '/runtime.v1.RuntimeService/PodSandboxStatus',
  request: { id: [1, 'string'], verbose: [2, 'bool'] },
  response: { status: [1, sandboxStatus], info: [2, 'map'] },
} as const satisfies Method<Shape, Shape>;

/** States of containers, in the order of their numbers; one that is not known any more has ended. */
export const STATES = ['created', 'running', 'ended', 'ended'] as const;

export const listContainersMethod = {
  path: '/runtime.v1.RuntimeService/ListContainers',
  request: {},
  response: { containers: [1, [{ id: [1, 'string'], state: [6, 'int'] }]] },
} as const satisfies Method<Shape, Shape>;

/** The state of a sandbox that is ready; in the other one it has ended. */
export const READY = 0;

export const listSandboxesMethod = {
  path: '/runtime.v1.RuntimeService/ListPodSandbox',
  request: {},
  response: { items: [1, [{ id: [1, 'string'], state: [3, 'int'] }]] },
} as const satisfies Method<Shape, Shape>;

export const imageStatusMethod = {
  path: '/runtime.v1.ImageService/ImageStatus',
  request: { image: [1, imageSpec] },
  response: { image: [1, { id: [1, 'string'], tags: [2, ['string']], digests: [3, ['string']] }] },
} as const satisfies Method<Shape, Shape>;

/** In the order of their numbers. */
export const EVENT_TYPES = ['create', 'start', 'die', 'remove'] as const;

export const eventsMethod = {
  path: '/runtime.v1.RuntimeService/GetContainerEvents',
  request: {},
  response: {
    containerId: [1, 'string'],
    type: [2, 'int'],
    createdAt: [3, 'long'],
    containers: [5, [containerStatus]],
  },
} as const satisfies Method<Shape, Shape>;
