/** What a reload goes over to: never to files that somebody still writes. */

import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { Reloader } from '../../../src/cli/run/reload.ts';
import { UserError } from '../../../src/core/errors.ts';
import { loadPlan } from '../../../src/pipeline/plan/load.ts';
import type { Plan } from '../../../src/pipeline/plan/planned.ts';
import type { Contents } from '../../../src/pipeline/plan/watch.ts';
import { HalfUndone } from '../../../src/pipeline/run/half-undone.ts';
import type { Run } from '../../../src/pipeline/run/run.ts';
import { scratch } from '../../scratch.ts';

const folder = scratch();

const path = join(folder, 'rules.yaml');
writeFileSync(path, '');
/** As if it had been written so many seconds ago. */
const written = (ago: number) => utimesSync(path, Date.now() / 1000 - ago, Date.now() / 1000 - ago);

const planOf = (digest: string) => ({ digest, operators: [], warnings: [] }) as unknown as Plan;

/** Reloads; `load` says how a plan is loaded at each try: its name, or an error. What it went over to, and what was said. */
async function reloaded(load: (tries: number) => string | Plan, before = planOf('old')) {
  const over: string[] = [];
  const said: string[] = [];
  let tries = 0;
  const note = (...words: unknown[]) => void said.push(String(words.at(-1)));
  const run = {
    plan: before,
    loadings: { done: () => {}, refused: () => {} },
    reload: async ({ digest }: Plan) => over.push(digest),
  };
  const reloader = new Reloader({
    run: run as unknown as Run,
    log: { info: note, error: note, warn: note } as never,
    load: async (read: Contents) => {
      read.set(path, String(++tries));
      const loaded = load(tries);
      return typeof loaded === 'string' ? planOf(loaded) : loaded;
    },
    sets: ['sinks.out.format=json', 'operators.a.condition=evt.type = open'],
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
  expect(said).toEqual(['reloaded (SIGHUP): sha256:whole, 0 rules']);
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

test('where not all is as before, nobody says so', async () => {
  written(60);
  const { said } = await reloaded(() => {
    throw new HalfUndone(new UserError('no such queue'), ['a: the port is taken']);
  });
  expect(said).toEqual([
    `not reloaded (SIGHUP), the pipeline does not go on as before yet:
no such queue
Closed for the reload, and not open again yet: a: the port is taken`,
  ]);
});

test('how many rules there are is said, also how many there were, and that there are new warnings', async () => {
  written(60);
  const plan = (digest: string, rules: number, warnings: string[]) =>
    ({ name: 'p.yaml', digest, operators: [{ notes: { rules } }], warnings }) as unknown as Plan;
  const sets = "--set sinks.out.format=json --set 'operators.a.condition=evt.type = open'";
  const next = (before: Plan, after: Plan) => reloaded(() => after, before);
  expect((await next(plan('a', 2, []), plan('b', 2, []))).said).toEqual(['reloaded (SIGHUP): sha256:b, 2 rules']);
  expect((await next(plan('a', 2, ['w']), plan('b', 1, ['w']))).said).toEqual([
    'reloaded (SIGHUP): sha256:b, 1 rule, before: 2',
  ]);
  expect((await next(plan('a', 2, []), plan('b', 1, ['No rule']))).said).toEqual([
    'reloaded (SIGHUP): sha256:b, 1 rule, before: 2',
    `1 warning about p.yaml, printed by: falco-pipe validate p.yaml ${sets}`,
  ]);
});

const rule = (name: string) => `- rule: ${name}
  desc: d
  condition: evt.type=open
  output: o
  priority: INFO
`;

/** A reload between two pipelines, each given by its rules files and more keys of the operator; `named`: as a folder. */
async function gone(before: Record<string, string>, after: Record<string, string>, more = '', named?: string) {
  const load = async (files: Record<string, string>, keys: string) => {
    if (named !== undefined) {
      rmSync(resolve(folder, named), { recursive: true, force: true });
      mkdirSync(resolve(folder, named));
    }
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const detect = `{ type: rules, from: node, files: [${named ?? Object.keys(files).filter((name) => !name.endsWith('.txt'))}]${keys} }`;
    const file = join(folder, 'pipeline.yaml');
    writeFileSync(
      file,
      `sources: { node: { type: ebpf } }\noperators: { detect: ${detect} }\nsinks: { out: { type: stdout, from: detect } }`,
    );
    return (await loadPlan(file)).plan;
  };
  const old = await load(before, '');
  const next = await load(after, more);
  written(60);
  const { over, said } = await reloaded(() => next, old);
  return { over: over.length, said: said.join('\n') };
}

test('rules that are gone though the pipeline asks for them still: the old ones stay', async () => {
  const two = { 'a.yaml': rule('A'), 'b.yaml': rule('B') };
  for (const text of ['', '\n \n']) {
    const { over, said } = await gone(two, { ...two, 'b.yaml': text });
    expect(over).toBe(0);
    expect(said).toContain(
      'not reloaded (SIGHUP), the pipeline goes on as before:\nb.yaml:1:1: error: The file is empty',
    );
    expect(said).toContain('take files out of `files`');
  }
  for (const text of ['# None.', '[]', `${rule('A')}  enabled: false\n`]) {
    const { over, said } = await gone({ 'a.yaml': rule('A') }, { 'a.yaml': text });
    expect(over).toBe(0);
    expect(said).toContain(
      'a.yaml:1:1: error: detect would have no rule that is enabled any more: it has 1 rule\n  When that is meant',
    );
  }
});

test('a list from elsewhere that has become empty: the old one stays; that one has lost more than half is said', async () => {
  const listed = (from: string) =>
    `- list: far\n  items_from: { ${from} }\n${rule('A').replace('=open', '=open and proc.name in (far)')}`;
  const items = (count: number) => Array.from({ length: count }, (_, n) => `name-${n}\n`).join('');
  const between = (before: number, after: number, from = 'file: far.txt') =>
    gone({ 'a.yaml': listed(from), 'far.txt': items(before) }, { 'a.yaml': listed(from), 'far.txt': items(after) });
  const emptied = await between(101, 0);
  expect(emptied.over).toBe(0);
  expect(emptied.said).toContain('far.txt:1:1: error: the list far: 101 → 0 items, from far.txt');
  expect(await between(101, 0, 'file: far.txt, optional: true')).toMatchObject({
    over: 1,
    said: expect.stringContaining('the list far: 101 → 0 items'),
  });
  expect((await between(101, 1)).said).toContain('the list far: 101 → 1 item, from far.txt');
  for (const [before, after] of [
    [101, 51],
    [0, 0],
    [0, 7],
    [7, 101],
  ] as const) {
    const { over, said } = await between(before, after);
    expect([over, said.includes('→')]).toEqual([1, false]);
  }
  const listedPaths = (text: string) => ({ 'a.yaml': listed('file: far.txt'), 'far.txt': text });
  const strange = await gone(listedPaths('/a\n/b\n'), listedPaths('/a\nb\n'));
  expect(strange).toMatchObject({ over: 1, said: expect.stringContaining('the list far: 1 item without / in front') });
  // Another list of that name.
  writeFileSync(join(folder, 'other.txt'), 'x\n');
  const other = await gone(
    { 'a.yaml': listed('file: far.txt'), 'far.txt': items(101) },
    { 'a.yaml': listed('file: other.txt') },
  );
  expect([other.over, other.said.includes('→')]).toEqual([1, false]);
});

test('a file of a folder is as one that is named by itself', async () => {
  const two = { 'rules.d/a.yaml': rule('A'), 'rules.d/b.yaml': rule('B') };
  for (const named of ['rules.d', './rules.d/', join(folder, 'rules.d')]) {
    const { over, said } = await gone(two, { ...two, 'rules.d/b.yaml': '' }, '', named);
    expect(over).toBe(0);
    expect(said).toContain('rules.d/b.yaml:1:1: error: The file is empty and was not');
  }
  expect(await gone(two, { ...two, 'rules.d/b.yaml': '# None of our own any more.' }, '', 'rules.d')).toMatchObject({
    over: 1,
  });
  for (const [after, at] of [
    [{ 'rules.d/a.yaml': '# None.' }, 'rules.d/a.yaml'],
    [{}, 'rules.d'],
  ] as const) {
    const { over, said } = await gone({ 'rules.d/a.yaml': rule('A') }, after, '', 'rules.d');
    expect(over).toBe(0);
    expect(said).toContain(`${at}:1:1: error: detect would have no rule`);
  }
  // To delete one of several is to ask for it.
  expect(await gone(two, { 'rules.d/a.yaml': rule('A') }, '', 'rules.d')).toMatchObject({ over: 1 });
});

test('rules that are gone because that was asked for', async () => {
  const two = { 'a.yaml': rule('A'), 'b.yaml': rule('B') };
  expect(await gone(two, { ...two, 'b.yaml': '# None of our own any more.' })).toMatchObject({ over: 1 });
  expect(await gone(two, { 'a.yaml': rule('A') })).toMatchObject({ over: 1 });
  expect(await gone(two, two, ", select: [{ disable: { rule: '*' } }]")).toMatchObject({ over: 1 });
  expect(await gone(two, { ...two, 'c.yaml': '' })).toMatchObject({ over: 1 });
  expect(await gone({ ...two, 'c.yaml': '# None yet.' }, { ...two, 'c.yaml': '' })).toMatchObject({ over: 1 });
  expect(await gone({ 'a.yaml': '' }, { 'a.yaml': '# Still none.' })).toMatchObject({ over: 1 });
});
