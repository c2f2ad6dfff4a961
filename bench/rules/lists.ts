/**
 * Lists from a file: what 2 million items cost to load and to keep, for how long they hold up the event loop, and what an
 * event costs with them, next to 10 items from a file and 10 in the rules file. CPU time; what is compared takes turns in
 * one run, and of kernel events the quartiles of the rounds tell noise from cost.
 */

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inSlices } from '../../src/core/steps.ts';
import { catalogues } from '../../src/events/catalogue.ts';
import type { Event } from '../../src/events/field.ts';
import { kernelForm } from '../../src/events/kernel/form.ts';
import { EventRecord, recordForm } from '../../src/events/record.ts';
import {
  bindRules,
  type ListFeed,
  type LoadResult,
  loadRules,
  loadRulesInSteps,
  type Ruleset,
} from '../../src/rules/index.ts';
import { heldBytes } from '../../test/garbage.ts';
import { scratch } from '../shared/scratch.ts';
import { type Made, madeUp } from './shared/made-up.ts';
import { record } from './shared/recording.ts';
import { type Judge, median, Replay } from './shared/replay.ts';

const MANY = 2_000_000;
const FEW = 10;
const EVENTS = 20_000;
const ROUNDS = 20;
const REFRESHES = 3;
/** Of kernel events: what disturbs a few of many short rounds does not count. */
const SHORT_ROUNDS = { rounds: 45, plays: 1 };
/** Of so many events one has a value that was not seen before. */
const NEW_IN = 5;
const KNOWN = 200;

const folder = scratch();

const address = (n: number) => `${1 + (n % 200)}.${(n >> 8) & 255}.${(n >> 16) & 255}.${(n * 7) & 255}`;

const address6 = (n: number) =>
  `2001:${(n & 1023).toString(16)}:${((n * 7) & 0xffff).toString(16)}::${(n >>> 8).toString(16)}`;

/** The usual folders at the root: what a list of threats on a whole machine has. */
const TOPS = [
  'usr',
  'bin',
  'boot',
  'dev',
  'etc',
  'home',
  'lib',
  'media',
  'opt',
  'proc',
  'root',
  'sbin',
  'srv',
  'tmp',
  'var',
];

interface Case {
  readonly what: string;
  readonly condition: string;
  readonly item: (n: number) => string;
  readonly field: string;
  /** What events have: one of a hundred is in the list, the others begin like items. */
  readonly value: (n: number) => string;
}

const cases: readonly Case[] = [
  {
    what: 'paths, in',
    condition: 'fd.name in (far)',
    item: (n) => `/usr/share/app/${n % 977}/file-${n}.dat`,
    field: 'fd.name',
    value: (n) => `/usr/share/app/${n % 977}/${n % 100 === 0 ? 'file' : 'other'}-${n}.dat`,
  },
  {
    what: 'paths, pmatch',
    condition: 'fd.name pmatch (far)',
    item: (n) => `/usr/share/app/${n % 977}/folder-${n}`,
    field: 'fd.name',
    value: (n) => `/usr/share/app/${n % 977}/${n % 100 === 0 ? 'folder' : 'other'}-${n}/x`,
  },
  {
    what: 'paths, startswith anyof',
    condition: 'fd.name startswith anyof (far)',
    item: (n) => `/usr/share/app/${n % 977}/folder-${n}/`,
    field: 'fd.name',
    value: (n) => `/usr/share/app/${n % 977}/${n % 100 === 0 ? 'folder' : 'other'}-${n}/x`,
  },
  {
    what: 'addresses, in',
    condition: 'fd.sip in (far)',
    item: address,
    field: 'fd.sip',
    value: (n) => (n % 100 === 0 ? address(n) : `250.${n & 255}.${(n >> 8) & 255}.1`),
  },
  {
    what: 'networks, in',
    condition: 'fd.snet in (far)',
    item: (n) => `${address(n)}/28`,
    field: 'fd.snet',
    value: (n) => (n % 100 === 0 ? address(n) : `${1 + (n % 200)}.250.${(n >> 8) & 255}.1`),
  },
  {
    what: 'IPv6 addresses, in',
    condition: 'fd.sip in (far)',
    item: address6,
    field: 'fd.sip',
    value: (n) => (n % 100 === 0 ? address6(n) : `2001:${(n & 1023).toString(16)}::${(n >>> 8).toString(16)}`),
  },
  {
    what: 'IPv6 networks, in',
    condition: 'fd.snet in (far)',
    item: (n) => `${address6(n)}/120`,
    field: 'fd.snet',
    value: (n) => (n % 100 === 0 ? address6(n) : `2001:${(n & 1023).toString(16)}::${(n >>> 8).toString(16)}`),
  },
];

interface Loaded {
  readonly result: LoadResult;
  /** CPU time. */
  readonly seconds: number;
}

/** `list`: where its items are. `others`: rules that stand before. */
function rulesFile(list: string, condition: string, others = '') {
  const rule = `- rule: r\n  desc: d\n  condition: ${condition}\n  output: o\n  priority: INFO\n`;
  return {
    name: 'rules.yaml',
    content: `${others}\n- list: far\n  ${list}\n${rule}`,
    path: join(folder, 'rules.yaml'),
  };
}

function load(list: string, condition: string, others?: string): Loaded {
  const file = rulesFile(list, condition, others);
  const start = process.cpuUsage();
  const result = loadRules([file], { catalogues });
  if (!result.ok) throw new Error(result.diagnostics[0]?.message);
  const { user, system } = process.cpuUsage(start);
  return { result, seconds: (user + system) / 1e6 };
}

const FAR = 'items_from: { file: far.txt }';

/**
 * For how many ms of CPU something holds the event loop at once while it is under way: the best of some times, for in the
 * first one code is compiled.
 */
async function longestHold(work: () => Promise<unknown>): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < REFRESHES; round++) {
    let longest = 0;
    let isOver = false;
    let before = process.threadCpuUsage();
    const turn = () => {
      const { user, system } = process.threadCpuUsage(before);
      longest = Math.max(longest, (user + system) / 1000);
      before = process.threadCpuUsage();
      if (!isOver) setImmediate(turn);
    };
    setImmediate(turn);
    await work();
    isOver = true;
    best = Math.min(best, longest);
  }
  return best;
}

async function holds(condition: string, [feed]: readonly ListFeed[]): Promise<string> {
  const file = rulesFile(FAR, condition);
  const loading = await longestHold(() => inSlices(loadRulesInSteps([file], { catalogues })));
  const content = readFileSync(join(folder, 'far.txt'));
  const refreshing = await longestHold(async () => (await inSlices((feed as ListFeed).build(content))).exchange());
  return `holds the loop for at most ${loading.toFixed(0)} ms at once, a refresh for ${refreshing.toFixed(0)}`;
}

function fromFile(count: number, item: Case['item'], condition: string, others?: string): Loaded {
  writeFileSync(join(folder, 'far.txt'), Array.from({ length: count }, (_, n) => `${item(n)}\n`).join(''));
  return load(FAR, condition, others);
}

function inRules(item: Case['item'], condition: string, others?: string): Loaded {
  return load(
    `items: [${Array.from({ length: FEW }, (_, n) => JSON.stringify(item(n))).join(', ')}]`,
    condition,
    others,
  );
}

let hits = 0;

function judgeWith<E extends Event>(ruleset: Ruleset<E>): (event: E) => void {
  const hit = () => hits++;
  const failed = (_: unknown, error: unknown) => {
    throw error;
  };
  return (event) => ruleset.judge(event, hit, failed);
}

/** ns of CPU an event for each of some rules, the best of some rounds: what disturbs only adds. */
function costs(all: readonly Loaded[], field: string, value: (n: number) => string): readonly number[] {
  const judges = all.map(({ result }) => judgeWith(bindRules(result.rules, recordForm, { matching: 'all' })));
  const best = all.map(() => Number.POSITIVE_INFINITY);
  hits = 0;
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, judge] of judges.entries()) {
      // Texts of their own: nothing is known of one that was not asked for before.
      const events = Array.from({ length: EVENTS }, (_, n) => {
        const text = Buffer.from(value(round * EVENTS + n)).toString();
        return new EventRecord('syscall', 'openat', BigInt(n), { [field]: text });
      });
      const start = process.cpuUsage();
      for (const event of events) judge(event);
      const { user, system } = process.cpuUsage(start);
      best[index] = Math.min(best[index] as number, ((user + system) * 1000) / EVENTS);
    }
  }
  if (hits === 0) throw new Error('nothing matched');
  return best;
}

function told([many = 0, few = 0, literal = 0]: readonly number[]): string {
  const next = (other: number) => `${other.toFixed(0)} (${(many / other).toFixed(2)}x)`;
  return `${many.toFixed(0)} ns; of 10 from a file ${next(few)}, of 10 in the rules ${next(literal)}`;
}

async function measure({ what, condition, item, field, value }: Case): Promise<void> {
  const whole = `evt.type = openat and ${condition}`;
  const before = heldBytes();
  const many = fromFile(MANY, item, whole);
  const bytes = (heldBytes() - before) / MANY;
  const held = await holds(whole, many.result.feeds);
  console.log(`${what}: load ${many.seconds.toFixed(1)} s, ${bytes.toFixed(0)} bytes an item; a reload ${held}`);
  const all = [many, fromFile(FEW, item, whole), inRules(item, whole)];
  const mixed = costs(all, field, (n) => value(n % NEW_IN === 0 ? n : (n * 7) % KNOWN));
  console.log(`  a record, one of ${NEW_IN} with a new value:     ${told(mixed)}`);
  console.log(`  at worst, each new and like the items:  ${told(costs(all, field, value))}`);
}

interface KernelCase {
  readonly what: string;
  readonly events: Made | 'recorded';
  readonly condition: string;
  readonly item: (n: number, opened: readonly string[]) => string;
}

const OPENS = 'evt.type in (open, openat) and (fd.name in (far) or fd.name pmatch (far))';

/** What the whole of a kernel event costs with a list: finding it and its process, judging it, verdicts kept. */
async function measureKernel({ what, events, condition, item }: KernelCase): Promise<void> {
  const host = readFileSync(join(import.meta.dirname, '../../rules/host.yaml'), 'utf8');
  const replay = new Replay(events === 'recorded' ? (await record()).recording : madeUp(events));
  const { opens, paths } = replay;
  const distinct = opens === 0 ? '' : `, ${Math.round((100 * paths.length) / opens)} % distinct paths`;
  console.log(`kernel events, ${what}: ${replay.events}${distinct}`);
  for (const [name, others] of [
    ['alone', ''],
    ['among the rules of host.yaml', host],
  ] as const) {
    const make = (n: number) => item(n, paths);
    const all = [
      fromFile(MANY, make, condition, others),
      fromFile(FEW, make, condition, others),
      inRules(make, condition, others),
    ];
    const judges = all.map(({ result }) => judgeWith(bindRules(result.rules, kernelForm, { matching: 'all' })));
    console.log(`  ${name}: ${toldOfRounds(replay, judges)}`);
  }
}

/** The medians, and the quartiles of the ratio in each round; of the two that have 10 items as well, which tells what is noise. */
function toldOfRounds(replay: Replay, judges: readonly Judge[]): string {
  const [many = [], few = [], literal = []] = replay.rounds(judges, (judge) => replay.playWhole(judge), SHORT_ROUNDS);
  const ratio = (some: readonly number[], others: readonly number[]) => {
    const ratios = others.map((other, round) => (some[round] as number) / other).sort((a, b) => a - b);
    const at = (part: number) => (ratios[Math.floor(ratios.length * part)] as number).toFixed(2);
    return `${at(0.5)}x, ${at(0.25)}-${at(0.75)}`;
  };
  const next = (others: readonly number[]) => `${median(others).toFixed(0)} (${ratio(many, others)})`;
  const control = `these two: ${ratio(few, literal)}`;
  return `${median(many).toFixed(0)} ns; of 10 from a file ${next(few)}, of 10 in the rules ${next(literal)}; ${control}`;
}

/** Paths of which the made-up events open none: their numbers are lower. */
function likeNewPaths(n: number): string {
  return `/srv/data/file${40_000 + n}${String.fromCharCode(65 + (n % 26), 65 + (n % 23))}`;
}

const kernelCases: readonly KernelCase[] = [
  {
    what: 'recorded, a list of the folders that are opened',
    events: 'recorded',
    condition: OPENS,
    item: (n) =>
      [
        `/usr/lib/x86_64-linux-gnu/other${n}.so`,
        `/usr/share/doc/package${n % 977}/other${n}`,
        `/usr/include/other${n}.h`,
        `/etc/other${n}`,
      ][n % 4] as string,
  },
  {
    what: 'recorded, at worst: a list in which each path that is opened begins many items',
    events: 'recorded',
    condition: 'evt.type in (open, openat) and fd.name in (far)',
    item: (n, opened) => `${opened[n % opened.length]}${n}`,
  },
  {
    what: 'a list of other folders',
    events: 'ordinary',
    condition: OPENS,
    item: (n) => `/usr/share/app/${n % 977}/file-${n}.dat`,
  },
  {
    what: 'a list of many folders, one of which is opened',
    events: 'ordinary',
    condition: OPENS,
    item: (n) => {
      const top = TOPS[n % TOPS.length];
      return top === 'usr' ? `/usr/lib/x86_64-linux-gnu/other${n}.so` : `/${top}/app/${n % 977}/other${n}`;
    },
  },
  {
    what: 'at worst, each a new path in the folder of the list',
    events: 'new paths',
    condition: OPENS,
    item: (n) => `/srv/data/other${n}`,
  },
  {
    what: 'at worst, each a new path that begins as the items do',
    events: 'new paths',
    condition: OPENS,
    item: (n) => `/srv/data/file1${n}x`,
  },
  {
    what: 'at worst, each a new path that is as long as items and begins and ends as they do',
    events: 'new paths',
    condition: 'evt.type in (open, openat) and fd.name in (far)',
    item: likeNewPaths,
  },
  {
    what: 'at worst, the same, items as folders',
    events: 'new paths',
    condition: 'evt.type in (open, openat) and fd.name pmatch (far)',
    item: likeNewPaths,
  },
  {
    what: 'at worst, each a connect to a new address, a list of addresses',
    events: 'new addresses',
    condition: 'evt.type = connect and fd.sip in (far)',
    item: address,
  },
  {
    what: 'at worst, each a connect to a new address, a list of networks',
    events: 'new addresses',
    condition: 'evt.type = connect and fd.snet in (far)',
    item: (n) => `${address(n)}/28`,
  },
];

// Each in a process of its own: what one has kept does not count for the next.
const [, , number] = process.argv;
if (number === undefined) {
  console.log(
    `${MANY.toLocaleString('en')} items from a file; targets: <= 5 s, <= 150 bytes an item, <= 1x the cost of 10`,
  );
  for (let index = 0; index < cases.length + kernelCases.length; index++) {
    spawnSync(process.execPath, [...process.execArgv, import.meta.filename, String(index)], { stdio: 'inherit' });
  }
} else if (Number(number) < cases.length) {
  await measure(cases[Number(number)] as Case);
} else {
  await measureKernel(kernelCases[Number(number) - cases.length] as KernelCase);
}
