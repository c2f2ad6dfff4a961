/** Files that are read only when they are files: who opens a pipe waits for its other end, and a device may have no end. */

import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { atOnce, type Steps } from '../steps.ts';

const MIB = 1024 * 1024;
/** Bytes of one read, between two chances to do something else. */
const SLICE = MIB;
// What has come to be a pipe since it was looked at does not keep its opener waiting.
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** The content of a file, a MiB a step. Throws as the system does, and for what is no regular file or has more bytes than `most`. */
export function* readInSteps(path: string, most = Number.POSITIVE_INFINITY): Steps<Buffer> {
  // First by name: to open a pipe lets go on who waits for its reader.
  refuseOther(statSync(path), most);
  const fd = openSync(path, FLAGS);
  try {
    const filling = filled(fstatSync(fd), most);
    for (let asked = filling.next(); ; asked = filling.next(readSync(fd, asked.value))) {
      if (asked.done) return asked.value;
      yield;
    }
  } finally {
    closeSync(fd);
  }
}

/** As `readInSteps`, at once. */
export function readAtOnce(path: string, most?: number): Buffer {
  return atOnce(readInSteps(path, most));
}

/** Its first bytes, as many as it has of `length`. Throws as `readInSteps` does. */
export function readBeginning(path: string, length: number): Buffer {
  refuseOther(statSync(path), Number.POSITIVE_INFINITY);
  const fd = openSync(path, FLAGS);
  try {
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, readSync(fd, bytes));
  } finally {
    closeSync(fd);
  }
}

/** As `readInSteps`, beside this thread. Rejects with the signal's reason between two steps. */
export async function readAside(path: string, most = Number.POSITIVE_INFINITY, signal?: AbortSignal): Promise<Buffer> {
  refuseOther(await stat(path), most);
  const file = await open(path, FLAGS);
  try {
    const filling = filled(await file.stat(), most);
    for (let asked = filling.next(); ; ) {
      if (asked.done) return asked.value;
      signal?.throwIfAborted();
      asked = filling.next((await file.read(asked.value)).bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** Yields where to read to, is told how many bytes have come, and returns all of them once none come. */
function* filled(stat: Stats, most: number): Generator<Buffer, Buffer, number> {
  refuseOther(stat, most);
  // One byte more shows whether it has grown; what the kernel makes up says that it has none.
  let bytes = Buffer.allocUnsafeSlow(stat.size + 1);
  for (let end = 0; ; ) {
    const length = yield bytes.subarray(end, end + SLICE);
    if (length === 0) return bytes.subarray(0, end);
    end += length;
    if (end > most) throw tooLarge(most);
    if (end === bytes.length) bytes = Buffer.concat([bytes], 2 * end + SLICE);
  }
}

function refuseOther(stat: Stats, most: number): void {
  if (!stat.isFile()) throw new Error(`it is ${kindOf(stat)}, no regular file`);
  if (stat.size > most) throw tooLarge(most);
}

function kindOf(stat: Stats): string {
  if (stat.isFIFO()) return 'a pipe';
  if (stat.isDirectory()) return 'a folder';
  return stat.isSocket() ? 'a socket' : 'a device';
}

function tooLarge(most: number): Error {
  return new Error(`it has more than ${most / MIB} MiB`);
}
