/** Rotation of a file by size and age: the full one gets the time as a suffix, old ones are compressed and removed. */

import { createReadStream, createWriteStream } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { z } from 'zod';
import { type Claim, placeOf } from '../../core/claim.ts';
import { duration, size } from '../../core/config.ts';
import { messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';

export const rotateKeys = z
  .strictObject({
    size: size().optional().describe('Size at which the file is put aside.'),
    age: duration().optional().describe('Time after which it is, at the next event.'),
    keep: z.int().min(1).max(10_000).default(10).describe('Files put aside that are kept; the oldest go first.'),
    gzip: z.boolean().default(true).describe('Compress the files put aside.'),
  })
  .refine(({ size: bytes, age }) => bytes !== undefined || age !== undefined, 'Name a size, an age, or both')
  .describe('Puts the file aside as PATH.TIME when it is large or old.');

export type RotateConfig = z.output<typeof rotateKeys>;

export interface RotationOptions {
  readonly path: string;
  readonly config: RotateConfig;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Bytes that are in the file. */
  readonly size: () => number;
  /** Opens the path again, which makes a new file. */
  readonly reopen: () => Promise<void>;
}

export class Rotation {
  readonly #options: RotationOptions;
  #born = 0;
  // Compressing goes on beside writing, one file after the other.
  #tidying: Promise<void> = Promise.resolve();

  private constructor(options: RotationOptions) {
    this.#options = options;
  }

  /** Takes up the file as it is, and finishes what an earlier run has left. */
  static async start(options: RotationOptions): Promise<Rotation> {
    const rotation = new Rotation(options);
    await rotation.reopened();
    rotation.#tidy();
    return rotation;
  }

  /** The file was opened again: its age is another's. */
  async reopened(): Promise<void> {
    const found = await stat(this.#options.path);
    // Some file systems do not know when a file was made; then it is as old as its last change.
    this.#born = found.birthtimeMs > 0 ? found.birthtimeMs : found.mtimeMs;
  }

  /** Before a write of so many bytes: puts the file aside when it is time. */
  async before(bytes: number): Promise<void> {
    const { size: most, age } = this.#options.config;
    const size = this.#options.size();
    const isFull = most !== undefined && size + bytes > most;
    const isOld = age !== undefined && this.#options.now() - this.#born >= age;
    if (size > 0 && (isFull || isOld)) await this.#turn();
  }

  /** Resolves when what was put aside is compressed. */
  close(): Promise<void> {
    return this.#tidying;
  }

  async #turn(): Promise<void> {
    const { path, now, reopen } = this.#options;
    await rename(path, await free(path, now())).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error; // somebody else has moved it away
    });
    await reopen();
    await this.reopened();
    this.#born = now();
    this.#tidy();
  }

  #tidy(): void {
    const { log } = this.#options;
    this.#tidying = this.#tidying
      .then(() => this.#compressAndRemove())
      .catch((error) => log.error(`files put aside could not be compressed or removed: ${messageOf(error)}`));
  }

  async #compressAndRemove(): Promise<void> {
    const { config } = this.#options;
    const aside = await this.#aside();
    for (const path of aside.slice(0, -config.keep)) await rm(path);
    if (!config.gzip) return;
    for (const path of aside.slice(-config.keep)) if (!path.endsWith('.gz')) await compress(path);
  }

  // Oldest first: the suffix begins with the time.
  async #aside(): Promise<string[]> {
    const { path } = this.#options;
    const prefix = `${basename(path)}.`;
    const names = await readdir(dirname(path));
    return names
      .filter((name) => name.startsWith(prefix) && STAMP.test(name.slice(prefix.length)))
      .sort()
      .map((name) => join(dirname(path), name));
  }
}

const STAMP = /^\d{8}T\d{6}\.\d{3}Z(-\d+)?(\.gz)?$/;
/** What is being compressed has this added: what has the name .gz is whole. */
const PART = '.part';

/** Who rotates the file at an absolute path has all names of what it puts aside, and compresses and removes what has one. */
export function rotating(path: string): Claim[] {
  return [{ resource: aside(path), does: `puts aside ${path} as ${path}.TIME`, advice: ADVICE }];
}

/** Who writes a file that has such a name: others may have another one of them. */
export function writingAside(path: string): Claim[] {
  const [, rotated, stamp = ''] = /^(.+?)\.(\d{8}T.*)$/.exec(path) ?? [];
  if (rotated === undefined || !STAMP.test(stamp.replace(PART, ''))) return [];
  return [{ resource: aside(rotated), does: `writes ${path}`, shared: true, advice: ADVICE }];
}

const ADVICE = 'Give one of them another name.';
const aside = (path: string) => `what is put aside of ${placeOf(path)}`;

// 20260131T140307.042Z; a second one within the millisecond gets a number.
async function free(path: string, ms: number): Promise<string> {
  const stamp = new Date(ms).toISOString().replace(/[-:]/g, '');
  for (let number = 0; ; number++) {
    const candidate = `${path}.${stamp}${number > 0 ? `-${number}` : ''}`;
    if (!(await exists(candidate)) && !(await exists(`${candidate}.gz`))) return candidate;
  }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function compress(path: string): Promise<void> {
  const { mode } = await stat(path);
  const part = `${path}${PART}`;
  await pipeline(createReadStream(path), createGzip(), createWriteStream(part, { mode: mode & 0o777 }));
  await rename(part, `${path}.gz`);
  await rm(path);
}
