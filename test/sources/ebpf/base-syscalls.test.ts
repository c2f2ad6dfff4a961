import { describe, expect, it } from 'vitest';
import type { Diagnostic } from '../../../src/core/errors.ts';
import { ebpf } from '../../../src/sources/ebpf/index.ts';

function check(base_syscalls: object) {
  const parsed = ebpf.config.safeParse({ base_syscalls });
  if (!parsed.success) return { error: parsed.error.issues[0]?.message };
  const said: [Diagnostic, unknown][] = [];
  const report = (diagnostic: Diagnostic, path?: unknown) => void said.push([diagnostic, path]);
  ebpf.prepare?.(parsed.data, { report } as never);
  return { config: parsed.data, said: said.map(([{ severity, message }, path]) => [severity, message, path]) };
}

describe('base_syscalls', () => {
  it('says that repair has no effect', () => {
    expect(check({ repair: true }).said).toEqual([
      ['warning', 'base_syscalls.repair has no effect here', ['base_syscalls', 'repair']],
    ]);
    expect(check({ repair: false, all: true }).said).toEqual([]);
  });

  it("takes the sets of Falco's guides, and says which calls are not read here", () => {
    const custom_set = ['clone', 'clone3', 'execve', 'execveat', 'close', 'socket', '!connect', 'getsockopt'];
    expect(check({ custom_set }).said).toEqual(
      [1, 4, 7].map((index) => [
        'warning',
        `The system call ${custom_set[index]} is not read here`,
        ['base_syscalls', 'custom_set', index],
      ]),
    );
  });

  it('refuses what is no system call', () => {
    expect(check({ custom_set: ['!openatt'] }).error).toContain('such as openat');
  });

  it('says of a rule that it cannot fire when its event type is left out', () => {
    const { config } = check({ custom_set: ['!openat'] });
    const emits = (type: string) => config && ebpf.emitsType('syscall', type, config);
    expect([emits('openat'), emits('open'), emits('stat')]).toEqual([false, true, false]);
  });
});
