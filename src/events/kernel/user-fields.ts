/** Readers of `user.*` and `group.*`: the ids that were in force at the event (spec/kernel-fields.md §0). */

import type { User } from '../accounts.ts';
import type { Value } from '../field.ts';
import { HEADER } from './layout.ts';
import { groupNameAt, loginNameAt, userAt } from './names.ts';
import { given, type KernelReader, plain, type ReaderMaker } from './readers.ts';

/** loginuid of processes that nobody's login started. */
export const UNSET = 0xffff_ffff;

const ofUser =
  (read: (user: User) => Value | undefined): KernelReader =>
  (event) =>
    given(userAt(event, event.u32(HEADER.euid)), read);

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
  'user.loginname': (event) => {
    const uid = event.u32(HEADER.loginuid);
    return uid === UNSET ? undefined : loginNameAt(event, uid);
  },
  'group.gid': (event) => event.u32(HEADER.egid),
  'group.name': (event) => groupNameAt(event, event.u32(HEADER.egid)),
});
