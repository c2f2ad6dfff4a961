/** Files of an overlay: those of its upper layer, and those below. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Actor, prepare, whyNot } from '../../native/harness.ts';
import { scratch } from '../../scratch.ts';
import { Watch } from './shell.ts';

const optionsIn = (folder: string) => `lowerdir=${folder}/low,upperdir=${folder}/up,workdir=${folder}/work`;

/** The parts of an overlay in a new folder. */
function makeParts(): string {
  const folder = scratch();
  for (const name of ['low', 'up', 'work', 'merged']) mkdirSync(join(folder, name));
  return folder;
}

function noOverlay(): string | undefined {
  if (process.arch !== 'x64') return 'the actor calls by the numbers of x86-64';
  const folder = makeParts();
  try {
    const mount = `mount -t overlay -o ${optionsIn(folder)} overlay ${folder}/merged`;
    execFileSync('unshare', ['-m', 'sh', '-c', mount], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    console.warn(`SKIPPED: files of overlays: ${error}`);
    return String(error);
  }
}

const [CLONE_NEWNS, PRIVATE] = [0x20000, 0x44000];
const [UNSHARE, MOUNT, FCHMOD, CREAT] = [272, 165, 91, 85];

describe.skipIf(whyNot() ?? noOverlay())('a file of an overlay', () => {
  const fields = 'evt.type evt.rawres fd.num fd.is_upper_layer fd.is_lower_layer evt.arg.flags evt.arg.creat_flags';
  let place: ReturnType<typeof prepare>;
  let folder: string;
  let actor: Actor;
  let watch: Watch;
  beforeAll(async () => {
    folder = makeParts();
    for (const name of ['below', 'changed', 'fresh']) writeFileSync(join(folder, 'low', name), 'x');
    writeFileSync(join(folder, 'up/above'), 'x');
    writeFileSync(join(folder, 'plain'), 'x');
    place = prepare();
    // In a mount namespace of its own, which ends with it.
    actor = await Actor.start(place.program, folder);
    await actor.ask(`sys ${UNSHARE} ${CLONE_NEWNS}`);
    await actor.ask(`sys ${MOUNT} 0 '/ 0 ${PRIVATE} 0`);
    expect(await actor.ask(`sys ${MOUNT} 'overlay 'merged 'overlay 0 '${optionsIn(folder)}`)).toBe(0);
    await actor.ask('chdir merged');
    watch = new Watch(actor, fields.split(' '), ['open', 'creat', 'fchmod']);
  });
  afterAll(() => {
    watch?.stop();
    actor?.stop();
  });

  /** The event of a call that gave or used that descriptor. */
  const on = (type: string, fd: number) => watch.until((row) => row['evt.type'] === type && row['fd.num'] === fd);
  const layersOf = (row: Awaited<ReturnType<typeof on>>) => [row['fd.is_upper_layer'], row['fd.is_lower_layer']];
  const open = async (name: string, flags = 0) => on('open', await actor.ask(`open ${name} ${flags}`));

  it('lies in the layer that it is read from, and in the upper one once it is written', async () => {
    const [below, above] = [await open('below'), await open('above')];
    expect([layersOf(below), below['evt.arg.flags']]).toEqual([[false, true], 'O_RDONLY|FD_LOWER_LAYER']);
    expect([layersOf(above), above['evt.arg.flags']]).toEqual([[true, false], 'O_RDONLY|FD_UPPER_LAYER']);
    expect(layersOf(await open('changed'))).toEqual([false, true]);
    expect(layersOf(await open('changed', 1))).toEqual([true, false]);
    expect(layersOf(await open('../plain'))).toEqual([false, false]);
    await actor.ask('open nowhere');
    const failed = await watch.until((row) => row['evt.rawres'] === -2);
    expect(layersOf(failed)).toEqual([undefined, undefined]);
  });

  it('also when it is made, and when a call is about its descriptor', async () => {
    const made = await on('creat', await actor.ask(`sys ${CREAT} 'made 0600`));
    expect([layersOf(made), made['evt.arg.creat_flags']]).toEqual([[true, false], 'FD_UPPER_LAYER_CREAT']);
    const { 'fd.num': fd } = await open('fresh');
    await actor.ask(`sys ${FCHMOD} ${fd} 0600`);
    expect(layersOf(await on('fchmod', fd as number)), 'copied up by the call').toEqual([true, false]);
  });
});
