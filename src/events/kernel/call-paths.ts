/** The paths that calls name, other than the open family (spec/falco-engine.md §6.3, §6.7). */

import { callOf, NR, RET } from './calls.ts';
import type { KernelEvent } from './event.ts';
import { CALL, CALL_TEXTS, KIND } from './layout.ts';
import { joined } from './path-cache.ts';

const TEXT_MAX = 4095;
const UNKNOWN = '<UNKNOWN>';
const SLASH = 47;

type Which = 0 | 1;
const RAW = [CALL_TEXTS.raw, CALL_TEXTS.raw2] as const;
const BASE = [CALL_TEXTS.base, CALL_TEXTS.base2] as const;

/** A text as the caller wrote it; undefined when it could not be read. */
export function rawText(event: KernelEvent, which: Which): string | undefined {
  const text = event.text(CALL_TEXTS, RAW[which]);
  return text === '' && event.has('unread') ? undefined : text;
}

const AT_EMPTY_PATH = 0x1000;
/** The register with the flags of calls that know AT_EMPTY_PATH. */
const FLAGS_IN: Readonly<Record<string, number>> = { linkat: 4, fchownat: 4, fchmodat2: 3, execveat: 4 };

/** Whether an empty path means what the descriptor leads to. */
function namesDescriptor(event: KernelEvent): boolean {
  const register = FLAGS_IN[event.type];
  return register !== undefined && (event.u32(CALL.args + 8 * register) & AT_EMPTY_PATH) !== 0;
}

/** A path, absolute and normalised; `<UNKNOWN>` in front when the directory that it starts from is not known. */
export function joinedPath(event: KernelEvent, which: Which): string | undefined {
  // Without its end a path would pass for another one.
  if (event.has('cut')) return UNKNOWN + (rawText(event, which) ?? '');
  if (event.firstByte(CALL_TEXTS, RAW[which]) === SLASH) return event.path(CALL_TEXTS, RAW[which]);
  const raw = rawText(event, which);
  if (raw === undefined) return undefined;
  const base = event.text(CALL_TEXTS, BASE[which]);
  // So would a directory without its beginning; a walk gives up when the next name, of at most 255 bytes, does not fit.
  const cut = event.has('base_partial') && event.textLength(CALL_TEXTS, BASE[which]) >= TEXT_MAX - 256;
  if (raw === '') return !namesDescriptor(event) ? '' : cut ? UNKNOWN : base;
  return base === '' || cut ? UNKNOWN + raw : joined(base, raw);
}

/** Where the texts of a call stand among its parameters: `path0`, `text1`. */
function textOf(event: KernelEvent, parameters: readonly string[], raw: boolean): string | undefined {
  const args = callOf(event.u32(NR))?.args;
  if (event.kind !== KIND.call || args === undefined) return undefined;
  for (const parameter of parameters) {
    const from = args[parameter];
    if (from === undefined || from.length < 5) continue;
    const which = Number(from.at(-1)) as Which;
    return raw || from.startsWith('text') ? rawText(event, which) : joinedPath(event, which);
  }
  return undefined;
}

type Reader = (event: KernelEvent) => string | undefined;

/** The path of a call that names one; `raw`: as it was written. */
const ONE = ['path', 'name', 'filename', 'pathname'];
/** What `fs.path.source` and `.target` are: of a rename old and new, of a link the new name and what it leads to. */
const SOURCE: Readonly<Record<string, string>> = {
  rename: 'oldpath',
  link: 'newpath',
  symlink: 'linkpath',
  mount: 'dev',
};
const TARGET: Readonly<Record<string, string>> = {
  rename: 'newpath',
  link: 'oldpath',
  symlink: 'target',
  mount: 'dir',
};
/** Names that are no paths. */
const NO_PATH = new Set(['memfd_create', 'delete_module']);

const family = (event: KernelEvent) => callOf(event.u32(NR))?.name.replace(/at2?$/, '') ?? '';
const succeeded = (event: KernelEvent) => event.kind === KIND.call && event.i32(RET + 4) >= 0;

/** `fs.path.name`: of calls that succeeded. */
export function onePath(raw: boolean): Reader {
  return (event) => {
    if (!succeeded(event) || NO_PATH.has(event.type)) return undefined;
    return textOf(event, ONE, raw);
  };
}

/** `fs.path.source` and `fs.path.target`. */
export function pairPath(end: 'source' | 'target', raw: boolean): Reader {
  const parameters = end === 'source' ? SOURCE : TARGET;
  return (event) => {
    const parameter = succeeded(event) ? parameters[family(event)] : undefined;
    return parameter === undefined ? undefined : textOf(event, [parameter], raw);
  };
}

const ABSOLUTE: Readonly<Record<string, Readonly<Record<'one' | 'src' | 'dst', string>>>> = {
  renameat: { one: 'oldpath', src: 'oldpath', dst: 'newpath' },
  renameat2: { one: 'oldpath', src: 'oldpath', dst: 'newpath' },
  linkat: { one: 'oldpath', src: 'oldpath', dst: 'newpath' },
  symlinkat: { one: 'linkpath', src: 'linkpath', dst: '' },
  mkdirat: { one: 'path', src: '', dst: '' },
  unlinkat: { one: 'name', src: '', dst: '' },
};

/** `evt.abspath`, `.src`, `.dst`: the calls that take a directory descriptor. */
export function absolutePath(which: 'one' | 'src' | 'dst'): Reader {
  return (event) => {
    const parameter = event.kind === KIND.call ? ABSOLUTE[event.type]?.[which] : undefined;
    return parameter ? textOf(event, [parameter], false) : undefined;
  };
}
