/** What the kernel has to send, from what the pipeline reads. */

import { numbersHere } from '../../../native/abi.ts';
import { CALLS } from '../../../native/calls.ts';
import type { SensorDemand, StateDemand } from '../../../native/index.ts';
import type { Demand } from '../../core/component.ts';
import type { Necessary } from '../../core/flow/necessary.ts';
import { KIND } from '../../events/kernel/layout.ts';

/** The event types that records of processes' lives become. */
const LIFE = { fork: ['clone'], exec: ['execve', 'execveat'], exit: ['procexit'] } as const;
/** Of these the calls themselves are only failures: a program that begins to run is a record of its own. */
const EXECUTIONS: ReadonlySet<string> = new Set(LIFE.exec);

/** Event types of what a process lives through, however it was asked for. */
const lives: ReadonlySet<string> = new Set(Object.values(LIFE).flat());
/** Every event type that this source emits, on some machine. */
export const eventTypes: ReadonlySet<string> = new Set([...lives, ...Object.keys(CALLS)]);

/** Whether it emits an event type on this machine; a text says from whom alone. */
export function emitsHere(type: string): boolean | string {
  const call = eventTypes.has(type) ? CALLS[type] : undefined;
  if (call === undefined || lives.has(type)) return lives.has(type);
  const { own, compat } = numbersHere(call);
  if (own.length > 0 || compat.length === 0) return own.length > 0;
  const others = process.arch === 'arm64' ? ': others on arm64 call openat, mkdirat and their like' : '';
  return `from 32-bit programs alone${others}`;
}

/** The event type of what is counted under a name; undefined for what becomes no event. */
export function typeOfCounted(name: string): string | undefined {
  const type = name in LIFE ? LIFE[name as keyof typeof LIFE][0] : name;
  return eventTypes.has(type) ? type : undefined;
}

/** Fields that need the environment copied at every exec. */
const ENVIRONMENT = /^(?:proc\.a?env(?:\[.*|\.\w+)?|evt\.(?:raw)?arg\.env)$/;
/** Fields that need the canonical path of what is opened. */
const REAL_PATH = /^fd\.realpath$/;
/** Fields that need more of the file that is opened. */
const FILE =
  /^(?:fd\.(?:dev|ino|dev\.\w+|is_\w+_layer)|evt\.(?:args|info|is_open_create|(?:raw)?arg(?:\.(?:flags|creat_flags|dev|ino)|\[.*)))$/;

/** Fields that need the data that calls move. */
const DATA = /^evt\.(?:buffer|args|info|(?:raw)?arg(?:\.(?:data|img)|\[.*))$/;
/** Fields that need the room in what a call writes from, and what comes with a message. */
const ROOM = /^evt\.(?:args|info|(?:raw)?arg(?:\.size|\[.*))$/;
const CONTROL = /^evt\.(?:args|info|(?:raw)?arg(?:\.msgcontrol|\[.*))$/;

/** Fields that need what the process of an event is at that moment, and more of it. */
const STATE = /^(?:proc\.(?:fd\w+|vm\w+|n(?:threads|childs)|std\w+\.\w+)|thread\.(?:vm|pf)[\w.]+)$/;
const OPEN_COUNT = /^proc\.fd(?:opencount|usage)$/;
const STDIO = /^proc\.std\w+\.\w+$/;
const STDIO_NAME = /^proc\.std\w+\.name$/;

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
  /** Bytes of data that are copied where something reads them. */
  readonly snaplen?: number;
  /** Use the necessary conditions of the demand in the kernel. */
  readonly pushdown: boolean;
}

/** The state of the process that is wanted with each record, by the name under which it is counted. */
function statesFor({ fields, fieldTypes }: Demand): Map<string, StateDemand> {
  const states = new Map<string, StateDemand>();
  const wanted = [...fields].filter((field) => STATE.test(field));
  if (wanted.length === 0) return states;
  const records: [string, readonly string[]][] = [
    ...Object.entries(LIFE),
    ...Object.keys(CALLS).map((name): [string, readonly string[]] => [name, [name]]),
  ];
  for (const [name, types] of records) {
    const isReadOf = (field: string) => types.some((type) => fieldTypes?.get(field)?.has(type) ?? true);
    const read = wanted.filter(isReadOf);
    const some = (pattern: RegExp) => read.some((field) => pattern.test(field));
    const stdio = some(STDIO_NAME) ? 'names' : some(STDIO) ? 'types' : 'no';
    if (read.length > 0) states.set(name, { open: some(OPEN_COUNT), stdio });
  }
  return states;
}

/** Event types that `base_syscalls` adds and leaves out. */
function namedIn(base: WantedOptions['base']): Readonly<Record<'added' | 'removed', ReadonlySet<string>>> {
  const set = base?.custom_set ?? [];
  const isRemoved = (name: string) => name.startsWith('!');
  return {
    added: new Set(base?.all ? eventTypes : set.filter((name) => !isRemoved(name))),
    removed: new Set(set.filter(isRemoved).map((name) => name.slice(1))),
  };
}

/** What is to be collected for a demand. Undefined: nothing reads this source, which is then kept to process records. */
export function wantedFor(demand: Demand | undefined, options: WantedOptions): Wanted {
  const { failedExec, pushdown, base, snaplen = 80 } = options;
  const types = demand?.types ?? new Set<string>();
  const { added, removed } = namedIn(base);
  const wants = (type: string) => !removed.has(type) && (types === 'all' || types.has(type) || added.has(type));
  const where = pushdown ? demand?.where : undefined;
  const calls = new Map<string, 'all' | Necessary>();
  for (const [name, { bulk }] of Object.entries(CALLS)) {
    if (EXECUTIONS.has(name) || !wants(name)) continue;
    if (added.has(name)) calls.set(name, 'all');
    else if (types !== 'all' || !bulk || demand?.named?.has(name)) calls.set(name, where?.get(name) ?? 'all');
  }
  if (calls.size > 0 || failedExec) {
    for (const name of EXECUTIONS) if (wants(name)) calls.set(name, where?.get(name) ?? 'all');
  }
  const kinds = Object.entries(LIFE).flatMap(([kind, names]) =>
    names.some(wants) ? [KIND[kind as keyof typeof LIFE]] : [],
  );
  const isRead = (pattern: RegExp) => [...(demand?.fields ?? [])].some((field) => pattern.test(field));
  const state = demand === undefined ? undefined : statesFor(demand);
  return {
    sensor: {
      calls,
      env: isRead(ENVIRONMENT),
      real: isRead(REAL_PATH),
      file: isRead(FILE),
      data: isRead(DATA) ? snaplen : 0,
      room: isRead(ROOM),
      control: isRead(CONTROL),
      ...(state?.size ? { state } : {}),
    },
    kinds: new Set([
      ...kinds,
      ...(calls.size > 0 ? [KIND.open, KIND.socket, KIND.call] : []),
      ...(wants('chdir') || wants('fchdir') ? [KIND.chdir] : []),
    ]),
  };
}
