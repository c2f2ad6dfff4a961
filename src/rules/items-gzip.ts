/** Lists that are compressed with gzip, which is seen by what they begin with: feeds come so under any name. */

import { promisify } from 'node:util';
import { gunzip, gunzipSync } from 'node:zlib';
import { messageOf } from '../core/errors.ts';
import { ScanError } from './items-scan.ts';

const MiB = 1024 * 1024;
/** What becomes more is refused: a few hundred KB may become all the memory that there is. */
const MOST_BYTES = 512 * MiB;
const OPTIONS = { maxOutputLength: MOST_BYTES, chunkSize: MiB / 4 };

const isGzip = (content: Uint8Array) => content[0] === 0x1f && content[1] === 0x8b;

/** What is in it, unpacked beside this thread; content that is not compressed as it is. @throws ScanError */
export async function unpacked(content: Uint8Array): Promise<Uint8Array> {
  return isGzip(content) ? await promisify(gunzip)(content, OPTIONS).catch(refuse) : content;
}

/** The same at once: some 2 ms a megabyte. @throws ScanError */
export function unpackedAtOnce(content: Uint8Array): Uint8Array {
  if (!isGzip(content)) return content;
  try {
    return gunzipSync(content, OPTIONS);
  } catch (error) {
    return refuse(error);
  }
}

function refuse(error: unknown): never {
  const isTooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
  const why = isTooLarge ? `it would be more than ${MOST_BYTES / MiB} MiB` : messageOf(error);
  throw new ScanError(`it is gzip that cannot be unpacked: ${why}`, 1);
}
