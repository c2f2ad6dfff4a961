/** `falco-pipe dlq`: events that sinks gave up, or operators failed on: list them, look at them, have them go on after all, or delete them. */

import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { counted } from '../core/counted.ts';
import { exitCode, UserError } from '../core/errors.ts';
import { visibleLine } from '../core/visible.ts';
import { parseRecord, recordJson } from '../events/record-json.ts';
import { redactCommon, redacted } from '../events/redact.ts';
import { loadPlan } from '../pipeline/plan/load.ts';
import { isOfSource, ownerOf, UNREADABLE } from '../store/keep.ts';
import { STATE_FILE } from '../store/messages.ts';
import { type DeadLetter, Store } from '../store/store.ts';
import { type Control, controlOf } from './control.ts';
import { say } from './say.ts';

export interface DlqOptions {
  readonly output: string;
  readonly state?: string;
  readonly pipeline?: string;
  readonly sink?: string;
  /** `list` has a line for each, however many there are. */
  readonly all?: boolean;
  /** False: `show` shows secrets too. */
  readonly redact?: boolean;
}

/** Which dead letters; nothing said: all. */
interface Choice {
  readonly sink?: string;
  readonly ids?: readonly number[];
}

/** What can be done with dead letters, in a state file or through the program that has it open. */
interface Letters {
  list(sink: string | undefined): Promise<readonly DeadLetter[]>;
  show(id: number): Promise<string | undefined>;
  retry(choice: Choice): Promise<unknown>;
  drop(choice: Choice): Promise<unknown>;
  close(): Promise<void>;
}

/** Runs `list`, `show ID…`, `retry [ID…]` or `drop [ID…]` on the state of a pipeline. */
export async function dlq(action: string, ids: readonly string[], options: DlqOptions): Promise<void> {
  const numbers = ids.map((id) => {
    if (!/^\d+$/.test(id)) throw new UserError(`"${id}" is no number of a dead letter`, { exit: exitCode.usage });
    return Number(id);
  });
  const folder = await stateFolder(options.pipeline, options.state);
  const letters = await open(folder);
  try {
    if (action === 'list') list(await letters.list(options.sink), options);
    else if (action === 'show') await show(letters, numbers, options.redact !== false);
    else if (action === 'retry') await retry(letters, numbers, options.sink);
    else if (action === 'drop') await drop(letters, numbers, options.sink);
    else
      throw new UserError(`There is no "dlq ${action}"; there are list, show, retry, drop`, { exit: exitCode.usage });
  } finally {
    await letters.close();
  }
}

async function stateFolder(pipeline: string | undefined, state: string | undefined): Promise<string> {
  if (state !== undefined) return resolve(state);
  const planned =
    pipeline === undefined ? undefined : (await loadPlan(pipeline, [], new Map(), { fetches: false })).plan.state;
  if (planned !== undefined) return planned;
  const message = 'Name the state folder with --state, or a pipeline that has a `state:`';
  throw new UserError(message, { exit: exitCode.usage });
}

async function open(folder: string): Promise<Letters> {
  const control = await controlOf(({ state_folder: other }) => other === folder);
  if (control) return remote(control);
  // To open it would make one, and that would be said to have no dead letters.
  if (!isThere(join(folder, STATE_FILE))) {
    const message = `There is no state in ${folder}: no falco-pipe has run with it as --state or \`state:\``;
    throw new UserError(message, { exit: exitCode.unavailable });
  }
  const store = await Store.open(folder, () => {});
  return {
    list: (sink) => store.dead(sink),
    show: (id) => store.letter(id),
    retry: (choice) => store.exhume(choice),
    drop: (choice) => store.discard(choice),
    close: () => store.close(),
  };
}

// What may not be looked at may well be there: opening it says why it cannot be.
function isThere(path: string): boolean {
  try {
    statSync(path);
    return true;
  } catch (error) {
    return !['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
  }
}

function remote(control: Control): Letters {
  return {
    list: async (sink) =>
      (await control.get(`/dlq${sink === undefined ? '' : `?sink=${encodeURIComponent(sink)}`}`)) as DeadLetter[],
    show: async (id) => (await control.get(`/dlq/letter?id=${id}`)) as string | undefined,
    retry: (choice) => control.post('/dlq/retry', choice),
    drop: (choice) => control.post('/dlq/drop', choice),
    close: async () => {},
  };
}

function list(letters: readonly DeadLetter[], { output, all = false }: DlqOptions): void {
  if (output === 'json') {
    for (const letter of letters) say(`${JSON.stringify(letter)}\n`);
    return;
  }
  if (letters.length === 0) say('no dead letters\n');
  if (letters.length > MANY && !all) sum(letters);
  else for (const letter of letters) say(`${lineOf(letter)}\n`);
}

/** Of more than these it is said what they are together. */
const MANY = 20;

function lineOf({ id, sink, reason, message, time, count }: DeadLetter): string {
  return `${id}  ${new Date(time).toISOString()}  ${sink}  ${counted(count, 'event')}  ${reason}${because(message)}`;
}

// By whose they are and why; the most first.
function sum(letters: readonly DeadLetter[]): void {
  const groups = [...Map.groupBy(letters, ({ sink, reason }) => `${sink}  ${reason}`)];
  for (const [of, own] of groups.toSorted(([, a], [, b]) => eventsIn(b) - eventsIn(a))) {
    const { id, time, message } = own.at(-1) as DeadLetter;
    const newest = `the newest ${id} at ${new Date(time).toISOString()}${because(message)}`;
    say(`${counted(own.length, 'letter')}  ${counted(eventsIn(own), 'event')}  ${of}, ${newest}\n`);
  }
  const all = `${counted(letters.length, 'dead letter')} with ${counted(eventsIn(letters), 'event')}`;
  say(`${all}; 'dlq list --all' has a line for each, 'dlq show ID' has the events of one\n`);
}

function because(message: string): string {
  return message ? `: ${visibleLine(message)}` : '';
}

function eventsIn(letters: readonly DeadLetter[]): number {
  return letters.reduce((sum, { count }) => sum + count, 0);
}

async function show(letters: Letters, ids: readonly number[], redact: boolean): Promise<void> {
  if (ids.length === 0) throw new UserError('dlq show: name dead letters by number', { exit: exitCode.usage });
  for (const id of ids) {
    const text = await letters.show(id);
    if (text === undefined) throw new UserError(`There is no dead letter ${id}`);
    say(`${redact ? text.split('\n').map(clean).join('\n') : text}\n`);
  }
}

// What is shown may end in a ticket. The letter itself stays whole: what its sink takes out it takes out again.
function clean(line: string): string {
  const parsed = parseRecord(line, { file: 'dead letter', line: 1 });
  return 'record' in parsed ? recordJson(redacted(parsed.record, redactCommon)) : redactCommon(line);
}

async function retry(letters: Letters, ids: readonly number[], sink: string | undefined): Promise<void> {
  const chosen = await chosenOf(letters, ids, sink);
  const before = chosen.filter((letter) => !isOfSource(letter.sink));
  const [rejected] = chosen.filter((letter) => isOfSource(letter.sink));
  if (rejected && ids.length > 0) {
    throw new UserError(`Dead letter ${rejected.id} is what the ${rejected.sink} rejected: it is no event to deliver`);
  }
  const damaged = await damagedOf(letters, before);
  const [lost] = damaged;
  if (lost !== undefined && ids.length > 0) {
    throw new UserError(
      `Dead letter ${lost} cannot be read: it would only come back; 'dlq show' prints what is left of it`,
    );
  }
  const lacking = new Set(damaged);
  const whole = before.filter(({ id }) => !lacking.has(id));
  const numbers = damaged.length === 0 ? ids : whole.map(({ id }) => id);
  if (damaged.length === 0 || whole.length > 0) await letters.retry(choiceOf(numbers, sink));
  say(`${waitingText(whole)}\n`);
  if (damaged.length > 0) say(`${damagedText(damaged)}\n`);
}

function damagedText(ids: readonly number[]): string {
  const more = ids.length > 10 ? ` and ${ids.length - 10} more` : '';
  const [those, stay] = ids.length === 1 ? ['dead letter', 'stays'] : ['dead letters', 'stay'];
  return `${those} ${ids.slice(0, 10).join(', ')}${more} cannot be read and ${stay}: 'dlq show' prints what is left`;
}

function waitingText(letters: readonly DeadLetter[]): string {
  if (letters.length === 0) return 'no dead letters to deliver';
  const events = eventsIn(letters);
  const kinds = [...new Set(letters.map((letter) => ownerOf(letter.sink).split(' ')[1]))];
  const [wait, their] =
    letters.length === 1
      ? ['waits', `its ${kinds[0]}`]
      : ['wait', `their ${kinds.map((kind) => `${kind}s`).join(' and ')}`];
  return `${counted(letters.length, 'dead letter')} with ${counted(events, 'event')} ${wait} for ${their}`;
}

/** Those of which nothing can be read: put back, they would be dead letters again at once. */
async function damagedOf(letters: Letters, chosen: readonly DeadLetter[]): Promise<readonly number[]> {
  const damaged: number[] = [];
  for (const { id, reason } of chosen) {
    // All others were written by who has had their events.
    if (reason !== UNREADABLE) continue;
    const lines = (await letters.show(id))?.split('\n') ?? [];
    if (lines.every((line) => 'problem' in parseRecord(line, { file: 'dead letter', line: 1 }))) damaged.push(id);
  }
  return damaged;
}

async function drop(letters: Letters, ids: readonly number[], sink: string | undefined): Promise<void> {
  if (ids.length === 0 && sink === undefined)
    throw new UserError('dlq drop: name dead letters by number, or --sink ID', { exit: exitCode.usage });
  const chosen = await chosenOf(letters, ids, sink);
  await letters.drop(choiceOf(ids, sink));
  const events = eventsIn(chosen);
  const were = chosen.length === 1 ? 'was' : 'were';
  say(`${counted(chosen.length, 'dead letter')} with ${counted(events, 'event')} ${were} deleted\n`);
}

// Throws a UserError that names what there is not.
async function chosenOf(
  letters: Letters,
  ids: readonly number[],
  sink: string | undefined,
): Promise<readonly DeadLetter[]> {
  const all = await letters.list(undefined);
  const own = sink === undefined ? all : all.filter((letter) => letter.sink === sink);
  const numbers = new Set(own.map(({ id }) => id));
  const missing = ids.find((id) => !numbers.has(id));
  const of = sink === undefined ? '' : ` of ${ownerOf(sink)}`;
  if (missing !== undefined) throw new UserError(`There is no dead letter ${missing}${of}`);
  if (sink !== undefined && own.length === 0) {
    const others = [...new Set(all.map((letter) => letter.sink))];
    const there = others.length > 0 ? `there are some of ${others.join(', ')}` : 'nor any other';
    throw new UserError(`There is no dead letter${of}; ${there}`);
  }
  const asked = new Set(ids);
  return own.filter(({ id }) => ids.length === 0 || asked.has(id));
}

function choiceOf(ids: readonly number[], sink: string | undefined): Choice {
  return { ...(sink === undefined ? {} : { sink }), ...(ids.length === 0 ? {} : { ids }) };
}
