/** What the kernel has to send, from what the pipeline reads. */

import type { SensorOptions } from '../../../native/index.ts';
import type { Demand } from '../../core/component.ts';
import { KIND, type Kind } from '../../events/kernel/layout.ts';

/** The event types that records of each kind become. */
const TYPES: Readonly<Record<Exclude<Kind, 'scan'>, readonly string[]>> = {
  fork: ['clone'],
  exec: ['execve', 'execveat'],
  exit: ['procexit'],
  open: ['open', 'openat', 'openat2', 'creat'],
  connect: ['connect'],
  chdir: ['chdir', 'fchdir'],
  exec_failed: ['execve', 'execveat'],
};

/** Every event type that this source emits. */
export const eventTypes: ReadonlySet<string> = new Set(Object.values(TYPES).flat());

/** What the losses of one kind of record are called. */
export function typeOfKind(kind: Kind): string {
  return kind === 'scan' ? 'scan' : (TYPES[kind][0] as string);
}

/** Fields that need the environment copied at every exec. */
const ENVIRONMENT = /^(?:proc\.a?env(?:\[.*)?|evt\.(?:raw)?arg\.env)$/;

export interface Wanted {
  readonly sensor: Pick<SensorOptions, 'open' | 'connect' | 'failedExec' | 'env'>;
  /** Kinds of record that become events; the others only tell what processes do. */
  readonly kinds: ReadonlySet<number>;
}

/** What is to be collected for a demand. Undefined: nothing reads this source, which is then kept to process records. */
export function wantedFor(demand: Demand | undefined, failedExec: boolean): Wanted {
  const types = demand?.types ?? new Set<string>();
  const wants = (kind: keyof typeof TYPES) => types === 'all' || TYPES[kind].some((type) => types.has(type));
  const kinds = (Object.keys(TYPES) as (keyof typeof TYPES)[]).filter(wants);
  const open = wants('open');
  const connect = wants('connect');
  return {
    sensor: {
      open,
      connect,
      // Changes of directory come when system calls are traced at all; asked for alone, this has them traced.
      failedExec: failedExec || (wants('chdir') && !open && !connect),
      env: [...(demand?.fields ?? [])].some((field) => ENVIRONMENT.test(field)),
    },
    kinds: new Set(kinds.map((kind) => KIND[kind])),
  };
}
