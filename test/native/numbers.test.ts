/** The numbers of native/calls.yaml are those of the kernel's own headers, for every ABI. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CALLS } from '../../native/calls.ts';

/** Where Debian's linux-libc-dev has the headers of all architectures, from version 6.11 on. */
const headers = '/usr/lib/linux/uapi';
const why = existsSync(headers) ? undefined : `there is no ${headers} (linux-libc-dev of Debian 13)`;
if (why) console.warn(`SKIPPED: numbers of system calls against the kernel's headers: ${why}`);

/** In the order of the table: of x86-64 with x32, whose numbers are its own from 512 on. */
const ABIS = [
  ['x86-64', ['x86/asm/unistd_64.h', 'x86/asm/unistd_x32.h']],
  ['IA-32', ['x86/asm/unistd_32.h']],
  ['arm64', ['arm64/asm/unistd_64.h']],
  ['arm', ['arm/asm/unistd-eabi.h']],
] as const;

/** What else a call is named where its numbers or structs have grown, and where Falco names it otherwise. */
const namesOf = (call: string) => [call, `${call}32`, `${call}64`, `${call}_time64`];

function numbersOf(files: readonly string[]): ReadonlyMap<string, readonly number[]> {
  const numbers = new Map<string, number[]>();
  for (const file of files) {
    const text = readFileSync(join(headers, file), 'utf8');
    const lines = text.matchAll(/^#define __NR_(\w+) \(?(?:__X32_SYSCALL_BIT \+ |__NR_SYSCALL_BASE \+ )?(\d+)\)?$/gm);
    for (const [, name = '', number] of lines) numbers.set(name, [...(numbers.get(name) ?? []), Number(number)]);
  }
  return numbers;
}

describe.skipIf(why)('numbers of system calls', () => {
  it.each(ABIS.map(([abi, files], index) => ({ abi, files, index })))('of $abi', ({ files, index }) => {
    const kernel = numbersOf(files);
    expect(kernel.size).toBeGreaterThan(250);
    const sorted = (numbers: readonly number[]) => [...new Set(numbers)].sort((a, b) => a - b);
    const ours = Object.entries(CALLS).map(([name, { numbers }]) => [name, sorted(numbers[index] ?? [])]);
    const theirs = Object.keys(CALLS).map((name) => [
      name,
      sorted(namesOf(name).flatMap((known) => kernel.get(known) ?? [])),
    ]);
    expect(Object.fromEntries(ours)).toEqual(Object.fromEntries(theirs));
  });
});
