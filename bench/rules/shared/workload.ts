/**
 * What the recording records: programs that read files, connect to a server of their own and start other programs, in
 * ordinary proportions (some hundred opens and a dozen connects to one exec). Ends by itself.
 */

import { spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';

const ROUNDS = Number(process.argv[2] ?? 60);
const roots = ['/usr/include', '/usr/share/doc', '/usr/lib', '/etc'];

/** Files of the machine, the same ones in every run. */
function* files(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isFile()) yield path;
    else if (entry.isDirectory()) yield* files(path);
  }
}

function take(root: string, most: number): string[] {
  const found: string[] = [];
  for (const path of files(root)) if (found.push(path) >= most) break;
  return found;
}

const all = roots.flatMap((root) => take(root, 4000));

function open(path: string): void {
  try {
    closeSync(openSync(path, 'r'));
  } catch {
    // Files that only root may read are opened in vain: that is an event too.
  }
}

const run = (command: string, ...args: string[]) =>
  new Promise<void>((resolve) => {
    spawn(command, args, { stdio: 'ignore' }).on('close', () => resolve());
  });

const server = createServer((socket) => socket.end());
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address() as { port: number };
const visit = () =>
  new Promise<void>((resolve) => {
    connect(port, '127.0.0.1')
      .on('error', () => resolve())
      .on('close', () => resolve())
      .resume();
  });

let at = 0;
for (let round = 0; round < ROUNDS; round++) {
  // Some opens are of files that were never opened before, the others of the same few.
  for (let n = 0; n < 60; n++) open(all[at++ % all.length] as string);
  for (let n = 0; n < 250; n++) open(all[n % 80] as string);
  const some = Array.from({ length: 4 }, () => all[at++ % all.length] as string);
  await Promise.all([
    ...Array.from({ length: 12 }, visit),
    run('cat', '--', ...some),
    run('sh', '-c', 'cd /etc; head -c1 hostname passwd group fstab hosts; ls ..'),
    run('grep', '-lF', 'nothing of the kind', ...all.slice(80, 84)),
  ]);
}
server.close();
