/** docs/compatibility.md lists what of Falco's fields and parameters kernel events do not have: neither more nor less. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CALLS } from '../../native/calls.ts';
import { catalogues } from '../../src/events/catalogue.ts';
import type { Catalogue, Field, FieldRef } from '../../src/events/field.ts';
import { argumentsOf } from '../../src/events/kernel/arguments.ts';
import { argumentsOfCall } from '../../src/events/kernel/call-arguments.ts';
import type { KernelEvent } from '../../src/events/kernel/event.ts';
import { kernelFills } from '../../src/events/kernel/form.ts';
import { eventType } from '../../src/events/syscall/event-types.ts';
import { eventTypes } from '../../src/sources/ebpf/wanted.ts';
import { Bench, type Fields } from './slab-writer.ts';

const page = readFileSync(new URL('../../docs/compatibility.md', import.meta.url), 'utf8');

/** The rows of the table below a heading, cell by cell. */
function table(heading: string): string[][] {
  const [, below = ''] = page.split(`\n## ${heading}\n`);
  const [section = ''] = below.split('\n## ');
  const rows = section.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((line) => line.slice(1, -1).split('|'));
}

const code = (cell = '') => [...cell.matchAll(/`([^`]+)`/g)].map(([, text]) => text as string);

const catalogue = catalogues.get('syscall') as Catalogue;
/** Arguments that fields take, to try. */
const ARGUMENTS = ['', '[1]', '[a]', '.res', '.memory', '.open', '.src'];

function isFilled({ name }: Field): boolean {
  return ARGUMENTS.some((argument) => {
    const ref = catalogue.find(name + argument);
    return ref !== undefined && kernelFills(ref);
  });
}

describe('fields', () => {
  const listed = table('Fields that kernel events do not have').flatMap(([names]) => code(names));
  const covers = (pattern: string, name: string) =>
    pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;

  it('that are absent are listed, and all that are listed are absent', () => {
    // What says where an event was seen is no matter of the kernel.
    const own = catalogue.fields.filter((field) => field.class !== 'origin');
    const absent = own.filter((field) => !isFilled(field)).map(({ name }) => name);
    expect(absent.filter((name) => !listed.some((pattern) => covers(pattern, name)))).toEqual([]);
    expect(listed.filter((pattern) => !absent.some((name) => covers(pattern, name)))).toEqual([]);
    const filled = catalogue.fields.filter(isFilled).map(({ name }) => name);
    expect(filled.filter((name) => listed.some((pattern) => covers(pattern, name)))).toEqual([]);
  });
});

const process = { tgid: 9, tid: 9, ppid: 1, start: 5, exec_id: 1, comm: 'x', args: ['x'], cwd: '/' };
/** Records of what is no plain call. */
const records: Readonly<Record<string, Fields>> = {
  clone: { ...process, kind: 'fork', tgid: 10, tid: 10, parent_tgid: 9, parent_start: 5, parent_exec_id: 1 },
  execve: { ...process, kind: 'exec', exec_id: 2 },
  execveat: { ...process, kind: 'exec', exec_id: 2, filename: '/dev/fd/3' },
  procexit: { ...process, kind: 'exit' },
  open: { ...process, kind: 'open', nr: 2 },
  openat: { ...process, kind: 'open', nr: 257 },
  openat2: { ...process, kind: 'open', nr: 437 },
  creat: { ...process, kind: 'open', nr: 85 },
  open_by_handle_at: { ...process, kind: 'open', nr: 304 },
  chdir: { ...process, kind: 'chdir', nr: 80 },
  fchdir: { ...process, kind: 'chdir', nr: 81 },
};

it('what events of a type are said not to have is absent there', () => {
  const denied = new Map<string, number>();
  for (const type of eventTypes) {
    const own = records[type];
    const { id: nr, fd } = CALLS[type] ?? {};
    // Opens are always records of opens, and executions that fail are calls.
    const kinds = nr === undefined || own?.kind === 'open' ? [] : fd && !own ? ['call', 'socket'] : ['call'];
    const made = [...(own ? [own] : []), ...kinds.map((kind) => ({ ...process, kind, nr }) as Fields)];
    const bench = new Bench().load(process);
    for (const record of made) {
      const event = bench.slab(record).at(0) as KernelEvent;
      expect(event.type).toBe(type);
      for (const { name } of catalogue.fields) {
        const ref = catalogue.find(name);
        if (ref === undefined || !kernelFills(ref) || kernelFills(ref, type)) continue;
        denied.set(type, (denied.get(type) ?? 0) + 1);
        expect([type, record.kind, name, event.get(name)]).toEqual([type, record.kind, name, undefined]);
      }
    }
  }
  // What is about a descriptor may be about a file or a socket: that has every field.
  const sure = [...eventTypes].filter((type) => records[type] !== undefined || CALLS[type]?.fd === false);
  expect([...denied.keys()].sort()).toEqual(sure.sort());
});

describe('parameters', () => {
  const listed = table('Parameters that events do not have').flatMap(([events = '', names]) =>
    events.split(',').flatMap((event) => code(names).map((name) => `${event.trim()} ${name}`)),
  );
  function namesOf(type: string): string[] {
    const record = records[type];
    if (record === undefined) return argumentsOfCall(CALLS[type]?.id ?? -1).map(({ name }) => name);
    const event = new Bench().load(process).slab(record).at(0) as KernelEvent;
    expect(event.type).toBe(type);
    return argumentsOf(event).map(({ name }) => name);
  }

  it('that are absent are listed, and all that are listed are absent', () => {
    const absent = [...eventTypes].flatMap((type) => {
      const names = new Set(namesOf(type));
      return (eventType(type)?.params ?? []).flatMap(({ name }) => (names.has(name) ? [] : [`${type} ${name}`]));
    });
    // Who asks whether events of a type may have one is not told that they do not.
    const denied = [...eventTypes].flatMap((type) =>
      namesOf(type).filter((name) => !kernelFills(catalogue.find(`evt.arg.${name}`) as FieldRef, type)),
    );
    expect(denied).toEqual([]);
    const cases = (list: readonly string[]) => [...list].sort();
    // What a row lists for several events may be a parameter of some of them only.
    const params = (each: string) => eventType(each.split(' ')[0] as string)?.params.map(({ name }) => name) ?? [];
    const possible = listed.filter((each) => params(each).includes(each.split(' ')[1] as string));
    expect(cases(possible)).toEqual(cases(absent));
    const useless = new Set(listed.map((each) => each.split(' ')[1]));
    for (const each of possible) useless.delete(each.split(' ')[1]);
    expect([...useless]).toEqual([]);
  });
});
