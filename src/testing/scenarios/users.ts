/** Users that tests need and this machine does not have: made before the tests, removed after them. */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parsePasswd } from '../../events/accounts.ts';
import type { Scenario } from './load.ts';

/** The names of users that tests run as. */
export function usersOf(scenarios: readonly Scenario[]): readonly string[] {
  const names = scenarios.flatMap(({ context }) => (context?.processes ?? []).flatMap(({ user }) => user ?? []));
  return [...new Set(names)];
}

/** Makes those that are missing; the returned function removes them. @throws Error when one cannot be made */
export function makeUsers(names: readonly string[]): () => void {
  const known = new Set([...parsePasswd(readFileSync('/etc/passwd', 'utf8')).values()].map(({ name }) => name));
  const made: string[] = [];
  const remove = () => {
    for (const name of made.splice(0)) execFileSync('userdel', [name], { stdio: 'ignore' });
  };
  try {
    for (const name of names.filter((each) => !known.has(each))) {
      execFileSync('useradd', ['--no-create-home', '--system', name], { stdio: ['ignore', 'ignore', 'pipe'] });
      made.push(name);
    }
  } catch (error) {
    remove();
    throw error;
  }
  return remove;
}
