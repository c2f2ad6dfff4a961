/** What the kernel sends for a pipeline, and who wants it: by what the source `ebpf` is configured with, of each alone. */

import { CALLS, type CallFilters, KIND, sentFor } from '../../../native/index.ts';
import type { Demand } from '../../core/component.ts';
import type { Clause } from '../../events/necessary.ts';
import { demandsByRule } from '../../operators/rules/index.ts';
import type { Plan, PlannedSource } from '../../pipeline/plan/planned.ts';
import { readersOf } from '../../pipeline/plan/wanted.ts';
import { type Rule, untestedFields } from '../../rules/index.ts';
import { readsContainers } from '../../sources/ebpf/containers.ts';
import { type EbpfConfig, wantedBy } from '../../sources/ebpf/index.ts';
import type { Wanted } from '../../sources/ebpf/wanted.ts';
import { saysNothing } from './explain-needs.ts';

/** Who wants events: a rule, the id of a component, or a key of the source's configuration. */
export interface Asker {
  readonly name: string;
  /** Of a rule, and by which operator it judges. */
  readonly rule?: Rule;
  readonly operator?: string;
}

/** What is sent of an event type for one of those who want it. */
export interface Wish {
  readonly asker: Asker;
  readonly clauses: readonly Clause[];
  readonly looseness: number;
  /** Fields of a rule's condition that the kernel cannot test. */
  readonly untested: readonly string[];
}

/** What is sent of a system call. */
export interface SentCall {
  readonly type: string;
  /** One of them holds of each event that is sent; none: none is. */
  readonly clauses: readonly Clause[];
  /** See `looseness`. */
  readonly looseness: number;
  /** The loosest first. */
  readonly wishes: readonly Wish[];
}

/** What travels with events, or is looked up for them, because fields are read. */
export interface Extra {
  readonly name: string;
  readonly readers: readonly { readonly asker: Asker; readonly fields: readonly string[] }[];
}

/** Records of processes' lives: under which name they are counted, and who wants them as events. */
export interface Life {
  readonly counted: string;
  readonly askers: readonly Asker[];
}

export interface KernelDemand {
  readonly source: PlannedSource;
  /** False: it is configured so that the kernel drops nothing. */
  readonly pushdown: boolean;
  /** The loosest first. */
  readonly calls: readonly SentCall[];
  /** What comes whether anybody wants it or not, because it says what processes are, by event type. */
  readonly lives: ReadonlyMap<string, Life>;
  readonly extras: readonly Extra[];
}

/** What the sources of a plan ask of the kernel. */
export function kernelDemands(plan: Plan): readonly KernelDemand[] {
  return plan.sources.filter(({ type }) => type === 'ebpf').map((source) => kernelDemand(plan, source));
}

function kernelDemand(plan: Plan, source: PlannedSource): KernelDemand {
  const config = source.config as EbpfConfig;
  const whole = wantedBy(config, source.demand);
  const sent = sentFor(whole.sensor.calls);
  const asking = askingOf(plan, source);
  const calls = [...whole.sensor.calls.keys()].map((type): SentCall => {
    const clauses = clausesOf(sent.get(type));
    const wishes = asking.flatMap((each) => wishOf(each, type) ?? []).sort((a, b) => a.looseness - b.looseness);
    return { type, clauses, looseness: looseness(clauses), wishes };
  });
  const lives = new Map<string, Life>();
  for (const [type, counted] of Object.entries(LIVES)) {
    const askers = asking.filter(({ alone }) => alone.kinds.has(KIND[counted])).map(({ asker }) => asker);
    lives.set(type, { counted, askers });
  }
  for (const type of CHANGES) {
    if (sent.has(type) && !whole.sensor.calls.has(type)) lives.set(type, { counted: type, askers: [] });
  }
  return {
    source,
    pushdown: config.pushdown,
    calls: calls.sort((a, b) => a.looseness - b.looseness || Number(isFailure(a.type)) - Number(isFailure(b.type))),
    lives,
    extras: extrasOf(config, whole, asking),
  };
}

/** Event types of what processes live through, by the kinds of record that are always sent. */
const LIVES = { clone: 'fork', execve: 'exec', procexit: 'exit' } as const;
/** Where calls are read at all, these come too. */
const CHANGES = ['chdir', 'fchdir'] as const;

/** Whether only failures are sent of a call: what succeeds is a record of its own, of a process's life. */
export const isFailure = (type: string): boolean => type === 'execve' || type === 'execveat';

interface Asking {
  readonly asker: Asker;
  readonly demand: Demand;
  /** What would be collected, and sent of each call, for it alone. */
  readonly alone: Wanted;
  readonly sent: CallFilters;
}

/** Who wants something of a source: the rules of operators that read from it, other components, its configuration. */
function askingOf(plan: Plan, { id, config }: PlannedSource): Asking[] {
  const options = config as EbpfConfig;
  const { base_syscalls: base } = options;
  // Failures of executions come along with any other call, so whoever wants executions gets them.
  const bare: EbpfConfig = { ...options, failed_exec: true, base_syscalls: { ...base, custom_set: [], all: false } };
  const asking = (asker: Asker, demand: Demand, of = bare): Asking => {
    const alone = wantedBy(of, new Map([['syscall', demand]]));
    return { asker, demand, alone, sent: sentFor(alone.sensor.calls) };
  };
  const found = [...readersOf(plan, id)].flatMap(([reader, demands]) => {
    const demand = demands.get('syscall');
    if (demand === undefined) return [];
    if (reader.type !== 'rules' || !('prepared' in reader)) return [asking({ name: reader.id }, demand)];
    const byRule = [...demandsByRule(reader.prepared)].filter(([rule]) => rule.source === 'syscall');
    const own = new Set(byRule.flatMap(([, { fields }]) => [...fields]));
    const below = { fields: demand.fields.difference(own), types: new Set<string>() };
    return [
      ...byRule.map(([rule, each]) => asking({ name: rule.name, rule, operator: reader.id }, each)),
      asking({ name: `what is below ${reader.id}` }, below),
    ];
  });
  const nothing = { fields: new Set<string>(), types: new Set<string>() };
  return [...found, asking({ name: 'base_syscalls' }, nothing, options)];
}

function wishOf({ asker, alone, sent }: Asking, type: string): Wish | undefined {
  if (!alone.sensor.calls.has(type)) return undefined;
  const clauses = clausesOf(sent.get(type));
  const condition = asker.rule?.condition;
  // Of events of any type nothing is tested.
  const names = condition !== undefined && condition.eventTypes !== 'all';
  const untested = names ? [...untestedFields(condition.typed, type)] : [];
  return { asker, clauses, looseness: looseness(clauses), untested };
}

const clausesOf = (found: 'all' | readonly Clause[] | undefined): readonly Clause[] =>
  found === 'all' ? [{}] : (found ?? []);

/** How little the loosest clause asks: 0 nothing, 1 how the call ends, 2 what is opened for or what it is about, 3 a path, end or name. */
export function looseness(clauses: readonly Clause[]): number {
  const each = (clause: Clause) => {
    if (saysNothing(clause)) return 0;
    if ((clause.paths ?? clause.comms) !== undefined) return 3;
    // Most of the internet is outside of what is named.
    if (clause.ends?.every(({ outside }) => !outside)) return 3;
    return (clause.reads ?? clause.writes ?? clause.sockets ?? clause.ends) === undefined ? 1 : 2;
  };
  return Math.min(4, ...clauses.map(each));
}

type Collects = (wanted: Wanted, demand: Demand, config: EbpfConfig) => boolean;

/** Whether some call that is sent is of a kind: what is collected of others costs nothing. */
const some = ({ sensor }: Wanted, test: (call: (typeof CALLS)[string]) => boolean) =>
  [...sensor.calls.keys()].some((name) => CALLS[name] !== undefined && test(CALLS[name]));

const EXTRAS: Readonly<Record<string, { readonly collects: Collects; readonly applies?: (whole: Wanted) => boolean }>> =
  {
    environment: { collects: ({ sensor }) => sensor.env },
    canonical_path: {
      collects: ({ sensor }) => sensor.real,
      applies: (whole) => some(whole, ({ kind }) => kind === 'open'),
    },
    file: { collects: ({ sensor }) => sensor.file, applies: (whole) => some(whole, ({ kind }) => kind === 'open') },
    data: {
      collects: ({ sensor }) => (sensor.data ?? 0) > 0,
      applies: (whole) => some(whole, ({ data }) => data === true),
    },
    process_state: { collects: ({ sensor }) => (sensor.state?.size ?? 0) > 0 },
    host_names: { collects: (_, { hosts }) => (hosts?.size ?? 0) > 0 },
    containers: {
      collects: (_, demand, config) => config.containers !== 'off' && readsContainers(new Map([['syscall', demand]])),
    },
  };

function extrasOf(config: EbpfConfig, whole: Wanted, asking: readonly Asking[]): Extra[] {
  return Object.entries(EXTRAS).flatMap(([name, { collects, applies = () => true }]) => {
    if (!applies(whole)) return [];
    const known = new Map<string, boolean>();
    const isRead = (field: string) => {
      const only: Demand = { fields: new Set([field]), types: 'all' };
      const found = known.get(field) ?? collects(wantedBy(config, new Map([['syscall', only]])), only, config);
      known.set(field, found);
      return found;
    };
    const readers = asking.flatMap(({ asker, demand, alone }) => {
      if (!collects(alone, demand, config)) return [];
      const fields = name === 'host_names' ? [...(demand.hosts ?? [])] : [...demand.fields].filter(isRead);
      return [{ asker, fields }];
    });
    return readers.length === 0 ? [] : [{ name, readers }];
  });
}
