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

/** The path of the file, or its name where it has no path. The directory of a relative path stands for its descriptor. */
function placeOf(event: KernelEvent): string {
  return (
    event.text(CALL_TEXTS, CALL_TEXTS.real) ||
    event.text(CALL_TEXTS, CALL_TEXTS.base) ||
    event.text(CALL_TEXTS, CALL_TEXTS.base2)
  );
}

export function descriptorType(event: KernelEvent): DescriptorType {
  const magic = event.u32(CALL.magic);
  if (magic === 0) return UNKNOWN;
  if (magic === PIPEFS) return PIPE;
  if (magic === PIDFS) return PIDFD;
  if (opensDirectory(event.u32(CALL.file_flags))) return DIRECTORY;
  const place = placeOf(event);
  if (place.startsWith('memfd:')) return MEMFD;
  return ANONYMOUS[place] ?? FILE;
}

export const isDirectory = (event: KernelEvent) => descriptorType(event) === DIRECTORY;

/** `fd.name`: the canonical path, else what /proc/PID/fd shows; empty when the descriptor leads nowhere. */
export function descriptorName(event: KernelEvent): string {
  const magic = event.u32(CALL.magic);
  if (magic === 0) return '';
  if (magic === PIPEFS) return `pipe:[${event.u64(CALL.ino)}]`;
  if (magic === NSFS) return `ns:[${event.u64(CALL.ino)}]`;
  return placeOf(event);
}
