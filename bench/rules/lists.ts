/**
 * Lists from a file: what 2 million items cost to load and to keep, and what an event costs with them, next to 10 items
 * from a file and 10 in the rules file. CPU time; the ratios are of one run.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { catalogues } from '../../src/events/catalogue.ts';
import { kernelForm } from '../../src/events/kernel/form.ts';
import { EventRecord, recordForm } from '../../src/events/record.ts';
import { bindRules, type LoadResult, loadRules } from '../../src/rules/index.ts';
import { madeUp } from './shared/made-up.ts';
import { Replay } from './shared/replay.ts';

const MANY = 2_000_000;
const FEW = 10;
const EVENTS = 20_000;
const ROUNDS = 50;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const folder = mkdtempSync(join(tmpdir(), 'falco-pipe-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const address = (n: number) => `${1 + (n % 200)}.${(n >> 8) & 255}.${(n >> 16) & 255}.${(n * 7) & 255}`;

interface Case {
  readonly what: string;
  readonly condition: string;
  readonly item: (n: number) => string;
  readonly field: string;
  /** What events have: one of a hundred is in the list. */
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
];

function rulesFile(list: string, condition: string): LoadResult {
  const rule = `- rule: r\n  desc: d\n  condition: evt.type = openat and ${condition}\n  output: o\n  priority: INFO\n`;
  const path = join(folder, 'rules.yaml');
  const result = loadRules([{ name: 'rules.yaml', content: `- list: far\n  ${list}\n${rule}`, path }], { catalogues });
  if (!result.ok) throw new Error(result.diagnostics[0]?.message);
  return result;
}

/** Rules with that many items from a file, and the seconds of CPU that loading them took. */
function fromFile({ item, condition }: Case, count: number): { readonly loaded: LoadResult; readonly seconds: number } {
  writeFileSync(join(folder, 'far.txt'), Array.from({ length: count }, (_, n) => `${item(n)}\n`).join(''));
  const start = process.cpuUsage();
  const loaded = rulesFile('items_from: { file: far.txt }', condition);
  const { user, system } = process.cpuUsage(start);
  return { loaded, seconds: (user + system) / 1e6 };
}

/** Bytes in use, garbage left aside. */
function kept(): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** ns of CPU an event, the best of some rounds: what disturbs only adds. */
function cost({ rules }: LoadResult, { field, value }: Case): number {
  const events = Array.from(
    { length: EVENTS },
    (_, n) => new EventRecord('syscall', 'openat', BigInt(n), { [field]: Buffer.from(value(n)).toString() }),
  );
  const ruleset = bindRules(rules, recordForm, { matching: 'all' });
  let best = Number.POSITIVE_INFINITY;
  let hits = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.cpuUsage();
    for (const event of events) {
      ruleset.judge(
        event,
        () => hits++,
        (_, error) => {
          throw error;
        },
      );
    }
    const { user, system } = process.cpuUsage(start);
    best = Math.min(best, ((user + system) * 1000) / EVENTS);
  }
  if (hits === 0) throw new Error('nothing matched');
  return best;
}

// Each in a process of its own: what one has kept does not count for the next.
const [, , number] = process.argv;
if (number === undefined) {
  console.log(
    `${MANY.toLocaleString('en')} items from a file; targets: <= 5 s, <= 150 bytes an item, <= 1x the cost of 10`,
  );
  for (const index of cases.keys()) {
    spawnSync(process.execPath, [...process.execArgv, import.meta.filename, String(index)], { stdio: 'inherit' });
  }
  spawnSync(process.execPath, [...process.execArgv, import.meta.filename, 'among'], { stdio: 'inherit' });
} else if (number === 'among') {
  measureAmong();
} else {
  measure(cases[Number(number)] as Case);
}

function measure(each: Case): void {
  const few = cost(fromFile(each, FEW).loaded, each);
  const items = Array.from({ length: FEW }, (_, n) => JSON.stringify(each.item(n))).join(', ');
  const literal = cost(rulesFile(`items: [${items}]`, each.condition), each);
  const before = kept();
  const { loaded, seconds } = fromFile(each, MANY);
  const bytes = (kept() - before) / MANY;
  const many = cost(loaded, each);
  console.log(
    `${each.what.padEnd(24)} load ${seconds.toFixed(1)} s, ${bytes.toFixed(0)} bytes an item; an event ` +
      `${many.toFixed(0)} ns; of 10 from a file ${few.toFixed(0)} (${(many / few).toFixed(2)}x), ` +
      `of 10 in the rules ${literal.toFixed(0)} (${(many / literal).toFixed(2)}x)`,
  );
}

/** What all events of a workload cost with the rules of rules/host.yaml and one with a list, verdicts kept. */
function measureAmong(): void {
  const host = readFileSync(join(import.meta.dirname, '../../rules/host.yaml'), 'utf8');
  const replay = new Replay(madeUp());
  const condition = 'evt.type in (open, openat) and (fd.name in (far) or fd.name pmatch (far))';
  const costOf = (list: string) => {
    const content = `${host}\n- list: far\n  ${list}\n- rule: r\n  desc: d\n  condition: ${condition}\n  output: o\n  priority: INFO\n`;
    const { ok, rules } = loadRules([{ name: 'rules.yaml', content, path: join(folder, 'rules.yaml') }], {
      catalogues,
    });
    if (!ok) throw new Error('the rules do not load');
    const ruleset = bindRules(rules, kernelForm, { matching: 'all' });
    const fail = (_: unknown, error: unknown) => {
      throw error;
    };
    return replay.measure((event) => ruleset.judge(event, () => {}, fail));
  };
  const [paths] = cases as [Case];
  const write = (count: number) =>
    writeFileSync(join(folder, 'far.txt'), Array.from({ length: count }, (_, n) => `${paths.item(n)}\n`).join(''));
  const literal = costOf(`items: [${Array.from({ length: FEW }, (_, n) => paths.item(n)).join(', ')}]`);
  write(MANY);
  const many = costOf('items_from: { file: far.txt }');
  write(FEW);
  const few = costOf('items_from: { file: far.txt }');
  console.log(
    `among the rules of host.yaml, an event of a workload: ${many.toFixed(0)} ns; with 10 from a file ${few.toFixed(0)} ` +
      `(${(many / few).toFixed(2)}x), with 10 in the rules ${literal.toFixed(0)} (${(many / literal).toFixed(2)}x)`,
  );
}
