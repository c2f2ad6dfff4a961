/** The system calls that steps perform, and their arguments: event-generator's (spec/ecosystem.md §1.4), then more. */

import type { SymbolSet } from './symbols.ts';

/** What an argument is. `bound`: only what a resource or a step before has given, `${ name.field }`. */
export type ArgForm =
  | { readonly kind: 'text' }
  | { readonly kind: 'address' }
  | { readonly kind: 'bytes' }
  | { readonly kind: 'number'; readonly symbols?: SymbolSet }
  | { readonly kind: 'bound' };

export interface Arg {
  readonly form: ArgForm;
  readonly optional?: true;
}

export interface StepForm {
  readonly args: Readonly<Record<string, Arg>>;
  /** Whether its result can be bound, as `ret`. */
  readonly returns: boolean;
}

const text: Arg = { form: { kind: 'text' } };
const address: Arg = { form: { kind: 'address' } };
const bytes: Arg = { form: { kind: 'bytes' } };
const number: Arg = { form: { kind: 'number' } };
const bound: Arg = { form: { kind: 'bound' } };
const of = (symbols: SymbolSet): Arg => ({ form: { kind: 'number', symbols } });
const optional = ({ form }: Arg): Arg => ({ form, optional: true });
const call = (args: Record<string, Arg>, returns = false): StepForm => ({ args, returns });

const buffer = { fd: number, buffer: optional(bytes), len: optional(number) };
const opened = { pathname: text, flags: of('open'), mode: optional(of('mode')) };
const dups = { oldFd: number, newFd: number };

/** By the name of the call. A folder that is not given is the working directory. */
export const stepForms: Readonly<Record<string, StepForm>> = {
  write: call(buffer, true),
  read: call(buffer, true),
  open: call(opened, true),
  openat: call({ dirFd: optional(bound), ...opened }, true),
  openat2: call({ dirFd: optional(bound), pathname: text, how: { form: { kind: 'text' }, optional: true } }, true),
  symlink: call({ target: text, linkPath: text }),
  symlinkat: call({ target: text, newDirFd: optional(bound), linkPath: text }),
  link: call({ oldPath: text, newPath: text }),
  linkat: call({
    oldDirFd: optional(bound),
    oldPath: text,
    newDirFd: optional(bound),
    newPath: text,
    flags: optional(of('link')),
  }),
  init_module: call({ moduleImage: bytes, paramValues: optional(text) }),
  finit_module: call({ fd: bound, paramValues: optional(text), flags: optional(of('module')) }),
  dup: call({ oldFd: number }, true),
  dup2: call(dups, true),
  dup3: call({ ...dups, flags: optional(of('dup')) }, true),
  connect: call({ fd: number, address }),
  socket: call({ domain: of('family'), type: of('socket'), protocol: of('protocol') }, true),
  sendto: call({ fd: bound, buf: bytes, flags: of('message'), destAddr: address, len: optional(number) }),
  kill: call({ pid: bound, sig: of('signal') }),
  accept4: call({ fd: bound, flags: optional(of('accept')) }, true),
  recvfrom: call({ fd: number, len: optional(number) }, true),
  fchmodat: call({ pathname: text, mode: of('mode') }),
  mkdirat: call({ pathname: text, mode: optional(of('mode')) }),
  unlinkat: call({ pathname: text, flags: optional(of('unlink')) }),
  renameat2: call({ oldPath: text, newPath: text, flags: optional(of('rename')) }),
  ptrace: call({
    request: of('ptrace'),
    pid: optional(bound),
    addr: optional(number),
    data: optional(of('ptraceOptions')),
  }),
  setns: call({ fd: bound, nstype: optional(of('namespace')) }),
  unshare: call({ flags: of('namespace') }),
  setuid: call({ uid: number }),
  bpf: call({ cmd: of('bpf') }),
  userfaultfd: call({ flags: of('userfault') }, true),
  clock_nanosleep: call({ seconds: number }),
};

/** What `how` of openat2 has. */
export const howArgs: Readonly<Record<string, Arg>> = {
  flags: optional(of('open')),
  mode: optional(of('mode')),
  resolve: optional(of('resolve')),
};

/** The fields of resources that can be bound. */
export const resourceFields: Readonly<Record<string, readonly string[]>> = {
  clientServer: ['client.fd', 'server.fd'],
  process: ['pid'],
  fd: ['fd'],
  pipe: ['readFd', 'writeFd'],
};

/** `${ name.field }`, the whole of a text. */
const BINDING = /^\s*\$\{\s*([^\s.]+)\.(\S+?)\s*\}\s*$/;

export interface Binding {
  readonly name: string;
  readonly field: string;
}

/** What `${name.field}` stands for; undefined for anything else. */
export function bindingOf(value: unknown): Binding | undefined {
  const [, name, field] = typeof value === 'string' ? (BINDING.exec(value) ?? []) : [];
  return name === undefined || field === undefined ? undefined : { name, field };
}
