/** containerd's own methods and messages, as far as they are used (github.com/containerd/containerd/api). */

import type { Method } from './grpc.ts';
import type { Shape } from './protobuf.ts';

const any = { typeUrl: [1, 'string'], value: [2, 'bytes'] } as const satisfies Shape;
const timestamp = { seconds: [1, 'long'], nanos: [2, 'int'] } as const satisfies Shape;

export const listNamespaces = {
  path: '/containerd.services.namespaces.v1.Namespaces/List',
  request: {},
  response: { namespaces: [1, [{ name: [1, 'string'] }]] },
} as const satisfies Method<Shape, Shape>;

export const getContainer = {
  path: '/containerd.services.containers.v1.Containers/Get',
  request: { id: [1, 'string'] },
  response: { container: [1, { id: [1, 'string'], labels: [2, 'map'], image: [3, 'string'], spec: [5, any] }] },
} as const satisfies Method<Shape, Shape>;

export const listContainers = {
  path: '/containerd.services.containers.v1.Containers/ListStream',
  request: {},
  response: { container: [1, { id: [1, 'string'] }] },
} as const satisfies Method<Shape, Shape>;

/** Numbers of states of a task; in all others it has ended. */
export const TASK = { created: 1, running: 2, paused: 4, pausing: 5 } as const;

export const listTasks = {
  path: '/containerd.services.tasks.v1.Tasks/List',
  request: {},
  response: { tasks: [1, [{ containerId: [1, 'string'], id: [2, 'string'], status: [4, 'int'] }]] },
} as const satisfies Method<Shape, Shape>;

export const getImage = {
  path: '/containerd.services.images.v1.Images/Get',
  request: { name: [1, 'string'] },
  response: { image: [1, { target: [3, { digest: [2, 'string'] }] }] },
} as const satisfies Method<Shape, Shape>;

export const subscribe = {
  path: '/containerd.services.events.v1.Events/Subscribe',
  request: { filters: [1, ['string']] },
  response: { timestamp: [1, timestamp], namespace: [2, 'string'], topic: [3, 'string'], event: [4, any] },
} as const satisfies Method<Shape, Shape>;

/** Events by their topics. `id` of an exit is the process's: the container's own for its first one. */
export const topics = {
  '/containers/create': { type: 'create', shape: { containerId: [1, 'string'] } },
  '/tasks/start': { type: 'start', shape: { containerId: [1, 'string'] } },
  '/tasks/exit': { type: 'die', shape: { containerId: [1, 'string'], id: [2, 'string'], exitStatus: [4, 'int'] } },
  '/containers/delete': { type: 'remove', shape: { containerId: [1, 'string'] } },
} as const;
