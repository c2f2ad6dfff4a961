/** Names of users and groups at an event. */

import type { User } from '../accounts.ts';
import type { KernelEvent } from './event.ts';
import { HEADER } from './layout.ts';

/**
 * Whether the host's names are those of the process. A service of the host often has a mount namespace of its own, but no
 * container; who is in a container has the container's names, which are not read: only root is root everywhere.
 */
function hasHostNames(event: KernelEvent): boolean {
  if (event.image.data.container?.isHost) return true;
  const { hostMountNamespace } = event.slab.context;
  return hostMountNamespace === undefined || event.u32(HEADER.mnt_ns) === hostMountNamespace;
}

export function userAt(event: KernelEvent, uid: number): User | undefined {
  if (hasHostNames(event)) return event.slab.context.names.user(uid);
  return uid === 0 ? { uid, name: 'root', home: '/root', shell: '' } : undefined;
}

export function groupNameAt(event: KernelEvent, gid: number): string | undefined {
  if (hasHostNames(event)) return event.slab.context.names.groupName(gid);
  return gid === 0 ? 'root' : undefined;
}

/** The name of who logged in: that was at the host. */
export function loginNameAt(event: KernelEvent, uid: number): string | undefined {
  return event.slab.context.names.userName(uid);
}
