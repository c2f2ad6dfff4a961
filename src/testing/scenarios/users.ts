/** Users that tests need and this machine does not have: made before the tests, removed after them. */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { messageOf } from '../../core/errors.ts';
import { parsePasswd } from '../../events/accounts.ts';
import type { Scenario } from './load.ts';

/** The names of users that tests run as. */
export function usersOf(scenarios: readonly Scenario[]): readonly string[] {
  const names = scenarios.flatMap(({ context }) => (context?.processes ?? []).flatMap(({ user }) => user ?? []));
  return [...new Set(names)];
}

export interface MadeUsers {
  /** Why there is no such user, by name. */
  readonly missing: ReadonlyMap<string, string>;
  remove(): void;
}

/** Makes those that this machine does not have. */
export function makeUsers(names: readonly string[]): MadeUsers {
  const known = new Set([...parsePasswd(readFileSync('/etc/passwd', 'utf8')).values()].map(({ name }) => name));
  const made: string[] = [];
  const missing = new Map<string, string>();
  for (const name of names.filter((each) => !known.has(each))) {
    try {
      execFileSync('useradd', ['--no-create-home', '--system', name], { stdio: ['ignore', 'ignore', 'pipe'] });
      made.push(name);
    } catch (error) {
      missing.set(name, `there is no user ${name}, and none can be made: ${messageOf(error).trim()}`);
    }
  }
  const remove = () => {
    for (const name of made.splice(0)) execFileSync('userdel', [name], { stdio: 'ignore' });
  };
  return { missing, remove };
}
