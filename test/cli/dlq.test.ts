/** `falco-pipe dlq` where there is no state, where the state may not be read, and of what is not there. */

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Store } from '../../src/store/store.ts';
import { launcher, Program } from '../e2e/program.ts';
import { scratch } from '../scratch.ts';
import { runIn } from './in-process.ts';

const folder = scratch();
chmodSync(folder, 0o755);

/** As somebody who is not root, to whom a mode of 000 is nothing. */
const list = (state: string) => {
  const others = ['--reuid=65534', '--regid=65534', '--clear-groups', launcher];
  const args = ['dlq', 'list', '--state', state];
  return process.getuid?.() === 0 ? Program.run([...others, ...args], { command: 'setpriv' }) : Program.run(args);
};

test('a folder without a state: so it is said', async () => {
  writeFileSync(join(folder, 'file'), '');
  for (const state of [join(folder, 'nowhere'), join(folder, 'file')]) {
    const { code, stderr } = await list(state);
    expect(stderr).toContain(`There is no state in ${state}`);
    expect(code).toBe(69);
  }
});

test('a state that may not be read is there all the same', async () => {
  const state = join(folder, 'state');
  mkdirSync(state);
  writeFileSync(join(state, 'state.db'), '');
  chmodSync(state, 0);
  const { code, stderr } = await list(state);
  chmodSync(state, 0o700);
  expect(stderr).toMatch(/^[^\n]*EACCES/);
  if (process.getuid?.() === 0) expect(stderr).toContain('It belongs to the user 0: run this as that one');
  expect(stderr).not.toContain('There is no state');
  expect(code).toBe(77);
});

test('what is not there is not put back nor deleted: so it is said, and what there is', async () => {
  const state = join(folder, 'letters');
  const store = await Store.open(state, () => {});
  await store.bury({ sink: 'siem', reason: 'refused', message: '413', time: 0, count: 2 }, '{}\n{}');
  await store.close();
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await runIn(folder, ['dlq', ...args, '--state', state]);
    return [code, stdout + stderr.replace(/^falco-pipe: /, '')];
  };
  for (const verb of ['retry', 'drop']) {
    expect(await run(verb, '--sink', 'nosuch')).toEqual([
      1,
      'There is no dead letter of the sink nosuch; there are some of siem\n',
    ]);
    expect(await run(verb, '9999')).toEqual([1, 'There is no dead letter 9999\n']);
    expect(await run(verb, '1', '--sink', 'nosuch')).toEqual([1, 'There is no dead letter 1 of the sink nosuch\n']);
  }
  expect(await run('retry', '--sink', 'siem')).toEqual([0, '1 dead letter with 2 events waits for its sink\n']);
  expect(await run('retry')).toEqual([0, 'no dead letters to deliver\n']);
});

test('what cannot be read any more is not put back, where it would become a dead letter again', async () => {
  const state = join(folder, 'damaged');
  const store = await Store.open(state, () => {});
  const record = '{"source":"syscall","time":1,"type":"open","fields":{}}';
  const letter = (reason: string, text: string) =>
    store.bury({ sink: 'siem', reason, message: '', time: 0, count: text.split('\n').length }, text);
  await letter('refused', record);
  await letter('unreadable', 'x\ny');
  // What an older version could not read.
  await letter('unreadable', `x\n${record}`);
  await store.close();
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await runIn(folder, ['dlq', ...args, '--state', state]);
    return [code, stdout + stderr.replace(/^falco-pipe: /, '')];
  };
  const refused = "Dead letter 2 cannot be read: it would only come back; 'dlq show' prints what is left of it\n";
  expect(await run('retry', '1', '2')).toEqual([1, refused]);
  const stays = "dead letter 2 cannot be read and stays: 'dlq show' prints what is left\n";
  expect(await run('retry')).toEqual([0, `2 dead letters with 3 events wait for their sinks\n${stays}`]);
  expect(await run('retry', '--sink', 'siem')).toEqual([0, `no dead letters to deliver\n${stays}`]);
  const [, left] = await run('list');
  expect(left).toMatch(/^2 .* siem {2}2 events {2}unreadable\n$/);
});

test('of many dead letters it is said what they are together; each of them is asked for, and JSON has them all', async () => {
  const state = join(folder, 'many');
  const store = await Store.open(state, () => {});
  for (let n = 0; n < 21; n++) {
    const letter = { sink: n < 2 ? 'operator score' : 'siem', reason: n === 20 ? 'sink_failed' : 'refused' };
    await store.bury({ ...letter, message: `no\n${n}`, time: n * 1000, count: 2 }, '{}\n{}');
  }
  await store.close();
  const list = async (...args: string[]) => {
    const { stdout } = await runIn(folder, ['dlq', 'list', ...args, '--state', state]);
    return stdout.trimEnd().split('\n');
  };
  expect(await list()).toEqual([
    '18 letters  36 events  siem  refused, the newest 20 at 1970-01-01T00:00:19.000Z: no\\u000a19',
    '2 letters  4 events  operator score  refused, the newest 2 at 1970-01-01T00:00:01.000Z: no\\u000a1',
    '1 letter  2 events  siem  sink_failed, the newest 21 at 1970-01-01T00:00:20.000Z: no\\u000a20',
    "21 dead letters with 42 events; 'dlq list --all' has a line for each, 'dlq show ID' has the events of one",
  ]);
  const all = await list('--all');
  expect(all.slice(0, 1)).toEqual(['1  1970-01-01T00:00:00.000Z  operator score  2 events  refused: no\\u000a0']);
  expect(all).toHaveLength(21);
  expect(await list('-o', 'json')).toHaveLength(21);
  // Of a few there is no need to ask.
  expect(await list('--sink', 'operator score')).toEqual(all.slice(0, 2));
});
