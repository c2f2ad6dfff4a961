/** Boots a kernel in a virtual machine that is emulated in software: it works wherever tests do, slowly. */

import { execFileSync, spawn, spawnSync } from 'node:child_process';

/** What emulates an architecture, and where its kernels write. */
const EMULATORS = {
  x64: { program: 'qemu-system-x86_64', machine: [], terminal: 'ttyS0' },
  arm64: { program: 'qemu-system-aarch64', machine: ['-M', 'virt'], terminal: 'ttyAMA0' },
} as const;

/** Has a shell wait until the console has all that was written to it: what is under way when the machine is switched off is lost. */
export const WRITTEN = 'stty -F /dev/console sane';

/** As Node.js names them. */
export type Architecture = keyof typeof EMULATORS;

export interface Boot {
  /** x64, if none is given. */
  readonly architecture?: Architecture;
  readonly kernel: string;
  /** An archive of cpio: what is there before anything is mounted. */
  readonly archive: string;
  /** An image of a file system, seen as /dev/vda; what the machine writes to it is forgotten. */
  readonly disk?: string;
  /** MiB. */
  readonly memory: number;
  /** What is added to the kernel's command line. */
  readonly append?: string;
}

/** What of these programs is missing; undefined: nothing. */
export function missing(programs: readonly string[] = ['qemu-system-x86_64', 'cpio', 'busybox']): string | undefined {
  const lacking = programs.filter((name) => spawnSync('which', [name]).status !== 0);
  return lacking.length === 0 ? undefined : `there is no ${lacking.join(', no ')}`;
}

/**
 * Boots; what the machine wrote to its console until it switched itself off, or was given up after `ms`.
 * @param listen gets it as it comes
 */
export async function boot(what: Boot, ms: number, listen: (text: string) => void = () => {}): Promise<string> {
  const { program, machine, terminal } = EMULATORS[what.architecture ?? 'x64'];
  const parts = ['-m', String(what.memory), '-smp', '2', '-accel', 'tcg', '-cpu', 'max', '-nodefaults', '-no-reboot'];
  // Whether the timer works is not asked: it is late where this machine is busy, and the kernel panics.
  const append = `console=${terminal} quiet panic=-1 no_timer_check ${what.append ?? ''}`;
  const start = ['-kernel', what.kernel, '-initrd', what.archive, '-append', append];
  const disk = what.disk ? ['-drive', `file=${what.disk},if=virtio,format=raw,snapshot=on`] : [];
  const inside = ['-display', 'none', '-serial', 'stdio'];
  const child = spawn(program, [...machine, ...parts, ...start, ...disk, ...inside], {
    stdio: ['ignore', 'pipe', 'inherit'],
    signal: AbortSignal.timeout(ms),
    killSignal: 'SIGKILL',
  });
  let said = '';
  child.on('error', (error) => {
    // When it was given up, what it has said so far tells why.
    if (error.name !== 'AbortError') said += error.message;
  });
  for await (const text of child.stdout.setEncoding('utf8')) {
    said += text;
    listen(text);
  }
  return said.replaceAll('\r', '');
}

/** Packs a folder into an archive of cpio. Not compressed: to decompress it costs the machine more than to read it. */
export function pack(folder: string, archive: string): void {
  execFileSync('sh', ['-c', `cd '${folder}' && find . | cpio --quiet -o -H newc > '${archive}'`]);
}
