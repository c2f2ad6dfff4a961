/** What a descriptor leads to that is no socket (spec/kernel-fields.md §3). */

import type { KernelEvent } from './event.ts';
import { CALL, CALL_TEXTS } from './layout.ts';
import { opensDirectory } from './open-flags.ts';

const PIPEFS = 0x50495045;
const PIDFS = 0x50494446;
const NSFS = 0x6e736673;

interface DescriptorType {
  /** `fd.type`; undefined when it leads nowhere that is known. */
  readonly word: string | undefined;
  /** `fd.typechar` */
  readonly letter: string;
}

const UNKNOWN: DescriptorType = { word: undefined, letter: 'o' };
const FILE: DescriptorType = { word: 'file', letter: 'f' };
const DIRECTORY: DescriptorType = { word: 'directory', letter: 'd' };
const PIPE: DescriptorType = { word: 'pipe', letter: 'p' };
const PIDFD: DescriptorType = { word: 'pidfd', letter: 'P' };
const MEMFD: DescriptorType = { word: 'memfd', letter: 'm' };

/** Files without a directory are told by their name. */
const ANONYMOUS: Readonly<Record<string, DescriptorType>> = {
  '[eventfd]': { word: 'event', letter: 'e' },
  '[eventpoll]': { word: 'eventpoll', letter: 'l' },
  '[signalfd]': { word: 'signalfd', letter: 's' },
  '[timerfd]': { word: 'timerfd', letter: 't' },
  inotify: { word: 'inotify', letter: 'i' },
  '[userfaultfd]': { word: 'userfaultfd', letter: 'u' },
  '[io_uring]': { word: 'io_uring', letter: 'r' },
  '[pidfd]': PIDFD,
  'bpf-map': { word: 'bpf', letter: 'b' },
  'bpf-prog': { word: 'bpf', letter: 'b' },
  bpf_link: { word: 'bpf', letter: 'b' },
};

/** What a file is by its file system and the flags it was opened with; undefined when only its name can tell. */
export function typeByMagic(magic: number, flags: number): DescriptorType | undefined {
  if (magic === 0) return UNKNOWN;
  if (magic === PIPEFS) return PIPE;
  if (magic === PIDFS) return PIDFD;
  return opensDirectory(flags) ? DIRECTORY : undefined;
}

/** The type of what a descriptor leads to, by what /proc/PID/fd shows of it. */
export function typeByName(name: string): DescriptorType {
  return name.startsWith('memfd:') ? MEMFD : (ANONYMOUS[name] ?? FILE);
}

/** `fd.name` of what has no path; undefined of what may have one. */
export function nameByMagic(magic: number, inode: number | bigint): string | undefined {
  if (magic === 0) return '';
  if (magic === PIPEFS) return `pipe:[${inode}]`;
  return magic === NSFS ? `ns:[${inode}]` : undefined;
}

/** The path of the file, or its name where it has no path. The directory of a relative path stands for its descriptor. */
function placeOf(event: KernelEvent): string {
  return (
    event.text(CALL_TEXTS, CALL_TEXTS.real) ||
    event.text(CALL_TEXTS, CALL_TEXTS.base) ||
    event.text(CALL_TEXTS, CALL_TEXTS.base2)
  );
}

/** The type of what the descriptor of an event leads to: by the file system of the file, else by its name. */
export function descriptorType(event: KernelEvent): DescriptorType {
  return typeByMagic(event.u32(CALL.magic), event.u32(CALL.file_flags)) ?? typeByName(placeOf(event));
}

export const isDirectory = (event: KernelEvent) => descriptorType(event) === DIRECTORY;

/** `fd.name`: the canonical path, else what /proc/PID/fd shows; empty when the descriptor leads nowhere. */
export function descriptorName(event: KernelEvent): string {
  return nameByMagic(event.u32(CALL.magic), event.u64(CALL.ino)) ?? placeOf(event);
}
