/** The image of containers for tests: the program that performs them, and busybox for scripts where this machine has it. */

import { existsSync, readFileSync } from 'node:fs';
import { actorProgram } from '../../../native/locate.ts';
import { type TarEntry, tarOf } from './tar.ts';

const BUSYBOX = ['/bin/busybox', '/usr/bin/busybox'];
/** Names under which scripts call busybox. */
const APPLETS =
  `sh cat chmod chown cp cut date dirname echo env false find grep head id kill ln ls mkdir mktemp mount mv ps rm
rmdir sed sleep sort stat tail tee test touch tr true umount uname wc which xargs`.split(/\s+/);
const SYSTEM_USERS: Readonly<Record<string, number>> = {
  root: 0,
  daemon: 1,
  bin: 2,
  sys: 3,
  games: 5,
  mail: 8,
  'www-data': 33,
  nobody: 65_534,
};

/** The file system as a tar archive, in which those users are known. */
export function imageArchive(users: readonly string[]): Buffer {
  const folders = ['bin/', 'dev/', 'etc/', 'proc/', 'root/', 'sys/', 'usr/', 'var/', 'var/log/'];
  const text = (path: string, content: string): TarEntry => ({ path, mode: 0o644, content: Buffer.from(content) });
  const known = new Map(Object.entries(SYSTEM_USERS));
  for (const user of users) if (!known.has(user)) known.set(user, 1000 + known.size);
  const rows = (row: (name: string, id: number) => string) =>
    [...known].map(([name, id]) => `${row(name, id)}\n`).join('');
  return tarOf([
    ...folders.map((path) => ({ path, mode: 0o755 })),
    { path: 'tmp/', mode: 0o1777 },
    { path: 'bin/event-generator', mode: 0o755, content: readFileSync(actorProgram()) },
    ...busybox(),
    text(
      'etc/passwd',
      rows((name, id) => `${name}:x:${id}:${id}::/${name === 'root' ? 'root' : ''}:/bin/sh`),
    ),
    text(
      'etc/group',
      rows((name, id) => `${name}:x:${id}:`),
    ),
    { path: 'etc/shadow', mode: 0o600, content: Buffer.from('root:*:1::::::\n') },
  ]);
}

function busybox(): readonly TarEntry[] {
  const found = BUSYBOX.find((path) => existsSync(path));
  if (found === undefined) return [];
  const names = APPLETS.map((name) => ({ path: `bin/${name}`, mode: 0o777, link: 'busybox' }));
  return [{ path: 'bin/busybox', mode: 0o755, content: readFileSync(found) }, ...names];
}
