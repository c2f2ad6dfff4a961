/** Processes that are moved into a container, and out of it, after they have begun. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cgroup, cgroupRoots } from '../../native/cgroups.ts';
import { whyNot } from '../../native/harness.ts';
import { scratch } from '../../scratch.ts';
import { Shell, Watch } from './shell.ts';

const ID = 'c0ffee'.padEnd(64, '0');

/** Without one of its own, and rights to make it, no process can be moved. */
function noCgroup(): string | undefined {
  const [root] = cgroupRoots();
  if (root === undefined) return 'no cgroups';
  try {
    new Cgroup(root, 'try').remove();
    return undefined;
  } catch (error) {
    console.warn(`SKIPPED: moves between cgroups: ${error}`);
    return String(error);
  }
}

describe.skipIf(whyNot() ?? noCgroup())('a process that is moved', () => {
  let folder: string;
  let shell: Shell;
  let watch: Watch;
  let group: Cgroup;
  beforeAll(async () => {
    folder = scratch();
    group = new Cgroup(cgroupRoots()[0] as string, `docker/${ID}`);
    shell = new Shell();
    await shell.run(`cd ${folder}; : > outside; : > again`);
    watch = new Watch(shell, ['evt.type', 'fd.filename', 'container.id', 'proc.name'], ['openat', 'execve']);
  });
  afterAll(async () => {
    watch?.stop();
    await shell?.stop();
    group?.remove();
  });

  /** Where the event on a file of that name says that it was done. */
  const container = async (file: string) => (await watch.until((row) => row['fd.filename'] === file))['container.id'];

  it('is there from its next event on, and so are its children; out of it again it is not', async () => {
    await shell.run(': > a');
    group.move(shell.pid);
    await shell.run(': > b; /bin/cat b; ( : > c )');
    expect([await container('a'), await container('b'), await container('c')]).toEqual([
      'host',
      'c0ffee000000',
      'c0ffee000000',
    ]);
    const cat = await watch.until((row) => row['evt.type'] === 'execve' && row['proc.name'] === 'cat');
    expect(cat['container.id']).toBe('c0ffee000000');
    await shell.run(`echo $$ > ${cgroupRoots()[0]}/cgroup.procs; : > d`);
    expect(await container('d')).toBe('host');
  });

  it('is there in the same batch, in the order in which things happened', async () => {
    const roots = cgroupRoots();
    await shell.run(`: > e; echo $$ > ${group.procs}; : > f; echo $$ > ${roots[0]}/cgroup.procs; : > g`);
    expect([await container('e'), await container('f'), await container('g')]).toEqual([
      'host',
      'c0ffee000000',
      'host',
    ]);
  });
});
