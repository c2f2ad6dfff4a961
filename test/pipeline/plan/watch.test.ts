/** Watching files: what is read to see whether they have changed, and that others have their turn meanwhile. */

import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Contents, contentOf, digestOf, Watcher } from '../../../src/pipeline/plan/watch.ts';
import { scratch } from '../../scratch.ts';

let folder = '';
let closing: (() => void)[] = [];
beforeEach(() => {
  folder = scratch();
});
afterEach(() => {
  for (const close of closing) close();
  closing = [];
});

const at = (name: string) => join(folder, name);
const write = (name: string, text: string) => {
  writeFileSync(at(name), text);
  return at(name);
};

/** Watches paths as they are now; how often it was told of a change. */
function watching(
  paths: readonly string[],
  contents: Contents = new Map(paths.map((path) => [path, contentOf(path)])),
) {
  let told = 0;
  const watcher = new Watcher(
    () => told++,
    (error) => {
      throw error;
    },
  );
  closing.push(() => watcher.close());
  watcher.watch(contents);
  const until = async (times: number) => {
    for (let tries = 0; tries < 500 && told < times; tries++) await sleep(10);
    // What is told too often is told soon.
    await sleep(150);
    expect(told).toBe(times);
  };
  return { watcher, contents, until };
}

/** Bytes that this process has read so far (proc(5), rchar). */
const read = () => Number(/^rchar: (\d+)/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
const MIB = 1024 * 1024;
/** From now on a file is what others are for two seconds: written in this moment. */
const written = (path: string) => utimesSync(path, Date.now() / 1000 + 3600, Date.now() / 1000 + 3600);

describe('watching files', () => {
  it('tells of another content, once, however it came there', async () => {
    const path = write('a', 'one');
    const { contents, until } = watching([path]);
    await until(0);
    write('a', 'two');
    await until(1);
    expect(contents.get(path)).toBe(digestOf('two'));
    write('b', 'six');
    renameSync(at('b'), path);
    await until(2);
    unlinkSync(path);
    await until(3);
    expect(contents.get(path)).toBe(digestOf(undefined));
    write('a', 'six');
    await until(4);
  });

  it('does not tell of what is written again as it was', async () => {
    const path = write('a', 'one');
    const { until } = watching([path]);
    await until(0);
    write('a', 'one');
    await until(0);
  });

  it('tells of what has changed before it began', async () => {
    const path = write('a', 'two');
    const { until } = watching([path], new Map([[path, digestOf('one')]]));
    await until(1);
  });

  it('tells of a link that leads elsewhere, also to a file that is older', async () => {
    for (const name of ['old', 'new']) mkdirSync(at(name));
    write('old/a', 'one');
    write('new/a', 'two');
    symlinkSync('new', at('link'));
    const { until } = watching([at('link/a')]);
    await until(0);
    symlinkSync('old', at('next'));
    renameSync(at('next'), at('link'));
    await until(1);
  });

  it('reads what may have changed and nothing else, and lets others have their turn', async () => {
    const [large, small] = [write('large', ''), write('small', 'one')];
    truncateSync(large, 64 * MIB);
    const other = write('other', 'x');
    // Their inodes are old enough to show the next change.
    await sleep(2100);
    const digest = contentOf(large);
    let turns = 0;
    const before = read();
    const tick = () => {
      turns++;
      timer = setImmediate(tick);
    };
    let timer = setImmediate(tick);
    closing.push(() => clearImmediate(timer));
    const { contents, until } = watching(
      [large, small, other],
      new Map([
        [large, digest],
        [small, digestOf('one')],
        [other, digestOf('x')],
      ]),
    );
    while (read() - before < 64 * MIB) await sleep(5);
    const during = turns;
    expect(during, 'between its slices').toBeGreaterThan(100);
    await until(0);
    const whole = read();
    write('small', 'two');
    await until(1);
    expect(read() - whole).toBeLessThan(MIB);
    // The same size, and once more as soon as it has been looked at.
    write('small', 'six');
    await until(2);
    expect(contents.get(small)).toBe(digestOf('six'));
    truncateSync(large, 64 * MIB + 1);
    await until(3);
  });

  it('what it is told to watch while it looks counts', async () => {
    const large = write('large', '');
    truncateSync(large, 64 * MIB);
    written(large);
    const before = read();
    const { watcher, contents, until } = watching([], new Map([[large, digestOf('')]]));
    while (read() - before < MIB) await sleep(1);
    contents.set(large, contentOf(large));
    watcher.watch(contents);
    // By the first look, by us, by the next look.
    while (read() - before < 3 * 64 * MIB) await sleep(5);
    await until(0);
  });

  it('reads again what could have changed without a sign of it', async () => {
    const fresh = write('fresh', '');
    truncateSync(fresh, 8 * MIB);
    written(fresh);
    const digest = contentOf(fresh);
    const small = write('small', 'one');
    const contents = new Map([
      [fresh, digest],
      [small, digestOf('one')],
    ]);
    const before = read();
    const { until } = watching([], contents);
    while (read() - before < 8 * MIB) await sleep(5);
    await until(0);
    write('small', 'two');
    await until(1);
    expect(read() - before).toBeGreaterThan(16 * MIB);
  });

  it('tells of a YAML file that comes to a folder or leaves it, not of other entries', async () => {
    mkdirSync(at('rules.d'));
    write('rules.d/a.yaml', 'one');
    const { until } = watching([at('rules.d')]);
    write('rules.d/notes.txt', 'one');
    write('rules.d/a.test.yaml', 'one');
    write('rules.d/a.yaml', 'two');
    await until(0);
    write('rules.d/b.yml', 'one');
    await until(1);
    unlinkSync(at('rules.d/a.yaml'));
    await until(2);
  });

  it('leaves a pipe to whom it is for', async () => {
    execFileSync('mkfifo', [at('pipe')]);
    const path = write('a', 'one');
    const { until } = watching(
      [],
      new Map([
        [at('pipe'), digestOf('x')],
        [path, digestOf('one')],
      ]),
    );
    await until(0);
    write('a', 'two');
    await until(1);
  });
});
