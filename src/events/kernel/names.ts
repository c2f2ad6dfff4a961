/** Names of users and groups at an event. */

import type { User } from '../accounts.ts';
import type { KernelEvent } from './event.ts';
import { HEADER } from './layout.ts';

/** Ancestors of a process that are asked for the names of their container, when it is gone itself. */
const ANCESTORS = 8;

/**
 * Whether the host's names are those of the process. A service of the host often has a mount namespace of its own, but no
 * container; who is in a container has the container's names.
 */
function hasHostNames(event: KernelEvent): boolean {
  if (event.image.data.container?.isHost) return true;
  const { hostMountNamespace } = event.slab.context;
  return hostMountNamespace === undefined || event.u32(HEADER.mnt_ns) === hostMountNamespace;
}

/** The user with an id, by the passwd file that the process of an event sees. */
export function userAt(event: KernelEvent, uid: number): User | undefined {
  const { names, containerNames } = event.slab.context;
  if (hasHostNames(event)) return names.user(uid);
  // Root is root everywhere.
  if (uid === 0) return { uid, name: 'root', home: '/root', shell: '' };
  return containerNames?.user(event.u32(HEADER.mnt_ns), uid, () => kinOf(event));
}

/** The name of the group with an id, by the group file that the process of an event sees. */
export function groupNameAt(event: KernelEvent, gid: number): string | undefined {
  const { names, containerNames } = event.slab.context;
  if (hasHostNames(event)) return names.groupName(gid);
  return gid === 0 ? 'root' : containerNames?.groupName(event.u32(HEADER.mnt_ns), gid, () => kinOf(event));
}

/** The process ids of an event's process and of those that it descends from. */
function* kinOf(event: KernelEvent): Generator<number> {
  yield event.u32(HEADER.tgid);
  for (const { process } of event.ancestors.slice(0, ANCESTORS)) yield process.tgid;
}

/** The name of who logged in: that was at the host. */
export function loginNameAt(event: KernelEvent, uid: number): string | undefined {
  return event.slab.context.names.userName(uid);
}
