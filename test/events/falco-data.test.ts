import { describe, expect, it } from 'vitest';
import { eventType, syscallEventTypes } from '../../src/events/syscall/event-types.ts';
import { syscallFields } from '../../src/events/syscall/fields.ts';
import { type FlagSet, flagRows } from '../../src/events/syscall/flag-table.ts';
import { enumName, flagNames, flagSet } from '../../src/events/syscall/flags.ts';
import { sharedJson } from './shared.ts';

const cuts = ['proc.args.cut', 'proc.args.total', 'proc.env.cut', 'proc.env.total'];
const ours = ['evt.is_io_uring', 'user.realuid', 'fd.realpath', 'container.pending', ...cuts];
// The list says that it needs an argument; a measured case (`evt.abspath exists`) shows that it does not.
const argumentOptional = ['evt.abspath'];

interface FalcoField {
  name: string;
  type: string;
  arg: string;
  flags: string[];
  print?: string;
  desc: string;
}
const fieldData: { fields: FalcoField[] } | undefined = sharedJson('data/falco/falco_fields.json');

describe.skipIf(fieldData === undefined)("Falco's fields", () => {
  const fields = fieldData?.fields ?? [];
  const byName = new Map(syscallFields.map((field) => [field.name, field]));

  it('are all known, and no others but ours', () => {
    const names = [...fields.map(({ name }) => name), ...ours];
    expect([...byName.keys()].sort()).toEqual(names.sort());
    expect(syscallFields).toHaveLength(302);
  });

  it.each(fields.map((field) => [field.name, field] as const))('%s', (name, field) => {
    const has = (flag: string) => (field.flags.includes(flag) ? true : undefined);
    const arg = argumentOptional.includes(name) ? 'optional' : field.arg.replace(/.*required$/, 'required');
    expect(byName.get(name)).toMatchObject({ type: field.type });
    expect(byName.get(name)?.doc).not.toBe(field.desc);
    const {
      arg: given,
      print,
      list,
      noRhs,
      noTransformer,
      filterOnly,
      printOnly,
      deprecated,
      suggested,
    } = byName.get(name)!;
    expect({
      arg: given ?? 'none',
      print,
      list,
      noRhs,
      noTransformer,
      filterOnly,
      printOnly,
      deprecated,
      suggested,
    }).toEqual({
      arg,
      print: { PADDED10: 'pad10', HEX: 'hex', OCT: 'oct' }[field.print ?? ''],
      list: has('list'),
      noRhs: has('no_rhs'),
      noTransformer: has('no_transformer'),
      filterOnly: has('filter_only'),
      printOnly: has('print_only'),
      deprecated: has('deprecated'),
      suggested: has('format_suggested'),
    });
  });
});

interface FalcoParam {
  name: string;
  type: string;
  fmt?: string;
  flagset?: string;
  dirfd_param?: number;
  variants?: { type: string }[];
}
interface FalcoEvent {
  code: number;
  name: string;
  dir: string;
  origin: string;
  class: string;
  flags: string[];
  fd_param?: number;
  syscalls?: string[];
  params: FalcoParam[];
}
interface EventData {
  flagsets: Record<string, [string, number][]>;
  events: FalcoEvent[];
  old_events: FalcoEvent[];
  unused: string[];
  syscalls: { name: string; event: string }[];
}
const eventData: EventData | undefined = sharedJson('data/falco/falco_events.json');

describe.skipIf(eventData === undefined)("Falco's events", () => {
  const { flagsets, events, old_events, unused, syscalls } = eventData ?? {
    flagsets: {},
    events: [],
    old_events: [],
    unused: [],
    syscalls: [],
  };
  const current = new Map<string, FalcoEvent>();
  for (const event of events) if (event.dir === 'exit' || !current.has(event.name)) current.set(event.name, event);

  it('have the same codes under the same names', () => {
    const codes = new Map<string, number[]>();
    for (const { name, code } of [...events, ...old_events]) codes.set(name, [...(codes.get(name) ?? []), code]);
    for (const [name, expected] of codes) {
      expect([...syscallEventTypes.codes(name)].sort(), name).toEqual(expected.sort());
    }
    expect(syscallEventTypes.codeCount).toBe(events.length + old_events.length + unused.length);
  });

  it('know every system call, and only them beside the events', () => {
    const generic = syscalls.filter(({ name, event }) => event === 'PPME_GENERIC_X' && name !== 'unknown');
    for (const { name } of generic) {
      expect([...syscallEventTypes.codes(name)].sort(), name).toEqual([0, 1]);
      expect(syscallEventTypes.syscalls(name)).toEqual([name]);
    }
    const events = new Set([...current.keys(), ...old_events.map(({ name }) => name)]);
    const calls = new Set(syscalls.map(({ name }) => name).filter((name) => name !== 'unknown'));
    // Falco compares with any name of a call, and has the codes of the generic event for those that no event has.
    for (const name of calls.difference(events))
      expect([...syscallEventTypes.codes(name)].sort(), name).toEqual([0, 1]);
    const names = events.union(calls);
    expect([...syscallEventTypes.names].sort()).toEqual([...names].sort());
  });

  it.each([...current].map(([name, event]) => [name, event] as const))('%s', (name, event) => {
    const type = eventType(name);
    const traits = {
      creates_fd: 'creates',
      uses_fd: 'uses',
      destroys_fd: 'destroys',
      reads_from_fd: 'reads',
      writes_to_fd: 'writes',
      waits: 'waits',
    } as const;
    const origins: Record<string, string> = { syscall: 'syscall', tracepoint: 'tracepoint' };
    expect(type).toMatchObject({ code: event.code, category: event.class, origin: origins[event.origin] ?? 'meta' });
    expect(type?.fdParam).toBe(event.fd_param);
    const expected = Object.entries(traits)
      .filter(([flag]) => event.flags.includes(flag))
      .map(([, trait]) => trait);
    expect([...(type?.traits ?? [])].sort()).toEqual(expected.sort());
    if (name !== 'syscall') expect(type?.syscalls ?? []).toEqual(event.syscalls ?? []);
    expect(type?.params).toEqual(
      event.params.map((param) => ({
        name: param.name,
        type: param.type,
        ...(param.fmt === 'HEX' || param.fmt === 'OCT' ? { print: param.fmt.toLowerCase() } : {}),
        ...(param.flagset === undefined ? {} : { flagset: param.flagset }),
        ...(param.dirfd_param === undefined ? {} : { dirfd: param.dirfd_param }),
        ...(param.variants === undefined ? {} : { variants: param.variants.map((variant) => variant.type) }),
      })),
    );
  });

  it('have the same names for the same bits', () => {
    expect(Object.keys(flagRows).sort()).toEqual(Object.keys(flagsets).sort());
    for (const set of Object.keys(flagRows) as FlagSet[]) expect(flagSet(set), set).toEqual(flagsets[set]);
  });
});

interface StateCase {
  id: string;
  events: { type: string; params: Record<string, unknown>; expect: Record<string, unknown> | 'dropped' }[];
}
const stateData: { cases: StateCase[] } | undefined = sharedJson('data/falco/state_cases.json');

describe.skipIf(stateData === undefined || eventData === undefined)('flags as Falco printed them', () => {
  it('are named alike', () => {
    const byEnum = new Map(eventData?.events.map((event) => [(event as unknown as { enum: string }).enum, event]));
    let compared = 0;
    for (const { id, events } of stateData?.cases ?? []) {
      for (const { type, params, expect: seen } of events) {
        for (const param of byEnum.get(type)?.params ?? []) {
          const value = params[param.name];
          const shown = seen === 'dropped' ? undefined : seen[`evt.arg.${param.name}`];
          if (param.flagset === undefined || typeof value !== 'number' || typeof shown !== 'string') continue;
          const set = param.flagset as FlagSet;
          const name = param.type.startsWith('ENUM') ? enumName(set, value) : flagNames(set, value);
          // Without a name the number is shown, in the print of the param.
          if (name !== undefined || /[A-Z]_/.test(shown))
            expect(name, `${id} ${type} ${param.name}=${value}`).toBe(shown);
          compared++;
        }
      }
    }
    expect(compared).toBeGreaterThan(30);
  });
});
