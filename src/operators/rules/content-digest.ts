/** What tells whether content is the same. */

import { createHash } from 'node:crypto';
import type { Steps } from '../../core/steps.ts';

/** Bytes between two chances to do something else. */
const SLICE = 1024 * 1024;

/** The SHA-256 of content, in hex. */
export function* sha256Of(content: Uint8Array): Steps<string> {
  const hash = createHash('sha256');
  for (let at = 0; at < content.length; at += SLICE) {
    hash.update(content.subarray(at, at + SLICE));
    yield;
  }
  return hash.digest('hex');
}
