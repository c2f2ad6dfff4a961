/** Events in slabs, and what their fields say. */

import type { KernelEvent } from '../../src/events/kernel/event.ts';
import { shell } from './shell.ts';
import { Bench, type Fields } from './slab-writer.ts';

export const passwd =
  'root:x:0:0::/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/zsh\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\n';
export const group = 'root:x:0:\nstaff:x:50:\n';
export const HEX = '3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e';

export const base = { ...shell, cgroup_path: '/', mnt_ns: 7 };

/** The fields of one event of a process that is known. */
export function read(fields: Fields, texts: readonly string[], process: object = {}): unknown[] {
  const bench = new Bench({ passwd, group, hostMountNamespace: 7 }).load({ ...base, ...process });
  const event = bench.slab({ ...base, ...process, ...fields }).at(0) as KernelEvent;
  return texts.map((text) => event.get(text));
}
