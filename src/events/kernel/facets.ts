/** Parts of kernel events that come again and again, by which verdicts may be kept: the path of an open, the process. */

import type { Facet, FieldRef } from '../field.ts';
import type { KernelEvent } from './event.ts';
import { openedPath } from './opened-paths.ts';
import { processSlot } from './process-slots.ts';

/** The event types of opens. */
export const OPENS: ReadonlySet<string> = new Set(['open', 'openat', 'openat2', 'creat', 'open_by_handle_at']);

/** What `openedPath` tells apart is all that these depend on. */
const PATH_FIELDS = new Set([
  'fd.name',
  'fd.nameraw',
  'fd.realpath',
  'fd.directory',
  'fd.filename',
  'fd.type',
  'fd.typechar',
  'fs.path.name',
  'fs.path.nameraw',
  'evt.is_open_read',
  'evt.is_open_write',
  'evt.is_open_exec',
  'evt.is_open_create',
  'evt.arg.name',
  'evt.arg.flags',
  'evt.arg.mode',
  'evt.res',
  'evt.failed',
]);

/** The names of files, and how they are opened. */
const path: Facet<KernelEvent> = {
  name: 'path',
  recurs: (type) => OPENS.has(type),
  covers: ({ text }) => PATH_FIELDS.has(text),
  slot: openedPath,
};

/** These make images: verdicts on them would never be asked for again. */
const MAKES_IMAGE = new Set(['clone', 'clone3', 'fork', 'vfork', 'execve', 'execveat', 'procexit']);

/** What only the image of the process, its ancestors and the header's identity tell. */
const PROCESS_FIELDS = new Set([
  'proc.exe',
  'proc.pexe',
  'proc.exepath',
  'proc.pexepath',
  'proc.name',
  'proc.pname',
  'proc.cmdline',
  'proc.pcmdline',
  'proc.cmdnargs',
  'proc.cmdlenargs',
  'proc.args.cut',
  'proc.args.total',
  'proc.exeline',
  'proc.cwd',
  'proc.loginshellid',
  'proc.tty',
  'proc.pid',
  'proc.vpid',
  'proc.pvpid',
  'proc.sid',
  'proc.vpgid',
  'proc.pgid',
  'proc.is_exe_writable',
  'proc.is_exe_upper_layer',
  'proc.is_exe_lower_layer',
  'proc.is_exe_from_memfd',
  'proc.is_sid_leader',
  'proc.is_vpgid_leader',
  'proc.is_pgid_leader',
  'proc.exe_ino',
  'proc.exe_ino.ctime',
  'proc.exe_ino.mtime',
  'proc.aexe',
  'proc.aexepath',
  'proc.aname',
  'proc.acmdline',
  'proc.aargs',
  'proc.apid',
  'proc.args',
  'proc.env',
  'proc.env.cut',
  'proc.env.total',
  'proc.aenv',
  'thread.cap_permitted',
  'thread.cap_inheritable',
  'thread.cap_effective',
  'thread.cgroup',
  'thread.cgroups',
  'container.id',
  'user.uid',
  'user.loginuid',
  'group.gid',
]);

const process: Facet<KernelEvent> = {
  name: 'process',
  recurs: (type) => !MAKES_IMAGE.has(type),
  covers: ({ field }: FieldRef) => PROCESS_FIELDS.has(field.name),
  slot: processSlot,
};

/** The path comes first: most leave no rule possible, and the process need not be looked at. */
export const kernelFacets: readonly Facet<KernelEvent>[] = [path, process];
