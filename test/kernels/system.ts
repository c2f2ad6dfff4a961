/**
 * A virtual machine in which tests run as they do here: the checkout with its packages and Node.js, and the programs of this
 * machine's Debian that tests act with, on a disk of ext4. It is made of what is there now, each time.
 */

import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { clang } from '../native/compile.ts';
import { scratch } from '../scratch.ts';
import { boot, missing, pack, WRITTEN } from './emulate.ts';

const repository = join(import.meta.dirname, '../..');
/** Where the checkout is in the machine. */
const HOME = '/falco-pipe';
/** MiB of the disk, most of which is a hole. */
const DISK = 6144;
const MEMORY = 3072;

/** What tests act with; what these packages depend on comes with them. */
const PACKAGES =
  'bash dash busybox-static coreutils findutils grep sed mawk util-linux mount procps gcc libc6-dev iproute2 ' +
  `base-files podman runc conmon git ${basename(clang)}`;
/** Of a package, what nobody runs. */
const UNREAD = /^\/usr\/share\/(doc|man|locale|info|lintian|bug|gdb|perl|bash-completion)\//;
/** What is built, beside the files of the checkout. */
const BUILT = ['dist', 'prebuilds', 'node_modules', 'tools/node/node_modules', 'native/.output/x64/include'];
/** Large, and no test's. */
const UNUSED = ['node_modules/@biomejs', 'node_modules/@typescript', 'node_modules/typescript'];

/** What is missing of the programs that this takes; undefined: nothing. */
export function missingHere(): string | undefined {
  return missing(['qemu-system-x86_64', 'cpio', 'busybox', 'mke2fs', 'dpkg', 'apt-cache', 'git']);
}

/** Before the disk is there. */
const EARLY = `#!/bin/busybox sh
b=/bin/busybox
$b mkdir -p /proc /sys /dev /new
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mount -t devtmpfs dev /dev
for module in $($b ls /modules/*.ko); do $b insmod $module; done
for try in 1 2 3 4 5 6 7 8 9; do [ -b /dev/vda ] || $b sleep 1; done
$b mount -t ext4 /dev/vda /new || $b poweroff -f
$b cp /script /new/script
for folder in proc sys dev; do $b mount --move /$folder /new/$folder; done
exec $b switch_root /new /init
`;

/** The first process: mounts what a system has, does what the script says, and switches the machine off. */
const INIT = `#!/bin/sh
export PATH=${HOME}/tools/node/node_modules/node-linux-${process.arch}/bin:/usr/sbin:/usr/bin HOME=/root
mkdir -p /dev/pts /dev/shm
mount -t devpts -o ptmxmode=666 devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs run /run
mount -t tracefs trace /sys/kernel/tracing
mount -t cgroup2 cgroup /sys/fs/cgroup
ip link set lo up
echo machine > /proc/sys/kernel/hostname
ulimit -l unlimited
cd ${HOME}
setsid -w sh /script < /dev/null
sync
${WRITTEN}
busybox poweroff -f
`;

const ACCOUNTS = {
  '/etc/passwd':
    'root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n' +
    'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n',
  '/etc/group': 'root:x:0:\ndaemon:x:1:\nbin:x:2:\nnogroup:x:65534:\n',
  '/etc/shadow': 'root:*:1::::::\n',
  '/etc/hostname': 'machine\n',
  '/etc/hosts': '127.0.0.1 localhost machine\n::1 localhost\n',
};

export class System {
  readonly #folder = scratch();
  readonly #disk = join(this.#folder, 'disk');

  constructor() {
    const root = join(this.#folder, 'root');
    for (const folder of ['proc', 'sys', 'dev', 'run', 'tmp', 'root', 'etc', 'var/tmp', 'home', 'mnt', HOME])
      mkdirSync(join(root, folder), { recursive: true });
    for (const name of ['bin', 'sbin', 'lib', 'lib64'].filter((name) => lstatSync(`/${name}`).isSymbolicLink()))
      symlinkSync(readlinkSync(`/${name}`), join(root, name));
    place('/', [...filesOf(PACKAGES.split(' ')), ...alternatives()], root);
    const built = BUILT.flatMap((folder) => filesBelow(repository, folder));
    const unused = UNUSED.map((folder) => `${folder}/`);
    const used = built.filter((name) => !unused.some((folder) => name.startsWith(folder)));
    place(repository, [...checkout(), ...used], join(root, HOME));
    const shared = join(repository, '../shared/data');
    if (existsSync(shared)) cpSync(shared, join(root, 'shared/data'), { recursive: true });
    for (const [path, text] of Object.entries(ACCOUNTS)) writeFileSync(join(root, path), text);
    writeFileSync(join(root, 'init'), INIT, { mode: 0o755 });
    execFileSync('truncate', ['-s', `${DISK}M`, this.#disk]);
    execFileSync('mke2fs', ['-q', '-t', 'ext4', '-O', '^has_journal', '-d', root, this.#disk]);
    rmSync(root, { recursive: true });
  }

  /**
   * Boots a kernel, whose modules lie in `KERNEL.modules`, and does what the script says, in the checkout; what came to
   * the console until it was done, or was given up after `ms`.
   */
  async run(kernel: string, script: string, ms: number, listen?: (text: string) => void): Promise<string> {
    const root = mkdtempSync(join(this.#folder, 'early-'));
    mkdirSync(join(root, 'bin'));
    mkdirSync(join(root, 'modules'));
    const busybox = execFileSync('which', ['busybox'], { encoding: 'utf8' }).trim();
    cpSync(busybox, join(root, 'bin/busybox'), { dereference: true });
    const modules = `${kernel}.modules`;
    for (const name of existsSync(modules) ? readdirSync(modules) : [])
      cpSync(join(modules, name), join(root, 'modules', name));
    writeFileSync(join(root, 'init'), EARLY, { mode: 0o755 });
    writeFileSync(join(root, 'script'), script);
    const archive = `${root}.cpio`;
    pack(root, archive);
    return boot({ kernel, archive, disk: this.#disk, memory: MEMORY }, ms, listen);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }
}

/** The files of packages that are installed here and of what they depend on, relative to the root. */
function filesOf(packages: readonly string[]): string[] {
  const selections = text('dpkg', ['--get-selections']).split('\n');
  const installed = new Set(
    selections.filter((line) => line.endsWith('\tinstall')).map((line) => line.split(/[:\t]/)[0] as string),
  );
  const only = 'recommends suggests conflicts breaks replaces enhances'.split(' ').map((kind) => `--no-${kind}`);
  const wanted = packages.filter((name) => installed.has(name));
  const tree = text('apt-cache', ['depends', '--recurse', '--installed', ...only, ...wanted]).split('\n');
  const names = new Set(tree.filter((name) => installed.has(name)));
  const paths = new Set(text('dpkg', ['-L', ...names]).split('\n'));
  return [...paths]
    .filter((path) => path.startsWith('/') && !UNREAD.test(path) && isFile(path))
    .map((path) => path.slice(1));
}

/** All files below a folder of another one, relative to that; a link to a folder counts as that folder. */
function filesBelow(root: string, folder: string): string[] {
  const names = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
    join(folder, name),
  );
  return names.filter((name) => statSync(join(root, name), { throwIfNoEntry: false })?.isFile());
}

/** The names under which one of several programs can be called: they are no package's. */
function alternatives(): string[] {
  const names = readdirSync('/etc/alternatives').flatMap((name) => [`etc/alternatives/${name}`, `usr/bin/${name}`]);
  return names.filter((name) => isFile(`/${name}`));
}

function isFile(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found !== undefined && !found.isDirectory();
}

/** The files of the checkout, those that are not yet committed too. */
function checkout(): string[] {
  const names = text('git', ['-C', repository, 'ls-files', '-z', '--cached', '--others', '--exclude-standard']);
  return names.split('\0').filter((name) => name !== '' && existsSync(join(repository, name)));
}

function text(command: string, args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Places files there as they are here: by hard links where that can be, since nobody writes to them. */
function place(from: string, names: readonly string[], to: string): void {
  for (const folder of new Set(names.map((name) => dirname(join(to, name))))) mkdirSync(folder, { recursive: true });
  for (const name of new Set(names.filter((name) => !isFile(join(to, name)))))
    try {
      linkSync(join(from, name), join(to, name));
    } catch {
      cpSync(join(from, name), join(to, name), { verbatimSymlinks: true });
    }
}
