/** `falco-pipe generate`: does what raises Falco's rules; alone, as a load, or to see whether another detector notices. */

import { wait } from '../core/config.ts';
import { exitCode, UserError } from '../core/errors.ts';
import { type Action, chooseActions, loadActions } from '../testing/actions/action.ts';
import { Arrivals } from '../testing/actions/arrivals.ts';
import { type Performed, Performer } from '../testing/actions/performer.ts';
import { Receiver } from '../testing/actions/receiver.ts';
import { type Repetition, repeat } from '../testing/actions/repeat.ts';
import { type Verification, verify } from '../testing/actions/verify.ts';
import { makeReporter, type ReportForm } from '../testing/report.ts';
import type { TestResult } from '../testing/test-kind.ts';
import { table } from './list.ts';
import { say } from './say.ts';

export interface GenerateOptions {
  readonly output: string;
  readonly list?: boolean;
  readonly all?: boolean;
  readonly loop?: boolean;
  readonly rate?: string;
  readonly for?: string;
  readonly against?: string;
  readonly timeout: string;
  readonly engine?: string;
}

/** Sets exit status 1 when an action failed, or its alert did not come. */
export async function generate(pattern: string | undefined, options: GenerateOptions): Promise<void> {
  const actions = chooseActions(loadActions(), pattern ?? '', options.all === true);
  if (options.list) return print(actions, options.output);
  const { against, loop = false } = options;
  const rate = rateOf(options.rate);
  const timeout = timeOf('--timeout', options.timeout);
  const limit = options.for === undefined ? undefined : timeOf('--for', options.for);
  const isLoad = loop || rate !== undefined;
  if (limit !== undefined && !loop) throw usage('--for is for --loop: it ends by itself otherwise');
  if ((against === undefined || isLoad) && !['text', 'json'].includes(options.output))
    throw usage(`-o ${options.output} is for --against without --loop and --rate, which reports on each action`);
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);
  const timer = limit === undefined ? undefined : setTimeout(interrupt, limit);
  const { signal } = stop;
  const performer = new Performer(options.engine, signal);
  const receiver = against === undefined ? undefined : await Receiver.listen(against);
  try {
    const repetition = { rate, loop, signal };
    const failed =
      receiver === undefined || isLoad
        ? await perform(actions, performer, { repetition, isJson: options.output === 'json', receiver, timeout })
        : await check(actions, { performer, receiver, timeout, signal }, options.output as ReportForm);
    if (failed > 0 || (signal.aborted && !loop)) process.exitCode = exitCode.failure;
  } finally {
    clearTimeout(timer);
    await performer.close();
    await receiver?.close();
    for (const each of ['SIGINT', 'SIGTERM'] as const) process.off(each, interrupt);
  }
}

function print(actions: readonly Action[], output: string): void {
  const rows = actions.map(({ scenario, isDefault, inContainer, ...action }) => ({
    ...action,
    default: isDefault,
    needs: inContainer ? ['root', 'container engine'] : ['root'],
  }));
  if (output === 'json') say(`${JSON.stringify(rows)}\n`);
  else
    say(
      table(
        actions.map(({ name, maturity, inContainer, rule }) => ({
          name,
          maturity,
          where: inContainer ? 'container' : 'host',
          rule,
        })),
      ),
    );
}

interface Performing {
  readonly repetition: Repetition;
  readonly isJson: boolean;
  /** Where alerts come, when another detector is looked at. */
  readonly receiver: Receiver | undefined;
  /** ms without an alert after which no more is waited for. */
  readonly timeout: number;
}

/**
 * Performs actions and tells of each; in a loop of what went wrong only, once. The result is how many failed, and how many
 * alerts did not come.
 */
async function perform(
  actions: readonly Action[],
  performer: Performer,
  { repetition, isJson, receiver, timeout }: Performing,
): Promise<number> {
  const counts = { performed: 0, failed: 0, skipped: 0, interrupted: 0 };
  const told = new Set<string>();
  const tell = (line: string) => {
    if (!told.has(line)) say(line);
    told.add(line);
  };
  const skipped: { name: string; why: string }[] = [];
  const arrivals = new Arrivals();
  if (receiver) receiver.onAlert = (alert) => arrivals.add(alert);
  const began = performance.now();
  await repeat(actions, repetition, async (action) => {
    const { rule } = action;
    const done = await performer.perform(action, (id) => receiver && arrivals.begun(rule, id));
    const { status, because } = done;
    counts[status]++;
    if (status === 'skipped') skipped.push({ name: action.name, why: because.join('; ') });
    else if (status !== 'performed') arrivals.undone(rule, done.id);
    if (isJson) say(jsonLine(action, done));
    else if (status === 'failed' || !repetition.loop) tell(textLine(action, done));
    return status !== 'skipped';
  });
  const seconds = (performance.now() - began) / 1000;
  const out = isJson ? process.stderr : { write: say };
  if (!isJson) out.write(skippedLines(skipped));
  const lost = receiver ? await tellMissing(arrivals, timeout, out) : 0;
  const interrupted = counts.interrupted > 0 ? `, ${counts.interrupted} interrupted` : '';
  const pace = repetition.loop ? `, ${(counts.performed / seconds).toFixed(1)} a second` : '';
  const came = receiver ? `, ${arrivals.came} of their ${arrivals.came + lost} alerts came` : '';
  out.write(
    `${counts.performed} performed, ${counts.failed} failed, ${counts.skipped} skipped${interrupted}${pace}${came}\n`,
  );
  return counts.failed + lost;
}

/** A line for each rule of which alerts are missing; the result is how many in all. */
async function tellMissing(
  arrivals: Arrivals,
  timeout: number,
  out: { write(text: string): unknown },
): Promise<number> {
  await arrivals.all(timeout);
  for (const [rule, count] of arrivals.missing) out.write(`missing ${count} of "${rule}"\n`);
  return arrivals.missing.values().reduce((sum, count) => sum + count, 0);
}

function jsonLine({ name, rule }: Action, { status, because, ms }: Performed): string {
  return `${JSON.stringify({ name, rule, status, ms, because })}\n`;
}

function textLine({ name, rule }: Action, { status, because }: Performed): string {
  if (status === 'skipped' || status === 'interrupted') return '';
  if (status === 'performed') return `${name}: ${rule}\n`;
  return `FAIL ${name}\n${because.map((line) => `    ${line}\n`).join('')}`;
}

/** A line for each reason. */
function skippedLines(skipped: readonly { readonly name: string; readonly why: string }[]): string {
  const lines = [...Map.groupBy(skipped, ({ why }) => why)].map(([why, group]) => {
    const which = group.length === 1 ? `${group[0]?.name}` : `${group.length} actions`;
    return `skipped ${which}: ${why}\n`;
  });
  return lines.join('');
}

/** Performs actions one by one and looks for the alert of each. The result is how many failed. */
async function check(actions: readonly Action[], verification: Verification, form: ReportForm): Promise<number> {
  const reporter = makeReporter(form, { out: { write: say }, err: process.stderr });
  const results: TestResult[] = [];
  reporter.begin(actions.length);
  for (const action of actions) {
    if (verification.signal.aborted) break;
    const result = await verify(action, verification);
    results.push(result);
    reporter.result(result);
  }
  const count = (status: TestResult['status']) => results.filter((result) => result.status === status).length;
  reporter.end(results, { passed: count('passed'), failed: count('failed'), skipped: count('skipped') });
  return count('failed');
}

function rateOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const rate = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && rate > 0 && rate <= 1000) return rate;
  throw usage(`--rate needs a number of actions a second, at most 1000, not "${text}"`);
}

function timeOf(option: string, text: string): number {
  const { success, data } = wait().safeParse(text);
  if (success) return data;
  throw usage(`${option} needs a time such as 10s, not "${text}"`);
}

function usage(message: string): UserError {
  return new UserError(message, { exit: exitCode.usage });
}
