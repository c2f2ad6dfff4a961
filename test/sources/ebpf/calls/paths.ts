/** Calls that name files: they are made, renamed, linked, removed, opened, run. */

import { expect, test } from 'vitest';
import { AT_FDCWD, has, has32, type Stage } from './stage.ts';

export function pathCalls(stage: Stage): void {
  const { act, call, openDirectory, under } = stage;

  test('rename, renameat, renameat2', async () => {
    if (has('rename'))
      expect(await call('rename', `'a '${under('c')}`)).toMatchObject({
        'evt.res': 'SUCCESS',
        'evt.arg.oldpath': under('a'),
        'evt.rawarg.oldpath': 'a',
        'evt.arg.newpath': under('c'),
        'fs.path.source': under('a'),
        'fs.path.target': under('c'),
        'evt.category': 'file',
      });
    const dir = await openDirectory('dir');
    expect(await call('renameat', `${dir} 'x ${AT_FDCWD} 'moved`)).toMatchObject({
      'evt.arg.olddirfd': String(dir),
      'evt.arg.oldpath': under('dir/x'),
      'evt.arg.newdirfd': 'AT_FDCWD',
      'evt.arg.newpath': under('moved'),
      'evt.abspath.src': under('dir/x'),
    });
    expect(await call('renameat2', `${AT_FDCWD} 'moved ${dir} 'y 1`)).toMatchObject({
      'evt.res': 'EEXIST',
      'evt.arg.newpath': under('dir/y'),
      'evt.arg.flags': 'RENAME_NOREPLACE',
      'fs.path.source': undefined,
    });
  });

  test('link, linkat, symlink, symlinkat', async () => {
    if (has('link'))
      expect(await call('link', `'b 'hard`)).toMatchObject({
        'evt.arg.oldpath': under('b'),
        'evt.arg.newpath': under('hard'),
        'fs.path.target': under('b'),
        'fs.path.source': under('hard'),
      });
    const dir = await openDirectory('dir');
    expect(await call('linkat', `${AT_FDCWD} 'b ${dir} 'b2 0x400`)).toMatchObject({
      'evt.arg.oldpath': under('b'),
      'evt.arg.newpath': under('dir/b2'),
      'evt.arg.flags': 'AT_SYMLINK_FOLLOW',
    });
    const own = await stage.actor.ask('open own');
    expect(await call('linkat', `${own} ' ${dir} 'own2 0x1000`)).toMatchObject({
      'evt.res': 'SUCCESS',
      'evt.arg.oldpath': under('own'),
      'evt.rawarg.oldpath': '',
      'fs.path.target': under('own'),
    });
    expect(await call('linkat', `${own} ' ${dir} 'own3 0`)).toMatchObject({
      'evt.res': 'ENOENT',
      'evt.arg.oldpath': '',
    });
    if (has('symlink'))
      expect(await call('symlink', `'/etc/shadow 'soft`)).toMatchObject({
        'evt.arg.target': '/etc/shadow',
        'evt.arg.linkpath': under('soft'),
        'fs.path.target': '/etc/shadow',
        'fs.path.source': under('soft'),
      });
    expect(await call('symlinkat', `'../relative ${dir} 'soft`)).toMatchObject({
      'evt.arg.target': '../relative',
      'evt.arg.linkdirfd': `<d>${under('dir')}`,
      'evt.arg.linkpath': under('dir/soft'),
      'fd.num': dir,
      'fd.name': under('dir'),
      'fd.typechar': 'd',
    });
  });

  test('mkdir, mkdirat, rmdir, unlink, unlinkat', async () => {
    if (has('mkdir'))
      expect(await call('mkdir', `'new 0750`)).toMatchObject({
        'evt.arg.path': under('new'),
        'evt.arg.mode': '1E8',
        'fs.path.name': under('new'),
        'fs.path.nameraw': 'new',
      });
    const dir = await openDirectory('dir');
    expect(await call('mkdirat', `${dir} 'inner 0700`)).toMatchObject({
      'evt.arg.path': under('dir/inner'),
      'evt.abspath': under('dir/inner'),
      'fd.name': under('dir'),
    });
    if (has('rmdir'))
      expect(await call('rmdir', `'new`)).toMatchObject({ 'evt.arg.path': under('new'), 'evt.res': 'SUCCESS' });
    if (has('unlink')) expect(await call('unlink', `'hard`)).toMatchObject({ 'evt.arg.path': under('hard') });
    expect(await call('unlinkat', `${dir} 'inner 0x200`)).toMatchObject({
      'evt.arg.dirfd': `<d>${under('dir')}`,
      'evt.arg.name': under('dir/inner'),
      'evt.arg.flags': 'AT_REMOVEDIR',
      'fs.path.name': under('dir/inner'),
    });
    expect(await call('unlinkat', `${AT_FDCWD} '${under('nowhere')} 0`)).toMatchObject({
      'evt.res': 'ENOENT',
      'evt.arg.dirfd': 'AT_FDCWD',
      'evt.arg.name': under('nowhere'),
      'fd.num': AT_FDCWD,
      'fd.name': '',
      'fd.typechar': 'o',
      'fs.path.name': undefined,
    });
  });

  test('chmod, fchmod, fchmodat, fchmodat2, chown, lchown, fchown, fchownat, mknod, mknodat', async () => {
    if (has('chmod'))
      expect(await call('chmod', `'own 04755`)).toMatchObject({
        'evt.arg.filename': under('own'),
        'evt.arg.mode': expect.stringContaining('S_ISUID'),
        'evt.rawarg.mode': 0o4755,
      });
    const own = await stage.actor.ask('open own');
    const file = { 'fd.num': own, 'fd.name': under('own'), 'fd.typechar': 'f', 'fd.filename': 'own' };
    expect(await call('fchmod', `${own} 0600`)).toMatchObject({
      ...file,
      'evt.arg.fd': `<f>${under('own')}`,
      'fd.realpath': under('own'),
    });
    const dir = await openDirectory('dir');
    expect(await call('fchmodat', `${dir} 'y 0644`)).toMatchObject({
      'evt.arg.filename': under('dir/y'),
      'evt.arg.mode': 'S_IROTH|S_IRGRP|S_IWUSR|S_IRUSR',
    });
    expect(await call('fchmodat2', `${dir} 'y 04644 0`)).toMatchObject({
      'evt.type': 'fchmodat2',
      'evt.arg.filename': under('dir/y'),
      'evt.arg.mode': expect.stringContaining('S_ISUID'),
    });
    expect(await call('fchmodat2', `${own} ' 0600 0x1000`)).toMatchObject({ 'evt.arg.filename': under('own') });
    if (has('chown'))
      expect(await call('chown', `'own 1 2`)).toMatchObject({ 'evt.arg.path': under('own'), 'evt.arg.uid': '1' });
    if (has('lchown'))
      expect(await call('lchown', `'link 0 0`)).toMatchObject({ 'evt.arg.path': under('link'), 'evt.arg.gid': '0' });
    expect(await call('fchown', `${own} 0 0`)).toMatchObject(file);
    expect(await call('fchownat', `${dir} 'y 0 0 0x100`)).toMatchObject({
      'evt.arg.pathname': under('dir/y'),
      'evt.arg.flags': 'AT_SYMLINK_NOFOLLOW',
    });
    expect(await call('fchownat', `${own} ' 0 0 0x1000`)).toMatchObject({
      'evt.arg.pathname': under('own'),
      'fs.path.name': under('own'),
    });
    if (has('mknod'))
      expect(await call('mknod', `'fifo 010644 0`)).toMatchObject({
        'evt.arg.path': under('fifo'),
        'evt.rawarg.mode': 0o10644,
      });
    expect(await call('mknodat', `${dir} 'fifo 010644 0`)).toMatchObject({ 'evt.arg.path': under('dir/fifo') });
  });

  test('mount, umount2, umount, chroot, pivot_root, where they fail', async () => {
    expect(await call('mount', `'none '${under('nowhere')} 'tmpfs 3`)).toMatchObject({
      'evt.res': 'ENOENT',
      'evt.arg.dev': 'none',
      'evt.arg.dir': under('nowhere'),
      'evt.arg.type': 'tmpfs',
      'evt.arg.flags': 'RDONLY|NOSUID',
    });
    expect(await call('mount', `'none 'dir 0 0x20`)).toMatchObject({
      'evt.arg.type': undefined,
      'evt.arg.flags': 'REMOUNT',
    });
    expect(await call('umount2', `'dir 2`)).toMatchObject({ 'evt.arg.name': under('dir'), 'evt.arg.flags': 'DETACH' });
    if (has32) expect((await act(`sys32 22 'dir`, 'umount')).row).toMatchObject({ 'evt.arg.name': under('dir') });
    expect(await call('chroot', `'nowhere`)).toMatchObject({ 'evt.arg.path': under('nowhere'), 'evt.res': 'ENOENT' });
    expect(await call('pivot_root', `'. '.`)).toMatchObject({ 'evt.failed': true });
  });

  test('chdir and fchdir', async () => {
    expect(await call('chdir', `'dir`)).toMatchObject({ 'evt.arg.path': under('dir'), 'fs.path.name': under('dir') });
    expect(await call('chdir', `'${stage.folder}`)).toMatchObject({ 'evt.res': 'SUCCESS' });
    expect(await call('chdir', `'nowhere`)).toMatchObject({ 'evt.res': 'ENOENT', 'evt.arg.path': under('nowhere') });
    const dir = await openDirectory('dir');
    expect(await call('fchdir', String(dir))).toMatchObject({
      'evt.res': 'SUCCESS',
      'evt.rawarg.fd': dir,
      'evt.arg.fd': `<d>${under('dir')}`,
      'fd.num': dir,
      'fd.type': 'directory',
      'fd.typechar': 'd',
      'fd.name': under('dir'),
      'fd.directory': under('dir'),
    });
    expect(await call('fchdir', '999')).toMatchObject({ 'evt.res': 'EBADF', 'evt.rawarg.fd': 999, 'fd.num': 999 });
    expect(await call('chdir', `'${stage.folder}`)).toMatchObject({ 'fd.num': undefined, 'fd.name': undefined });
  });

  test('execve and execveat that fail', async () => {
    expect(await call('execve', `'nowhere`)).toMatchObject({
      'evt.res': 'ENOENT',
      'evt.arg.filename': under('nowhere'),
      'proc.name': 'actions',
    });
    const dir = await openDirectory('dir');
    expect(await call('execveat', `${dir} 'nowhere 0 0 0`)).toMatchObject({ 'evt.arg.filename': under('dir/nowhere') });
    const own = await stage.actor.ask('open own');
    expect(await call('execveat', `${own} ' 0 0 0x1000`)).toMatchObject({
      'evt.res': 'EACCES',
      'evt.arg.filename': under('own'),
    });
  });

  test('the open family', async () => {
    if (has('open'))
      expect(await call('open', `'own 0`)).toMatchObject({ 'fd.name': under('own'), 'evt.arg.flags': 'O_RDONLY' });
    if (has('creat')) expect(await call('creat', `'made 0600`)).toMatchObject({ 'fd.name': under('made') });
    else await call('openat', `${AT_FDCWD} 'made 0101 0600`);
    expect(await call('openat', `${AT_FDCWD} 'own 2`)).toMatchObject({ 'evt.arg.flags': 'O_RDWR' });
    expect(await call('openat2', `${AT_FDCWD} 'own 0 0`)).toMatchObject({ 'evt.res': 'EINVAL', 'fd.num': -1 });
    // Not every file system has handles.
    const { row, result } = await act(`open-by-handle ${under('made')} 1`, 'open_by_handle_at');
    expect(row).toMatchObject({ 'evt.is_open_write': true, 'evt.arg.flags': 'O_WRONLY', 'evt.rawres': result });
    if (result >= 0)
      expect(row).toMatchObject({
        'fd.num': result,
        'fd.name': under('made'),
        'fd.realpath': under('made'),
        'fd.typechar': 'f',
        'evt.arg.path': under('made'),
        'evt.arg.fd': `<f>${under('made')}`,
      });
    // Where no file is made the mode is what happens to stand in the register.
    expect(await call('openat', `${AT_FDCWD} 'own 0 04777`)).toMatchObject({ 'evt.rawarg.mode': 0 });
    expect(await call('openat', `${AT_FDCWD} 'own 0100 0100600`)).toMatchObject({ 'evt.arg.mode': '0600' });
  });

  test('paths from a directory that is deeper than a path can be long', async () => {
    await stage.actor.ask(`descend 24 ${'d'.repeat(200)}`);
    const up = `${'../'.repeat(24)}own`;
    expect(await call('openat', `${AT_FDCWD} '${up} 0`)).toMatchObject({
      'fd.name': under('own'),
      'fd.realpath': under('own'),
      'fd.nameraw': up,
      'proc.cwd': undefined,
    });
    expect(await call('openat', `${AT_FDCWD} '${up}er 0`)).toMatchObject({ 'fd.name': `<UNKNOWN>${up}er` });
    expect(await call('unlinkat', `${AT_FDCWD} '${up}er 0`)).toMatchObject({ 'evt.arg.name': `<UNKNOWN>${up}er` });
    const further = await call('chdir', `'.`);
    expect(further).toMatchObject({ 'evt.res': 'SUCCESS', 'evt.arg.path': undefined, 'fs.path.name': undefined });
    expect(await call('chdir', `'${stage.folder}`)).toMatchObject({ 'proc.cwd': `${stage.folder}/` });
  });

  test('paths from a directory that is mounted nowhere', async () => {
    const OPEN_TREE = 428; // everywhere; with OPEN_TREE_CLONE
    const tree = await stage.actor.ask(`sys ${OPEN_TREE} ${AT_FDCWD} '${under('dir')} 1`);
    expect(tree).toBeGreaterThanOrEqual(0);
    const row = await call('openat', `${tree} 'y 0`);
    // As its file system has it.
    expect(row['fd.name']).toMatch(/^\/.*dir\/y$/);
    expect(row['fd.realpath']).toBeUndefined();
  });

  test('openat2 is what it was opened for, whatever stands in its memory since', async () => {
    const { rows } = stage;
    rows.length = 0;
    const times = 3000;
    const written = await stage.actor.ask(`race-how own ${times}`);
    const opens = () => rows.filter((row) => row['evt.type'] === 'openat2');
    while (opens().length < times) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(opens().filter((row) => row['evt.is_open_write'])).toHaveLength(written);
  });
}
