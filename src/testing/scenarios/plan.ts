/** What the actor is to do for one test, in its own words: a line each (native/actor/actor.h). */

import { posix } from 'node:path';
import type { Scenario } from './load.ts';
import { bindingOf } from './steps.ts';

/** The descriptor that a script waits at between `before` and `after`, and the one at which it says that it does. */
const WAIT = `\nprintf . >&9\nread -r _ <&8\n`;

type Process = NonNullable<NonNullable<Scenario['context']>['processes']>[number];

/** A test that names no process has one all the same. */
const ANY: Process = {};
const SETS = ['permitted', 'effective', 'inheritable'] as const;

/** `folder`: the stage's, where programs without a path of their own are made. */
export function planOf(scenario: Scenario, id: string, folder: string): string {
  const { context, resources, steps, before, after } = scenario;
  const lines = [line('test', id, { actor: `${folder}/actor` })];
  const addresses = (resources ?? []).flatMap((each) =>
    each.type === 'clientServer' && each.l4Proto !== 'unix' ? [hostOf(each.address ?? '')] : [],
  );
  const scratch = context?.scratch;
  if (scratch) lines.push(line('scratch', '-', { path: scratch }));
  // A network of its own reaches any address, and no port of it is taken.
  if (addresses.length > 0 || scratch) lines.push(line('network', '-', { address: addresses }));
  if (context?.pidNamespace) lines.push('pids -');
  for (const [index, process] of (context?.processes ?? [ANY]).entries()) {
    const { user, capabilities, terminal } = process;
    const caps = capabilities && SETS.map((set) => capabilities[set].toString(16)).join(',');
    lines.push(
      line('process', '-', { ...programOf(process, `${folder}/${id}.${index}`), user, caps, terminal: yes(terminal) }),
    );
  }
  if (before !== undefined || after !== undefined)
    lines.push(line('script', '-', { text: `${before ?? ''}${WAIT}${after ?? ''}\n` }));
  for (const [index, resource] of (resources ?? []).entries())
    lines.push(line('resource', resource.name, resourceOf(resource, `${folder}/${id}.r${index}`)));
  for (const step of steps ?? []) {
    const { how, ...args } = step.args as Record<string, unknown>;
    const { syscall, mayFail } = step as { readonly syscall: string; readonly mayFail?: boolean };
    lines.push(line('step', step.name, { syscall, ...args, ...(how as object | undefined), mayFail: yes(mayFail) }));
  }
  return `${lines.join('\n')}\n`;
}

function programOf(
  { exePath, args, exe, name, env }: Omit<Process, 'user' | 'capabilities' | 'terminal'>,
  folder: string,
) {
  const file = exePath ?? `${folder}/event-generator`;
  const called = name ?? posix.basename(file);
  return {
    file,
    run: posix.join(posix.dirname(file), called),
    arg: [exe ?? called, ...splitArgs(args ?? '')],
    env: Object.entries(env ?? {}).map(([key, value]) => `${key}=${value}`),
  };
}

function resourceOf(resource: NonNullable<Scenario['resources']>[number], folder: string): Fields {
  if (resource.type === 'fd') {
    const { type, subtype, filePath, dirPath, fileName } = resource;
    return { type, subtype, path: { file: filePath, directory: dirPath, memfd: fileName }[subtype as 'file'] };
  }
  if (resource.type === 'clientServer') {
    const { type, l4Proto, address } = resource;
    return { type, l4Proto, address: l4Proto === 'unix' ? `unix://${folder}.sock` : address };
  }
  const { type, procName, fileLess } = resource;
  const program = programOf({ ...resource, name: procName }, folder);
  // A program in memory has no path, but a name that leads to it, when one is wanted.
  const run = fileLess && procName === undefined ? '' : program.run;
  return { type, ...program, run, arg: program.arg, fileLess: fileLess ? 'yes' : 'no' };
}

/** Words apart by blanks; quotes hold them together. */
export function splitArgs(text: string): string[] {
  return [...text.matchAll(/"([^"]+)"|'([^']+)'|(\S+)/g)].map(
    ([, double, single, plain]) => double ?? single ?? plain ?? '',
  );
}

/** The host of an address: of `[V6]:PORT` and `V4:PORT`. */
function hostOf(address: string): string {
  return address.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
}

/** A flag stands in a line when it is set. */
function yes(flag: boolean | undefined): 'yes' | undefined {
  return flag ? 'yes' : undefined;
}

type Fields = Readonly<Record<string, unknown>>;

function line(verb: string, name: string, fields: Fields): string {
  const words = Object.entries(fields).flatMap(([key, value]) => {
    if (value === undefined) return [];
    return (Array.isArray(value) ? value : [value]).map((each) => `${key}=${word(each)}`);
  });
  return [verb, encoded(name), ...words].join(' ');
}

function word(value: unknown): string {
  const binding = bindingOf(value);
  if (binding) return `$${encoded(`${binding.name}.${binding.field}`)}`;
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : encoded(String(value));
}

function encoded(text: string): string {
  const hex = (byte: number) => `%${byte.toString(16).padStart(2, '0')}`;
  return text.replace(/[^\w./:,@+-]/gu, (char) => [...Buffer.from(char)].map(hex).join(''));
}
