/** What the kernel has to send, from what the pipeline reads. */

import { CALLS } from '../../../native/calls.ts';
import type { SensorDemand } from '../../../native/index.ts';
import type { Demand } from '../../core/component.ts';
import type { Necessary } from '../../core/necessary.ts';
import { KIND } from '../../events/kernel/layout.ts';

/** The event types that records of processes' lives become. */
const LIFE = { fork: ['clone'], exec: ['execve', 'execveat'], exit: ['procexit'] } as const;
/** Of these the calls themselves are only failures: a program that begins to run is a record of its own. */
const EXECUTIONS: ReadonlySet<string> = new Set(LIFE.exec);

/** Every event type that this source emits. */
export const eventTypes: ReadonlySet<string> = new Set([...Object.values(LIFE).flat(), ...Object.keys(CALLS)]);

/** The event type of what is counted under a name; undefined for what becomes no event. */
export function typeOfCounted(name: string): string | undefined {
  const type = name in LIFE ? LIFE[name as keyof typeof LIFE][0] : name;
  return eventTypes.has(type) ? type : undefined;
}

/** Fields that need the environment copied at every exec. */
const ENVIRONMENT = /^(?:proc\.a?env(?:\[.*)?|evt\.(?:raw)?arg\.env)$/;
/** Fields that need the canonical path of what is opened. */
const REAL_PATH = /^fd\.realpath$/;
/** Fields that need more of the file that is opened. */
const FILE = /^(?:fd\.(?:dev|ino|dev\.\w+)|evt\.(?:args|info|is_open_create|(?:raw)?arg(?:\.(?:flags|dev|ino)|\[.*)))$/;

export interface Wanted {
  readonly sensor: SensorDemand;
  /** Kinds of record that become events; the others only tell what processes do. */
  readonly kinds: ReadonlySet<number>;
}

export interface WantedOptions {
  /** Also executions that fail, which otherwise come along with other calls only. */
  readonly failedExec: boolean;
  /** Calls beside those that are demanded; with ! in front, never. */
  readonly base?: { readonly custom_set: readonly string[]; readonly all: boolean };
  /** Use the necessary conditions of the demand in the kernel. */
  readonly pushdown: boolean;
}

/** What is to be collected for a demand. Undefined: nothing reads this source, which is then kept to process records. */
export function wantedFor(demand: Demand | undefined, { failedExec, pushdown, base }: WantedOptions): Wanted {
  const types = demand?.types ?? new Set<string>();
  const wants = (type: string) => types === 'all' || types.has(type);
  const where = pushdown ? demand?.where : undefined;
  const calls = new Map<string, 'all' | Necessary>();
  for (const name of Object.keys(CALLS)) {
    if (wants(name) && !EXECUTIONS.has(name)) calls.set(name, where?.get(name) ?? 'all');
  }
  const added = base?.all ? Object.keys(CALLS) : (base?.custom_set ?? []).filter((name) => !name.startsWith('!'));
  for (const name of added) calls.set(name, 'all');
  if (calls.size > 0 || failedExec) {
    for (const name of EXECUTIONS) if (wants(name)) calls.set(name, where?.get(name) ?? 'all');
  }
  for (const name of base?.custom_set ?? []) if (name.startsWith('!')) calls.delete(name.slice(1));
  const kinds = Object.entries(LIFE).flatMap(([kind, names]) =>
    names.some(wants) ? [KIND[kind as keyof typeof LIFE]] : [],
  );
  const isRead = (pattern: RegExp) => [...(demand?.fields ?? [])].some((field) => pattern.test(field));
  return {
    sensor: { calls, env: isRead(ENVIRONMENT), real: isRead(REAL_PATH), file: isRead(FILE) },
    kinds: new Set([
      ...kinds,
      ...(calls.size > 0 ? [KIND.open, KIND.socket, KIND.call] : []),
      ...(wants('chdir') || wants('fchdir') ? [KIND.chdir] : []),
    ]),
  };
}
