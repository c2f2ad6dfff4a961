/** What tests compile: the program that acts as it is told to, and the kernel's programs once more. */

import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const native = join(import.meta.dirname, '../../native');
const actions = join(import.meta.dirname, 'actions');

/** The compiler of the kernel's programs, that of native/Makefile. */
export const clang: string = execFileSync(join(native, '../tools/find-clang'), { encoding: 'utf8' }).trim();

/** Compiles actions/; `flags`: further ones, as `-static` for where there are no libraries. */
export function compileActions(program: string, flags: readonly string[] = [], compiler = 'gcc'): void {
  const sources = readdirSync(actions).filter((name) => name.endsWith('.c'));
  const paths = sources.map((name) => join(actions, name));
  execFileSync(compiler, ['-O1', ...flags, '-o', program, ...paths, '-pthread'], { stdio: 'inherit' });
}

/** Compiles the kernel's programs as native/Makefile does, with further flags. Returns what the compiler said. */
export function compileBpf(object: string, flags: readonly string[], arch: NodeJS.Architecture = process.arch): string {
  const target = ['-target', 'bpf', '-mcpu=v3', `-D__TARGET_ARCH_${arch === 'x64' ? 'x86' : arch}`];
  const include = [`-I.output/${process.arch}/include`, '-Ibpf'];
  // With -g, without which nothing is relocated.
  const given = ['-O2', '-g', ...target, ...include, ...flags, '-c', 'bpf/sensor.bpf.c', '-o', object];
  const { status, stderr, error } = spawnSync(clang, given, { cwd: native, encoding: 'utf8' });
  if (status !== 0) throw error ?? new Error(`${clang} ends with ${status}: ${stderr}`);
  return stderr;
}
