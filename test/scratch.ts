/** What test files make outside of themselves, and how it goes away when they end, whatever has become of their tests. */

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const OWN = 'scratch-';

const last: (() => void)[] = [];

/** A folder of the test file's own, by its canonical name. It is removed when the file ends. */
export function scratch(): string {
  return mkdtempSync(join(tmpdir(), OWN));
}

/** Done when the test file ends: vitest ends its workers by a signal, so that nothing listens to their exit. */
export function atEnd(work: () => void): void {
  last.push(work);
}

/**
 * Makes a temporary folder that what runs from now on takes for the machine's, programs that are started too. The
 * returned function removes it, and says what somebody has left there that is not a `scratch` folder.
 * @param mayStay what else may be there, by its path
 */
export function ownTemporary(name: string, mayStay = (_: string) => false): () => string | undefined {
  const before = process.env.TMPDIR;
  const folder = realpathSync(mkdtempSync(join(tmpdir(), `${name}-`)));
  chmodSync(folder, 0o755); // tests act as other users too
  process.env.TMPDIR = folder;
  return () => {
    for (const work of last.splice(0)) work();
    const left = readdirSync(folder).filter((each) => !each.startsWith(OWN) && !mayStay(join(folder, each)));
    unmount(folder);
    // A program that a failed test has left may still write there.
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    return left.length > 0 ? `left in the temporary folder of ${name}: ${left.join(', ')}` : undefined;
  };
}

/** Whether that is a folder that has nothing but `scratch` folders. */
export function isOwn(folder: string): boolean {
  return statSync(folder).isDirectory() && readdirSync(folder).every((name) => name.startsWith(OWN));
}

/** What container engines, for one, have left mounted: with it a folder cannot be removed, or what it shows goes too. */
function unmount(folder: string): void {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const below = mounts.map((line) => line.split(' ')[1] ?? '').filter((path) => path.startsWith(`${folder}/`));
  for (const path of below.toReversed()) spawnSync('umount', ['-l', path]);
}
