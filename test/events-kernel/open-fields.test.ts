/** Fields of paths, and of opens. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { joinPath } from '../../src/events/paths.ts';
import { read } from './field-support.ts';
import { open } from './shell.ts';

describe('paths', () => {
  it('are absolute and normal, whatever is joined', () => {
    const part = fc.constantFrom('a', 'b', '.', '..', '', '...', '.x');
    fc.assert(
      fc.property(fc.array(part), fc.array(part), (one, two) => {
        const result = joinPath(`/${one.join('/')}`, two.join('/'));
        if (two.join('/') === '') {
          expect(result).toBe('');
          return;
        }
        expect(result).toMatch(/^\//);
        expect(result.split('/').slice(1)).not.toContain('..');
        expect(result.split('/').slice(1)).not.toContain('.');
        expect(joinPath('', result)).toBe(result);
      }),
    );
  });

  it('relative to a directory that is not known are marked so', () => {
    expect(read(open('etc/shadow', { base: '' }), ['fd.name', 'fd.nameraw'])).toEqual([
      '<UNKNOWN>etc/shadow',
      'etc/shadow',
    ]);
    const deep = `/q${'/q'.repeat(2000)}`;
    const below = { base: deep, flags: ['base_partial'] } as const;
    expect(read(open('etc/shadow', below), ['fd.name'])).toEqual(['<UNKNOWN>etc/shadow']);
    // What was opened may tell it.
    const found = { ...below, real: '/etc/shadow' };
    expect(read(open('../etc/shadow', found), ['fd.name', 'fd.realpath'])).toEqual(['/etc/shadow', '/etc/shadow']);
    expect(read(open('../etc/shadow', { ...found, flags: ['base_partial', 'path_partial'] }), ['fd.name'])).toEqual([
      '<UNKNOWN>../etc/shadow',
    ]);
  });

  it('that are not whole do not pass for others', () => {
    const long = '/.'.repeat(511);
    expect(read(open(long, { flags: ['cut'] }), ['fd.name'])).toEqual([`<UNKNOWN>${long}`]);
    expect(read(open(long, { flags: ['cut'], real: '/etc/shadow' }), ['fd.name'])).toEqual(['/etc/shadow']);
  });

  it('stay inside the root of openat2 with RESOLVE_IN_ROOT', () => {
    const inRoot = { nr: 437, resolve: 0x10, base: '/srv/jail' };
    expect(read(open('/etc/../../../etc/passwd', inRoot), ['fd.name', 'evt.arg.resolve'])).toEqual([
      '/srv/jail/etc/passwd',
      'RESOLVE_IN_ROOT',
    ]);
    expect(read(open('/', inRoot), ['fd.name'])).toEqual(['/srv/jail']);
  });

  it('long ones come whole: a long way round hides nothing', () => {
    expect(read(open(`${'/./x/..'.repeat(400)}/etc/shadow`), ['fd.name'])).toEqual(['/etc/shadow']);
  });

  it('canonical ones are absent unless they are complete and inside the root', () => {
    expect(read(open('/l', { real: '/file' }), ['fd.realpath'])).toEqual(['/file']);
    for (const flag of ['path_partial', 'path_outside']) {
      expect(read(open('/l', { real: '/file', flags: [flag] }), ['fd.realpath', 'fd.name'])).toEqual([undefined, '/l']);
    }
    expect(read(open('/l', { ret: -2, real: '' }), ['fd.realpath', 'fd.ino', 'fd.type'])).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('that could not be read are not shown as empty', () => {
    const unread = open('', { real: '/file', flags: ['unread'] });
    expect(read(unread, ['fd.name', 'fd.nameraw', 'evt.arg.name'])).toEqual(['/file', undefined, undefined]);
    expect(read({ ...unread, ret: -14, real: '' }, ['fd.name', 'fd.directory', 'fd.filename'])).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(read(open(''), ['fd.name', 'fd.directory', 'fd.filename'])).toEqual(['', '/', '/']);
  });
});

describe('opens', () => {
  const texts = [
    'evt.type',
    'evt.is_open_read',
    'evt.is_open_write',
    'evt.is_open_create',
    'evt.is_open_exec',
    'evt.arg.flags',
    'evt.arg.mode',
  ];
  it.each([
    [{ nr: 2, open_flags: 0 }, ['open', true, false, false, false, 'O_RDONLY', '0']],
    [{ nr: 257, open_flags: 0o2000002 }, ['openat', true, true, false, false, 'O_RDWR|O_CLOEXEC', '0']],
    [
      { nr: 437, open_flags: 0o101, mode: 0o755, created: 1 },
      ['openat2', false, true, true, true, 'O_CREAT|O_WRONLY|O_F_CREATED', '0755'],
    ],
    [
      { nr: 257, open_flags: 0o20200001, mode: 0o600 },
      ['openat', false, true, true, false, 'O_WRONLY|O_TMPFILE', '0600'],
    ],
    [{ nr: 85, open_flags: 0, mode: 0o755, created: 1 }, ['creat', false, true, true, true, undefined, '0755']],
    [{ nr: 257, open_flags: 0o4010001 }, ['openat', false, true, false, false, 'O_SYNC|O_DSYNC|O_WRONLY', '0']],
  ])('%o', (fields, want) => expect(read(open('/a', fields), texts)).toEqual(want));

  it('of a directory', () => {
    const directory = open('/etc/', { open_flags: 0o200000, dev: 0x803, ino: 2 ** 40 });
    expect(
      read(directory, [
        'fd.type',
        'fd.typechar',
        'fd.name',
        'fd.directory',
        'fd.filename',
        'fd.dev.major',
        'fd.dev.minor',
        'fd.ino',
      ]),
    ).toEqual(['directory', 'd', '/etc', '/etc', undefined, 8, 3, 2 ** 40]);
  });

  it('are not sockets', () => {
    expect(read(open('/a'), ['fd.sip', 'fd.ip', 'fd.port', 'fd.sockfamily', 'fd.l4proto', 'fd.connected'])).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      '<NA>',
      false,
    ]);
  });
});
