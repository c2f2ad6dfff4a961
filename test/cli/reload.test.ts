/** What a reload goes over to: never to files that somebody still writes. */

import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Reloader } from '../../src/cli/reload.ts';
import { Counters } from '../../src/core/metrics.ts';
import type { Plan } from '../../src/pipeline/plan.ts';
import type { Run } from '../../src/pipeline/run.ts';
import type { Contents } from '../../src/pipeline/watch.ts';
import { scratch } from '../scratch.ts';

const folder = scratch();

const path = join(folder, 'rules.yaml');
writeFileSync(path, '');
/** As if it had been written so many seconds ago. */
const written = (ago: number) => utimesSync(path, Date.now() / 1000 - ago, Date.now() / 1000 - ago);

/** Reloads; `load` says how a plan is loaded at each try: its name, or an error. What it went over to, and what was said. */
async function reloaded(load: (tries: number) => string) {
  const over: string[] = [];
  const said: string[] = [];
  let tries = 0;
  const note = (...words: unknown[]) => void said.push(String(words.at(-1)));
  const run = {
    plan: { digest: 'old' },
    counters: new Counters(),
    reload: async ({ digest }: Plan) => over.push(digest),
  };
  const reloader = new Reloader({
    run: run as unknown as Run,
    log: { info: note, error: note, warn: note } as never,
    load: async (read: Contents) => {
      read.set(path, String(++tries));
      return { digest: load(tries) } as Plan;
    },
    around: async (_, work) => work(),
    contents: new Map(),
    watch: false,
  });
  await reloader.reload('SIGHUP');
  return { over, said, tries };
}

test('a file that is being written is read again until it is not', async () => {
  const { over, said } = await reloaded((tries) => {
    written(tries < 3 ? 0 : 60);
    return tries < 3 ? `half ${tries}` : 'whole';
  });
  expect(over).toEqual(['whole']);
  expect(said).toEqual(['reloaded (SIGHUP): sha256:whole']);
});

test('what is wrong with half a file is not said', async () => {
  const { over, said } = await reloaded((tries) => {
    written(tries === 1 ? 0 : 60);
    if (tries === 1) throw new Error('half of a line');
    return 'whole';
  });
  expect(over).toEqual(['whole']);
  expect(said.join()).not.toContain('half');
});

test('a file that rests is read once, whatever its time; what is wrong with it is said', async () => {
  for (const ago of [60, -3600]) {
    written(ago);
    expect(await reloaded(() => 'next')).toMatchObject({ over: ['next'], tries: 1 });
  }
  const { over, said, tries } = await reloaded(() => {
    throw new Error('no such key');
  });
  expect([over, tries]).toEqual([[], 1]);
  expect(said.join()).toContain('no such key');
});
