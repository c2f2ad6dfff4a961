/** A shell that runs, as the kernel tells of it, and what it opens. */

import type { Fields } from './slab-writer.ts';

export const shell = {
  tgid: 100,
  tid: 100,
  ppid: 1,
  start: 50,
  exec_id: 3,
  comm: 'bash',
  args: ['-bash', '-i'],
  exe_path: '/bin/bash',
  cwd: '/home/alice',
};

/** An open for reading that gave a descriptor; whose it is stands in `more`. */
export const open = (raw: string, more: object = {}): Fields => ({
  kind: 'open',
  nr: 257,
  ret: 3,
  dirfd: -100,
  raw,
  base: shell.cwd,
  ...more,
});
