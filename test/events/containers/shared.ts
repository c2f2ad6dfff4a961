/** Containers for tests. */

import type { Container } from '../../../src/events/containers/container.ts';

type Given = Omit<Partial<Container>, 'image'> & { readonly image?: string };

/** A container with what is given; `image` as `repository:tag`. */
export function containerOf({ image = 'shop/web:1', ...given }: Given = {}): Container {
  const [repository, tag] = image.split(':');
  return {
    id: 'a'.repeat(64),
    runtime: 'docker',
    name: 'web',
    image: { given: image, id: undefined, repository, tag, digest: undefined },
    labels: {},
    mounts: [],
    privileged: false,
    hostPid: false,
    hostNetwork: false,
    hostIpc: false,
    ip: undefined,
    startedAt: undefined,
    probes: {},
    pod: undefined,
    ...given,
  };
}
