/** Conditions on opens, and opens for them, made at random. */

import fc from 'fast-check';
import { joinPath } from '../../src/events/paths.ts';
import type { Opened } from '../native/filter-model.ts';

const checks = [
  'evt.type = openat',
  'evt.type in (open, openat)',
  'evt.type != openat',
  'evt.type = connect',
  'fd.num >= 0',
  'fd.num < 0',
  'fd.num > 3',
  'fd.num in (3, 4)',
  'evt.rawres = -2',
  'evt.rawres <= 0',
  'evt.res = SUCCESS',
  'evt.res in (ENOENT, EACCES)',
  'evt.res != SUCCESS',
  'evt.failed = true',
  'evt.is_open_read = true',
  'evt.is_open_read = false',
  'evt.is_open_write = true',
  'evt.is_open_write != true',
  'fd.typechar = f',
  'fd.name startswith /etc',
  'fd.name startswith etc',
  'fd.name = /etc/shadow',
  'fd.name in (/etc/shadow, /.ssh/id)',
  'fd.name endswith /shadow',
  'fd.name endswith dow',
  'fd.name endswith anyof (/id, /.ssh)',
  'fd.name startswith allof (/etc, /etc/s)',
  'fd.name contains /.ssh/',
  'fd.name contains shadow',
  'fd.name glob "/etc/*"',
  'fd.name glob "*/.ssh/*"',
  'fd.name glob "*[/.]ssh*"',
  'fd.name glob "/e?c/shadow"',
  'fd.name pmatch (/etc/sud, etc//shadow, "/home/*/.ssh")',
  'fd.name pmatch (/)',
  'fd.name regex "^/etc.*"',
  'fd.name = fd.nameraw',
  'fd.directory = /etc',
  'fd.directory in (/, /home/u)',
  'fd.directory startswith /home/u/.ssh',
  'fd.directory contains /.',
  'fd.directory endswith /.ssh',
  'fd.filename in (shadow, id)',
  'fd.filename = .ssh',
  'fd.filename startswith s',
  'fd.nameraw contains ../',
  'fd.nameraw glob "*../*../*"',
  'fd.nameraw contains //',
  'fd.realpath startswith /etc',
  'fd.realpath = /etc/shadow',
  'fd.realpath contains /.ssh',
  'basename(fd.realpath) in (shadow, id)',
  'tolower(fd.name) startswith /etc',
  'fd.name exists',
  'proc.name = bash',
  'proc.name in (sh, bash)',
  'proc.name in (sshd, a-name-that-no-thread-has)',
  'proc.name = a-name-that-no-thread-has',
  'evt.arg.name startswith /etc',
  'fs.path.name = /etc/shadow',
];

/** Conditions that are put together of checks. */
export function combined(checks: readonly string[]): fc.Arbitrary<string> {
  return fc.letrec<{ expr: string }>((tie) => ({
    expr: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom(...checks),
      fc.array(tie('expr'), { minLength: 2, maxLength: 4 }).map((items) => `(${items.join(' and ')})`),
      fc.array(tie('expr'), { minLength: 2, maxLength: 3 }).map((items) => `(${items.join(' or ')})`),
      tie('expr').map((item) => `not (${item})`),
    ),
  })).expr;
}

export const condition: fc.Arbitrary<string> = combined(checks);

const part = fc.constantFrom('etc', 'shadow', '.ssh', 'id', '..', '.', '', 'home', 'u', 'sud', 'ssh', '.');
const path = fc
  .record({ absolute: fc.boolean(), parts: fc.array(part, { maxLength: 5 }) })
  .map(({ absolute, parts }) => (absolute ? '/' : '') + parts.join('/'));

export const opened: fc.Arbitrary<Opened> = fc
  .record({
    ret: fc.constantFrom(3, 4, 0, -2, -13, -115),
    flags: fc.constantFrom(0, 1, 2, 3, 0o101),
    raw: path,
    base: fc.constantFrom('/', '/etc', '/home/u', '/home/u/.ssh'),
    comm: fc.constantFrom('bash', 'sh', 'sshd', 'a-name-of-15-by'),
    elsewhere: fc.option(path, { nil: undefined }),
  })
  .map(({ elsewhere, ...open }) => {
    const seen = joinPath('/', elsewhere ?? joinPath(open.base, open.raw)) || '/';
    return { ...open, real: open.ret < 0 ? '' : seen };
  });
