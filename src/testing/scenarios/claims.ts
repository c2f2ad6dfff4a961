/** What tests change on the machine that others may use too: those that share something do not run at the same time. */

import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import type { Scenario } from './load.ts';
import { bindingOf } from './steps.ts';

/** Absolute paths in scripts. */
const PATHS = /(?<![\w.])\/[\w.+@:/-]*\w/g;

/**
 * Names of what a test changes: paths, each with the folders above that have yet to be made (who makes a folder removes
 * it). `isThere` tells which exist, where the test runs.
 */
export function claimsOf(scenario: Scenario, isThere: (path: string) => boolean = existsSync): ReadonlySet<string> {
  const { context, resources, steps, before, after } = scenario;
  const paths = [
    ...(context?.processes ?? []).flatMap(({ exePath, name }) =>
      exePath === undefined ? [] : [exePath, ...(name === undefined ? [] : [posix.join(posix.dirname(exePath), name)])],
    ),
    ...(resources ?? []).flatMap((each) => {
      if (each.type === 'fd') return [(each.subtype === 'directory' ? each.dirPath : each.filePath) ?? ''];
      return each.type === 'process' && each.exePath !== undefined ? [each.exePath] : [];
    }),
    ...(steps ?? []).flatMap(({ args }) => {
      const { pathname, linkPath, newPath } = args as Record<string, unknown>;
      return [pathname, linkPath, newPath].filter((each) => typeof each === 'string' && !bindingOf(each));
    }),
    ...[before, after].flatMap((script) => script?.match(PATHS) ?? []),
  ] as string[];
  return new Set(paths.filter((path) => path.startsWith('/')).map((path) => topmost(posix.normalize(path), isThere)));
}

/** The first part of a path that does not exist; of one that does, all of it. */
function topmost(path: string, isThere: (path: string) => boolean): string {
  let found = path.replace(/(?<=.)\/$/, '');
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
