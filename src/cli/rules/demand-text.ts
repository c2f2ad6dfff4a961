/** `rules demand` for people: event types under those because of which most of them is sent. */

import { counted } from '../../core/counted.ts';
import { clausesText, clauseText, someOf } from './explain-needs.ts';
import { type Asker, type Extra, isFailure, type KernelDemand, type SentCall, type Wish } from './kernel-demand.ts';
import type { Live, Rate } from './live-rates.ts';
import { indented, list } from './rules-text.ts';

/** What the kernel sends for each source. */
export function demandText(demands: readonly KernelDemand[], live: Live | undefined): string {
  if (demands.length === 0) return 'No source here is the kernel: nothing is asked of it.\n';
  const stale = (pid: number) => [
    `The program (pid ${pid}) runs another version of this pipeline.`,
    'If it was started with --set, say the same here.',
    '',
  ];
  const parts = demands.map((demand) => sourceLines(demand, live?.rates(demand.source.id)).join('\n'));
  return `${[...(live?.current === false ? stale(live.pid) : []), parts.join('\n\n')].join('\n')}\n`;
}

function sourceLines({ source, pushdown, calls, lives, extras }: KernelDemand, rates?: Rates): readonly string[] {
  const off = pushdown ? [] : ['pushdown is off: the kernel drops nothing, whatever rules ask for.'];
  const sentOf = ({ type }: SentCall) => rates?.get(type)?.sent ?? 0;
  const ordered = calls.toSorted((a, b) => a.looseness - b.looseness || sentOf(b) - sentOf(a));
  const blocks = [...Map.groupBy(ordered, blockOf).values()];
  const sections = Map.groupBy(blocks, ([call]) => SECTIONS[(call as SentCall).looseness] as string);
  return [
    `What the kernel sends to ${source.id}`,
    ...off,
    ...(rates === undefined ? [] : [mostSent(rates)]),
    ...[...sections].flatMap(([title, some]) => [
      '',
      title,
      ...some.flatMap((block) => blockLines(block, pushdown, rates)),
    ]),
    '',
    'Sent always, for it says what processes are',
    ...lifeLines(lives, rates),
    ...(extras.length === 0 ? [] : ['', 'Collected because it is read', ...extras.flatMap(extraLines)]),
  ];
}

function lifeLines(lives: KernelDemand['lives'], rates: Rates | undefined): readonly string[] {
  const groups = Map.groupBy(lives, ([type, { askers }]) => `${askersText(askers)}${rates === undefined ? '' : type}`);
  return [...groups.values()].map((group) => {
    const [[, { counted: name, askers }]] = group as [(typeof group)[number]];
    const rate = rates?.get(name);
    const often = rate === undefined ? '' : `; ${rateText(rate)}`;
    return `  ${list(group.map(([type]) => type))}: ${askersText(askers)}${often}`;
  });
}

type Rates = ReadonlyMap<string, Rate>;

/** So many values, and rules, are named. */
const SHOWN = 5;

const inner = (text: string) => indented(text).replaceAll(/^/gm, '  ');

/** Titles by how loose what is sent is. */
const SECTIONS = [
  'Sent, every one',
  'Sent, every one that ends so',
  'Sent, every one that is so',
  'Sent, what has such a path, address or port, or such a name of its thread',
  'Nothing is sent',
] as const;

/** Calls of which the same is sent for the same are one block. */
function blockOf({ clauses, wishes }: SentCall): string {
  return JSON.stringify([
    clauses.map((clause) => clauseText(clause)),
    wishes.map(({ asker }) => [asker.name, asker.operator]),
  ]);
}

function blockLines(block: readonly SentCall[], pushdown: boolean, rates: Rates | undefined): readonly string[] {
  const [{ clauses, looseness, wishes }] = block as [SentCall];
  const names = block.map(({ type }) => (isFailure(type) ? `${type} that fails` : type));
  const what = looseness === 0 || looseness === 4 ? [] : [inner(clausesText(clauses, SHOWN))];
  return [
    indented(`${list(names)}: ${askersText(wishes.map(({ asker }) => asker))}`),
    ...block.flatMap(({ type }) => {
      const rate = rates?.get(type);
      return rate === undefined ? [] : [`    ${type}: ${rateText(rate)}`];
    }),
    ...what,
    ...(pushdown ? becauseLines(looseness, wishes) : []),
  ];
}

/** Those who ask for as little as what is sent does: without them less would be. */
function becauseLines(looseness: number, wishes: readonly Wish[]): readonly string[] {
  if (looseness > 2) return [];
  const loose = wishes.filter((wish) => wish.looseness === looseness);
  if (loose.length === 0) return ['    because together they name more than the kernel looks for'];
  const rows = loose.map(({ asker: { name, rule }, untested }) => [
    name,
    rule === undefined ? '' : `${rule.place.file}:${rule.place.line}`,
    rule?.condition.eventTypes === 'all'
      ? 'names no event types'
      : untested.length === 0
        ? ''
        : `not tested: ${list(untested)}`,
  ]);
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const widths = [width(0), width(1), 0];
  const line = (row: readonly string[]) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
  return ['    because of', ...rows.map((row) => `      ${line(row).trimEnd()}`)];
}

/** "3 rules, calm". */
function askersText(askers: readonly Asker[]): string {
  const rules = askers.filter(({ rule }) => rule !== undefined).length;
  const others = askers.flatMap(({ rule, name }) => (rule === undefined ? [name] : []));
  const all = [...(rules === 0 ? [] : [counted(rules, 'rule')]), ...others];
  return all.length === 0 ? 'no rule' : list(all);
}

function rateText({ sent, filtered, lost }: Rate): string {
  return `${perSecond(sent)} sent, ${perSecond(filtered)} filtered, ${perSecond(lost)} lost a second`;
}

/** Where to look first. */
function mostSent(rates: Rates): string {
  const most = [...rates].filter(([, { sent }]) => sent > 0).sort(([, a], [, b]) => b.sent - a.sent);
  const all = most.reduce((sum, [, { sent }]) => sum + sent, 0);
  const named = most.slice(0, SHOWN).map(([name, { sent }]) => `${name} ${perSecond(sent)}`);
  return `A second since it started: ${perSecond(all)} sent${named.length === 0 ? '' : `, most of ${list(named)}`}`;
}

function perSecond(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: value < 10 ? 1 : 0 });
}

const EXTRAS: Readonly<Record<string, string>> = {
  environment: 'The environment of each program that begins',
  canonical_path: 'The canonical path of each file that is opened',
  file: 'Inode, device and mode of each file that is opened',
  data: 'The data of calls that read, write, send or receive',
  process_state: 'What the process is at that moment: memory, descriptors, streams',
  host_names: 'The addresses of hosts, looked up by their names',
  containers: 'What runtimes know of containers; events wait for it',
};

function extraLines({ name, readers }: Extra): readonly string[] {
  const fields = [...new Set(readers.flatMap((reader) => reader.fields))];
  const names = readers.map(({ asker }) => asker.name);
  return [`  ${EXTRAS[name] ?? name}`, inner(`${someOf(fields, 2 * SHOWN)}, for ${someOf(names, SHOWN)}`)];
}
