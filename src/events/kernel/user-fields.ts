/** Readers of `user.*` and `group.*`: the ids that were in force at the event (spec/kernel-fields.md §0). */

import type { User } from '../accounts.ts';
import type { Value } from '../field.ts';
import type { KernelEvent } from './event.ts';
import { HEADER } from './layout.ts';
import { given, type KernelReader, plain, type ReaderMaker } from './readers.ts';

const UNSET = 0xffff_ffff;

/** Names of a container are in its own files, which are not read: only root is root everywhere. */
function isHost(event: KernelEvent): boolean {
  const { hostMountNamespace } = event.slab.context;
  return hostMountNamespace === undefined || event.u32(HEADER.mnt_ns) === hostMountNamespace;
}

function userOf(event: KernelEvent, uid: number): User | undefined {
  if (isHost(event)) return event.slab.context.names.user(uid);
  return uid === 0 ? { uid, name: 'root', home: '/root', shell: '' } : undefined;
}

const ofUser =
  (read: (user: User) => Value | undefined): KernelReader =>
  (event) =>
    given(userOf(event, event.u32(HEADER.euid)), read);

export const userReaders: Readonly<Record<string, ReaderMaker>> = plain({
  'user.uid': (event) => event.u32(HEADER.euid),
  'user.realuid': (event) => event.u32(HEADER.uid),
  'user.name': ofUser((user) => user.name),
  'user.homedir': ofUser((user) => user.home),
  'user.shell': ofUser((user) => user.shell),
  'user.loginuid': (event) => {
    const uid = event.u32(HEADER.loginuid);
    return uid === UNSET ? -1 : uid;
  },
  // Who logged in did so at the host.
  'user.loginname': (event) => {
    const uid = event.u32(HEADER.loginuid);
    return uid === UNSET ? undefined : event.slab.context.names.userName(uid);
  },
  'group.gid': (event) => event.u32(HEADER.egid),
  'group.name': (event) => {
    const gid = event.u32(HEADER.egid);
    if (isHost(event)) return event.slab.context.names.groupName(gid);
    return gid === 0 ? 'root' : undefined;
  },
});
