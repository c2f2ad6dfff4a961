import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ContainerAccounts } from '../../src/events/container-accounts.ts';
import { scratch } from '../scratch.ts';

/** A folder like /proc with processes that are in a mount namespace; its number is that of a file. */
function procOf(...pids: readonly number[]) {
  const proc = scratch();
  writeFileSync(join(proc, 'namespace'), '');
  const passwd = (pid: number) => join(proc, `${pid}/root/etc/passwd`);
  for (const pid of pids) {
    mkdirSync(join(proc, `${pid}/ns`), { recursive: true });
    mkdirSync(join(proc, `${pid}/root/etc`), { recursive: true });
    symlinkSync('../../namespace', join(proc, `${pid}/ns/mnt`));
    writeFileSync(passwd(pid), `app:x:1000:1000::/srv:/bin/sh\n`);
    writeFileSync(join(proc, `${pid}/root/etc/group`), 'apps:x:2000:\n');
  }
  const time = { now: 0 };
  const accounts = new ContainerAccounts({ proc, now: () => time.now });
  return { proc, passwd, time, accounts, namespace: statSync(join(proc, 'namespace')).ino };
}

describe('users and groups of a container', () => {
  it('are read through the first of the processes that is there', () => {
    const { accounts, namespace } = procOf(12);
    expect(accounts.user(namespace, 1000, () => [11, 12])).toEqual({
      uid: 1000,
      name: 'app',
      home: '/srv',
      shell: '/bin/sh',
    });
    expect(accounts.groupName(namespace, 2000, () => [11, 12])).toBe('apps');
    expect(accounts.user(namespace, 7, () => [11, 12])).toBeUndefined();
  });

  it('are not those of a process of another namespace that has the number now', () => {
    const { accounts, namespace } = procOf(12);
    expect(accounts.user(namespace + 1, 1000, () => [12])).toBeUndefined();
  });

  it('stay known when the processes are gone, and are read again after ten seconds', () => {
    const { proc, passwd, accounts, namespace, time } = procOf(12);
    const name = () => accounts.user(namespace, 1000, () => [12])?.name;
    expect(name()).toBe('app');
    writeFileSync(passwd(12), 'web:x:1000:1000::/:\n');
    time.now = 9_999;
    expect(name()).toBe('app');
    time.now = 10_000;
    expect(name()).toBe('web');
    rmSync(join(proc, '12'), { recursive: true });
    time.now = 30_000;
    expect(name()).toBe('web');
  });

  it('are looked for again soon when no process was there', () => {
    const { accounts, namespace, time } = procOf(12);
    expect(accounts.user(namespace, 1000, () => [11])).toBeUndefined();
    expect(accounts.user(namespace, 1000, () => [12])).toBeUndefined();
    time.now = 20;
    expect(accounts.user(namespace, 1000, () => [12])?.name).toBe('app');
  });

  it('are nobody where the file is a pipe, a link or too large', () => {
    const { passwd, accounts, namespace, time } = procOf(12);
    const name = () => accounts.user(namespace, 1000, () => [12])?.name;
    const kinds: (() => void)[] = [
      () => execFileSync('mkfifo', [passwd(12)]),
      () => symlinkSync('/etc/passwd', passwd(12)),
      () => writeFileSync(passwd(12), `app:x:1000:1000::/:\n${'x'.repeat(1024 * 1024)}`),
      () => mkdirSync(passwd(12)),
    ];
    expect(name()).toBe('app');
    for (const make of kinds) {
      rmSync(passwd(12), { recursive: true });
      make();
      time.now += 10_000;
      expect(name()).toBeUndefined();
    }
  });
});
