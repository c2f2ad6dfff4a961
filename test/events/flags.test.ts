import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FlagSet, flagRows } from '../../src/events/syscall/flag-table.ts';
import { enumName, flagNames, flagSet } from '../../src/events/syscall/flags.ts';

describe('flagNames', () => {
  it.each([
    [1, 'O_RDONLY'],
    [3, 'O_RDWR'],
    [4 | 2 | 256 | 16384, 'O_TRUNC|O_CREAT|O_WRONLY|O_F_CREATED'],
    [1 | 4096, 'O_RDONLY|O_CLOEXEC'],
    [8192 | 2, 'O_WRONLY|O_TMPFILE'],
    [0, 'O_NONE'],
    [2 ** 30, undefined],
  ])('names open flags %i as %s', (value, names) => {
    expect(flagNames('file_flags', value)).toBe(names);
  });

  it('has no name for zero where the set gives none', () => {
    expect(flagNames('clone_flags', 0)).toBeUndefined();
  });

  it('takes any 32-bit number, signed or not', () => {
    const sets = fc.constantFrom(...(Object.keys(flagRows) as FlagSet[]));
    fc.assert(
      fc.property(sets, fc.integer(), (set, value) => {
        const bits = new Map(flagSet(set));
        const named = flagNames(set, value)?.split('|') ?? [];
        for (const name of named) expect((value & bits.get(name)!) >>> 0, name).toBe(bits.get(name));
        expect(flagNames(set, value >>> 0)).toBe(flagNames(set, value));
      }),
    );
  });
});

describe('enumName', () => {
  it('gives every alias of the value', () => {
    expect(enumName('socket_families', 1)).toBe('AF_LOCAL|AF_UNIX');
    expect(enumName('socket_families', 2)).toBe('AF_INET');
  });
  it('has none for an unknown value', () => {
    expect(enumName('socket_families', 250)).toBeUndefined();
  });
});
