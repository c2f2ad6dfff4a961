/** Lists that are compressed with gzip, which is seen by what they begin with: feeds come so under any name. */

import { createGunzip, type Gunzip, gunzipSync } from 'node:zlib';
import { messageOf } from '../../core/errors.ts';
import { largeBody } from '../../core/net/whole-body.ts';
import { MOST_BYTES, MOST_TEXT } from './items-bounds.ts';
import { ScanError } from './items-scan.ts';

/** Bytes that are unpacked in one step. */
const SLICE = 256 * 1024;

export const isGzip = (content: Uint8Array) => content[0] === 0x1f && content[1] === 0x8b;

/** What is in it, unpacked beside this thread; content that is not compressed as it is. @throws ScanError */
export async function unpacked(content: Uint8Array): Promise<Uint8Array> {
  if (!isGzip(content)) return content;
  try {
    const gunzip = createGunzip({ chunkSize: SLICE });
    // In one piece: of a piece behind its end nothing is said.
    gunzip.end(content);
    const text = await largeBody(gunzip, MOST_BYTES, tooLarge);
    refuseRest(content, gunzip.bytesWritten);
    return text;
  } catch (error) {
    return refuse(error);
  }
}

/** The same at once: some 2 ms a megabyte. @throws ScanError */
export function unpackedAtOnce(content: Uint8Array): Uint8Array {
  if (!isGzip(content)) return content;
  try {
    const options = { maxOutputLength: MOST_BYTES, chunkSize: SLICE, info: true };
    // The types do not know what `info` does.
    const { buffer, engine } = gunzipSync(content, options) as unknown as { buffer: Buffer; engine: Gunzip };
    refuseRest(content, engine.bytesWritten);
    return buffer;
  } catch (error) {
    const isTooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    return refuse(isTooLarge ? tooLarge() : error);
  }
}

/** Unpacking ends at a zero: zeros may pad what is compressed, and anything else behind them would be lost. */
function refuseRest(content: Uint8Array, read: number): void {
  const padding = Buffer.from(content.buffer, content.byteOffset + read, content.length - read);
  // Equal to itself one further on: each byte is as the first.
  const isPadding = padding.length === 0 || (padding[0] === 0 && padding.subarray(1).equals(padding.subarray(0, -1)));
  if (!isPadding) throw new Error('more stands behind zeros at its end');
}

function tooLarge(): Error {
  return new Error(`it would be ${MOST_TEXT}`);
}

function refuse(error: unknown): never {
  throw new ScanError(`it is gzip that cannot be unpacked: ${messageOf(error)}`, 1);
}
