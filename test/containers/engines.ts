/** Real container engines, each with its state in a folder of the test's own and reached by unix sockets only. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { scratch } from '../scratch.ts';

/** Why engines cannot be started here; undefined when they can. */
export function cannotRun(...commands: readonly string[]): string | undefined {
  if (process.getuid?.() !== 0) return 'not root';
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  const lacking = [...commands, 'busybox', 'runc'].filter(
    (command) => !folders.some((folder) => existsSync(join(folder, command))),
  );
  return lacking.length === 0 ? undefined : `there is no ${lacking.join(', ')}`;
}

/** The image that all engines are given; nothing comes from outside. */
export const IMAGE = 'localhost/shop/web:1.2';

const environment = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };

/** The file system of the image as a tar archive: busybox and a few of its names. */
function rootArchive(folder: string): string {
  const root = join(folder, 'root');
  mkdirSync(join(root, 'bin'), { recursive: true });
  mkdirSync(join(root, 'etc'));
  cpSync(execFileSync('which', ['busybox'], { encoding: 'utf8' }).trim(), join(root, 'bin/busybox'));
  for (const name of ['sh', 'sleep', 'echo', 'cat', 'true']) symlinkSync('busybox', join(root, 'bin', name));
  writeFileSync(join(root, 'etc/shadow'), 'root:*:1::::::\n');
  const archive = join(folder, 'root.tar');
  execFileSync('tar', ['-C', root, '-cf', archive, '.']);
  return archive;
}

/** Ends a server that the test has started. */
async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  server.kill('SIGTERM');
  const gone = once(server, 'exit');
  if ((await Promise.race([gone, sleep(10_000, 'late')])) === 'late') {
    server.kill('SIGKILL');
    await gone;
  }
}

/** Resolves when something answers at a socket. */
async function answers(socket: string, server: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (server.exitCode !== null) throw new Error(`the server ended with ${server.exitCode}`);
    const answered = await new Promise<boolean>((resolve) => {
      const connection = connect(socket, () => {
        connection.destroy();
        resolve(true);
      });
      connection.on('error', () => resolve(false));
    });
    if (answered) return;
    await sleep(50);
  }
  throw new Error(`nothing answers at ${socket}`);
}

export class Podman {
  readonly socket: string;
  readonly #folder = scratch();
  #server: ChildProcess | undefined;

  constructor() {
    this.socket = join(this.#folder, 'podman.sock');
    const configuration = join(this.#folder, 'containers.conf');
    writeFileSync(configuration, '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n');
    // A pod's sandbox runs what its image says.
    this.#run('import', '--change=CMD ["/bin/sleep","1000"]', rootArchive(this.#folder), IMAGE);
  }

  /** Starts the service that offers Docker's API. */
  async serve(): Promise<this> {
    const [command = '', ...args] = this.command('system', 'service', '--time=0', `unix://${this.socket}`);
    this.#server = spawn(command, args, { stdio: 'ignore', env: environment });
    await answers(this.socket, this.#server);
    return this;
  }

  async stopServing(): Promise<void> {
    if (this.#server) await end(this.#server);
    rmSync(this.socket, { force: true });
  }

  /** The words of a command for a shell. */
  command(...args: readonly string[]): string[] {
    return [
      'env',
      `CONTAINERS_CONF=${join(this.#folder, 'containers.conf')}`,
      'PODMAN_IGNORE_CGROUPSV1_WARNING=1',
      `TMPDIR=${this.#folder}`, // it forgets the archives that it was sent there
      'podman',
      `--root=${join(this.#folder, 'storage')}`,
      `--runroot=${join(this.#folder, 'run')}`,
      `--tmpdir=${join(this.#folder, 'tmp')}`,
      '--storage-driver=vfs',
      ...args,
    ];
  }

  /** Starts a container in the background; the result is its id. */
  start(...args: readonly string[]): string {
    return this.#run('run', '-d', '--network=none', ...args).trim();
  }

  remove(id: string): void {
    this.#run('rm', '-f', '-t', '0', id);
  }

  async close(): Promise<void> {
    this.#run('rm', '-f', '-t', '0', '--all');
    await this.stopServing();
  }

  #run(...args: readonly string[]): string {
    const [command = '', ...rest] = this.command(...args);
    return execFileSync(command, rest, { encoding: 'utf8', env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  }
}

export class Containerd {
  readonly socket: string;
  readonly folder = scratch();
  #server: ChildProcess | undefined;

  constructor() {
    this.socket = join(this.folder, 'containerd.sock');
    writeFileSync(
      join(this.folder, 'config.toml'),
      `version = 2
root = "${join(this.folder, 'root.d')}"
state = "${join(this.folder, 'state.d')}"
[grpc]
  address = "${this.socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${IMAGE}"
  restrict_oom_score_adj = true
`,
    );
  }

  /** The words that start it, for a shell. */
  get command(): string[] {
    return ['containerd', '--config', join(this.folder, 'config.toml'), '--log-level', 'error'];
  }

  async serve(): Promise<this> {
    const [command = '', ...args] = this.command;
    this.#server = spawn(command, args, { stdio: 'ignore', env: environment });
    await answers(this.socket, this.#server);
    return this;
  }

  /** Gives it the image, under its own containers and under those of Kubernetes. */
  importImage(podman: Podman): this {
    const archive = join(this.folder, 'image.tar');
    const [command = '', ...args] = podman.command('save', '--format=docker-archive', '-o', archive, IMAGE);
    execFileSync(command, args, { env: environment, stdio: 'ignore' });
    for (const namespace of ['default', 'k8s.io']) this.ctr('-n', namespace, 'images', 'import', archive);
    return this;
  }

  /** What a test that failed has left running outlives the server. */
  endAll(): void {
    for (const namespace of ['default', 'k8s.io']) {
      const tasks = this.ctr('-n', namespace, 'tasks', 'ls', '-q').split('\n').filter(Boolean);
      for (const task of tasks) this.ctr('-n', namespace, 'tasks', 'rm', '--force', task);
    }
  }

  ctr(...args: readonly string[]): string {
    return execFileSync('ctr', ['--address', this.socket, ...args], {
      encoding: 'utf8',
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  async close(): Promise<void> {
    if (this.#server) {
      this.endAll();
      await end(this.#server);
    }
  }
}

export class Docker {
  readonly socket: string;
  readonly #folder = scratch();
  #server: ChildProcess | undefined;

  constructor() {
    this.socket = join(this.#folder, 'docker.sock');
  }

  async serve(): Promise<this> {
    const at = (name: string) => join(this.#folder, name);
    const folders = ['--data-root', at('data'), '--exec-root', at('exec'), '--pidfile', at('pid')];
    const networks = ['--iptables=false', '--ip6tables=false', '--bridge=none'];
    const args = ['-H', `unix://${this.socket}`, ...folders, ...networks, '--log-level=error'];
    this.#server = spawn('dockerd', args, { stdio: 'ignore', env: environment });
    await answers(this.socket, this.#server);
    const [repo, tag] = IMAGE.split(':');
    this.#call('POST', `/images/create?fromSrc=-&repo=${repo}&tag=${tag}`, [
      '-H',
      'Content-Type: application/x-tar',
      '--data-binary',
      `@${rootArchive(this.#folder)}`,
    ]);
    return this;
  }

  /** Starts a container as `POST /containers/create` describes it; the result is its id. */
  start(name: string, description: object): string {
    const json = ['-H', 'Content-Type: application/json', '-d', JSON.stringify({ Image: IMAGE, ...description })];
    const { Id } = JSON.parse(this.#call('POST', `/containers/create?name=${name}`, json)) as { Id: string };
    this.#call('POST', `/containers/${Id}/start`);
    return Id;
  }

  remove(id: string): void {
    this.#call('DELETE', `/containers/${id}?force=1`);
  }

  async close(): Promise<void> {
    if (this.#server) await end(this.#server);
  }

  #call(method: string, path: string, more: readonly string[] = []): string {
    const args = [
      '-sS',
      '--fail-with-body',
      '--unix-socket',
      this.socket,
      '-X',
      method,
      `http://docker${path}`,
      ...more,
    ];
    return execFileSync('curl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }
}
