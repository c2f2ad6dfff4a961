/** What test files make outside of themselves, and how it goes away when they end, whatever has become of their tests. */

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

// Short: what listens at a path below it has room for a hundred characters (unix(7)).
const OWN = 's-';
/** What the temporary folder of a test file is called at first. */
export const OF_FILE = 't-';

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
 * @param prefix of its name
 * @param mayStay what else may be there, by its path
 */
export function ownTemporary(name: string, prefix: string, mayStay = (_: string) => false): () => string | undefined {
  const before = process.env.TMPDIR;
  const folder = realpathSync(mkdtempSync(join(tmpdir(), prefix)));
  chmodSync(folder, 0o755); // tests act as other users too
  process.env.TMPDIR = folder;
  return () => {
    const failures = last.splice(0).flatMap(failureOf);
    const left = readdirSync(folder).filter((each) => !each.startsWith(OWN) && !mayStay(join(folder, each)));
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    const mounted = remove(folder);
    if (failures.length > 0) throw failures[0];
    if (mounted.length > 0) return `still mounted in the temporary folder of ${name}: ${mounted.join(', ')}`;
    return left.length > 0 ? `left in the temporary folder of ${name}: ${left.join(', ')}` : undefined;
  };
}

// What fails keeps nothing else from being done.
function failureOf(work: () => void): unknown[] {
  try {
    work();
    return [];
  } catch (error) {
    return [error];
  }
}

/** Whether that is the temporary folder of a test file that has nothing but `scratch` folders. */
export function isOfFile(folder: string): boolean {
  const isFolder = basename(folder).startsWith(OF_FILE) && statSync(folder).isDirectory();
  return isFolder && readdirSync(folder).every((name) => name.startsWith(OWN));
}

/** Removes a folder, if what container engines, for one, have left mounted there can be unmounted. Returns what cannot. */
export function remove(folder: string): string[] {
  for (const path of mountsBelow(folder).toReversed()) spawnSync('umount', ['-l', path]);
  const mounted = mountsBelow(folder);
  // To remove the folder would be to remove what is shown there. A program that a failed test has left may still write.
  if (mounted.length === 0) rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  return mounted;
}

/** In the order in which they were mounted. Blanks and their like are octal there (proc_pid_mounts(5)). */
function mountsBelow(folder: string): string[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const paths = mounts.map((line) => line.split(' ')[1] ?? '');
  return paths
    .map((path) => path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))))
    .filter((path) => path.startsWith(`${folder}/`));
}
