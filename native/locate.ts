/** Finds and loads the compiled addon, and the BPF object beside it. */
import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exitCode, messageOf, UserError } from '../src/core/errors.ts';
import { isOfFileLimit, MORE_FILES } from '../src/core/files/file-limit.ts';

/** What the addon exports; `native/addon/module.cc` is the other side. */
export interface Addon {
  readonly Sensor: new (options: AddonOptions) => AddonSensor;
  readonly RecordIndex: new () => AddonRecordIndex;
  readonly TurnWatch: new () => TurnWatch;
  probe(): { readonly libbpf: string; readonly features: { name: string; present: boolean; error: string }[] };
  measurePrograms(milliseconds: number): RunningProgram[];
  notifySystemd(state: string): boolean;
  sendDatagram(path: string, bytes: Uint8Array): string;
  bootOffsetNs(): bigint;
  trimMemory(): void;
}

/** A program of ours that is loaded on this machine, by whichever process. */
export interface RunningProgram {
  /** The kernel's number of it. */
  readonly id: number;
  readonly name: string;
  /** That the verifier went through. */
  readonly instructions: number;
  /** While it was measured. */
  readonly runs: number;
  readonly runNs: number;
  /** How often the kernel skipped it since it was loaded. */
  readonly missed: number;
}

/** `struct filter` of native/bpf/shared.h, and the entries of the maps that go with it. */
export interface AddonWanted {
  readonly env: boolean;
  readonly real: boolean;
  readonly file: boolean;
  /** Bytes of what calls move. */
  readonly data: number;
  readonly room: boolean;
  readonly control: boolean;
  /** Bits of `enum state_part`, by what is counted. */
  readonly state: Uint8Array;
  /** Some call is read that io_uring can do. */
  readonly uring: boolean;
  /** Some call is looked at that asks what a socket was used for before. */
  readonly history: boolean;
  readonly calls: Uint16Array;
  readonly keep: Uint16Array;
  readonly test: Uint16Array;
  /** Classes by what they are tested for: the path as text, the canonical one. */
  readonly tests: Uint16Array;
  readonly hidden: Uint16Array;
  readonly prefixes: Uint8Array;
  readonly names: Uint8Array;
  /** Classes, by call, that are tested for the name of the thread. */
  readonly byComm: Uint16Array;
  readonly comms: Uint8Array;
  readonly ends: Uint8Array;
  /** Classes that are tested for an end: of addresses local and remote, of ports local and remote. */
  readonly endTests: Uint16Array;
  /** Of the beginnings of prefixes and of names, of the ends of names, of the beginnings of prefixes of less than eight bytes. */
  readonly starts: BigUint64Array;
  /** Of the first eight bytes of prefixes, and of threads' names. */
  readonly longStarts: BigUint64Array;
  readonly commStarts: BigUint64Array;
}

export interface AddonOptions extends AddonWanted {
  readonly object: string;
  readonly ringBytes: number;
  readonly descendantsOf: number;
  readonly argsHead: number;
  readonly envHead: number;
  readonly perf: boolean | undefined;
  readonly spareFiles: number;
}

/** How long the turns of this thread's event loop take, without what it sleeps. It keeps no program alive. */
export interface TurnWatch {
  /** Turns since this was last called, in ns: the first 16,384 of them, and the longest of all. */
  take(): Float64Array;
  close(): void;
}

export interface AddonRecordIndex {
  index(bytes: Uint8Array, length: number, rows: Uint32Array): void;
}

export interface AddonSensor {
  drain(into: Uint8Array, index?: AddonRecordIndex, rows?: Uint32Array): number;
  arm(bytes: number, within: number): boolean;
  onDoorbell(callback: () => void): void;
  configure(wanted: AddonWanted): void;
  awaitPrograms(): void;
  scan(tgid: number): Uint8Array;
  counters(): Float64Array;
  programs(): {
    name: string;
    attached: boolean;
    runCount: number;
    runNs: number;
    missed: number;
    obstacle: string;
    risk: string;
  }[];
  close(): void;
}

/** The package's root, the nearest folder above whose package.json names us. */
function packageRoot(): string | undefined {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    try {
      if (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).name === 'falco-pipe') return folder;
    } catch (error) {
      // No package.json here, or another's that cannot be read: look above.
      if (isOfFileLimit(error))
        throw unavailable(`the native addon is not found: ${messageOf(error)}`, MORE_FILES, error);
    }
    const above = dirname(folder);
    if (above === folder) return undefined;
    folder = above;
  }
}

/** Where the addon may lie, in the order in which it is looked for. */
function candidates(): string[] {
  const given = process.env.FALCO_PIPE_ADDON;
  if (given) return [resolve(given)];
  const root = packageRoot();
  return root === undefined ? [] : [join(root, 'prebuilds', `linux-${process.arch}`, 'falco_pipe.node')];
}

// Not access(2), which knows nothing of the capabilities with which a service may read everything.
function exists(file: string): boolean {
  try {
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** The oldest C library that what we build runs with; `native/addon/glibc.c` sees to it. */
const OLDEST_GLIBC = '2.34';

const LIBRARIES: Readonly<Record<string, string>> = {
  'libelf.so': 'libelf1t64 (Debian 13), libelf1 (older), elfutils-libelf (Fedora)',
  'libz.so': 'zlib1g (Debian), zlib (Fedora)',
  'libbpf.so': 'libbpf1 (Debian), libbpf (Fedora)',
};

function whyUnloadable(path: string, error: unknown): UserError {
  const message = messageOf(error);
  const hint = isOfFileLimit(error) ? MORE_FILES : whatHelps(message);
  return unavailable(`the native addon ${path} cannot be loaded: ${message}`, hint, error);
}

function whatHelps(message: string): string {
  // The words of musl's loader: what else is missing there does not matter.
  if (/^Error (?:loading shared library|relocating) /.test(message))
    return `it needs glibc ${OLDEST_GLIBC} or later, and this is musl (Alpine): use a system, or an image, with glibc`;
  const library = Object.keys(LIBRARIES).find((name) => message.includes(name));
  if (library) return `install the package that holds ${library}: ${LIBRARIES[library]}`;
  const isOfLibc = /\bGLIBC_|ld-linux/.test(message);
  return isOfLibc
    ? `it needs glibc ${OLDEST_GLIBC} or later, or build it here: make build`
    : 'build it here: make build';
}

function unavailable(message: string, hint: string, cause?: unknown): UserError {
  const diagnostics = [{ severity: 'error', code: 'ADDON_UNAVAILABLE', message, hint }] as const;
  return new UserError(message, { exit: exitCode.unavailable, diagnostics, cause });
}

let loaded: { readonly addon: Addon; readonly path: string } | undefined;

/**
 * The addon, loaded once, and its path. `$FALCO_PIPE_ADDON` is taken before the package's own.
 * @throws {UserError} exit 69: there is none for this machine, or a library that it needs is missing (which is said).
 */
export function loadAddon(): { readonly addon: Addon; readonly path: string } {
  if (loaded) return loaded;
  const tried = candidates();
  const path = tried.find(exists);
  if (path === undefined) {
    const where = tried.length > 0 ? `: no ${tried.join(', no ')}` : '';
    throw unavailable(`there is no native addon for linux-${process.arch}${where}`, 'build it: make build');
  }
  try {
    loaded = { addon: createRequire(import.meta.url)(path) as Addon, path };
  } catch (error) {
    throw whyUnloadable(path, error);
  }
  return loaded;
}

/** The addon, if it has been loaded. */
export function loadedAddon(): Addon | undefined {
  return loaded?.addon;
}

/** The BPF object, which always lies beside the addon. */
export function bpfObject(addonPath: string): string {
  return join(dirname(addonPath), 'sensor.bpf.o');
}

/** The program that performs tests (native/actor), which always lies beside the addon. */
export function actorProgram(): string {
  return join(dirname(loadAddon().path), 'actor');
}
