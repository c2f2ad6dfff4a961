/** What tests change on the machine that others may use too: those that share something do not run at the same time. */

import { constants, existsSync } from 'node:fs';
import { posix } from 'node:path';
import type { Scenario } from './load.ts';

/** Absolute paths in scripts. */
const PATHS = /(?<![\w.])\/[\w.+@:/-]*\w/g;

/** Folders that every container has. */
const EVERYWHERE = new Set([
  '/',
  '/bin',
  '/dev',
  '/dev/shm',
  '/etc',
  '/proc',
  '/root',
  '/sys',
  '/tmp',
  '/usr',
  '/var',
  '/var/log',
]);

/**
 * Names of what a test changes: paths that it makes or writes, each as far as it does not exist yet (who makes a folder
 * removes it). What is only read and there belongs to nobody, and of scratch copies each test has its own. `isThere` tells which paths exist where the test runs.
 */
export function claimsOf(scenario: Scenario, isThere = existenceFor(scenario)): ReadonlySet<string> {
  const { context, resources, steps, before, after } = scenario;
  if (context?.scratch) return new Set();
  const made: unknown[] = [...[before, after].flatMap((script) => script?.match(PATHS) ?? [])];
  const used: unknown[] = [];
  for (const { exePath, name } of context?.processes ?? []) {
    if (exePath !== undefined) made.push(exePath, posix.join(posix.dirname(exePath), name ?? posix.basename(exePath)));
  }
  for (const resource of resources ?? []) {
    if (resource.type === 'process') made.push(resource.exePath);
    if (resource.type === 'fd') used.push(resource.subtype === 'directory' ? resource.dirPath : resource.filePath);
  }
  for (const { args } of steps ?? []) {
    const { pathname, linkPath, newPath, how, ...rest } = args as Record<string, unknown>;
    const { flags } = { ...rest, ...(how as object | undefined) } as { flags?: number };
    made.push(linkPath, newPath);
    ((flags ?? 0) & WRITES ? made : used).push(pathname);
  }
  const paths = (some: readonly unknown[]) =>
    some
      .filter((path): path is string => typeof path === 'string' && path.startsWith('/'))
      .map((path) => posix.normalize(path).replace(/(?<=.)\/$/, ''));
  const missing = paths(used).filter((path) => !isThere(path));
  return new Set([...paths(made), ...missing].map((path) => topmost(path, isThere)));
}

/** Flags of an open that may change the file. */
const WRITES = constants.O_CREAT | constants.O_TRUNC;

function existenceFor({ context }: Scenario): (path: string) => boolean {
  return context?.container ? (path) => EVERYWHERE.has(path) : existsSync;
}

/** The first part of a path that does not exist; of one that does, all of it. */
function topmost(path: string, isThere: (path: string) => boolean): string {
  let found = path;
  for (let above = found; !isThere(above) && above !== '/'; above = posix.dirname(above)) found = above;
  return found;
}

/** Runs jobs, at most so many at once, and no two that claim the same. Resolves when all are done. */
export async function runApart<Job extends { readonly claims: ReadonlySet<string> }>(
  jobs: readonly Job[],
  limit: number,
  run: (job: Job) => Promise<void>,
): Promise<void> {
  const waiting = [...jobs];
  const held = new Set<string>();
  const running = new Set<Promise<void>>();
  while (waiting.length > 0 || running.size > 0) {
    const index = waiting.findIndex(({ claims }) => claims.isDisjointFrom(held));
    if (index < 0 || running.size >= limit) {
      await Promise.race(running);
      continue;
    }
    const [job] = waiting.splice(index, 1) as [Job];
    for (const claim of job.claims) held.add(claim);
    const done = run(job).finally(() => {
      for (const claim of job.claims) held.delete(claim);
      running.delete(done);
    });
    running.add(done);
  }
}
