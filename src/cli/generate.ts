/** `falco-pipe generate`: does what raises Falco's rules; alone, as a load, or to see whether another detector notices. */

import { duration } from '../core/config.ts';
import { exitCode, UserError } from '../core/errors.ts';
import { type Action, chooseActions, loadActions } from '../testing/actions/action.ts';
import { type Performed, Performer } from '../testing/actions/performer.ts';
import { Receiver } from '../testing/actions/receiver.ts';
import { repeat } from '../testing/actions/repeat.ts';
import { verify } from '../testing/actions/verify.ts';
import { makeReporter, type ReportForm } from '../testing/report.ts';
import type { TestResult } from '../testing/test-kind.ts';
import { table } from './list.ts';

export interface GenerateOptions {
  readonly output: string;
  readonly list?: boolean;
  readonly all?: boolean;
  readonly loop?: boolean;
  readonly rate?: string;
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
  const timeout = timeoutOf(options.timeout);
  if (against !== undefined && (loop || rate !== undefined))
    throw usage('--against looks at each action once, by itself');
  if (against === undefined && !['text', 'json'].includes(options.output))
    throw usage(`-o ${options.output} is for --against, which has something to report`);
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);
  const { signal } = stop;
  const performer = new Performer(options.engine, signal);
  try {
    const failed =
      against === undefined
        ? await perform(actions, performer, { rate, loop, signal, isJson: options.output === 'json' })
        : await check(actions, performer, { against, timeout, signal, form: options.output as ReportForm });
    if (failed > 0 || (signal.aborted && !loop)) process.exitCode = exitCode.failure;
  } finally {
    await performer.close();
    for (const each of ['SIGINT', 'SIGTERM'] as const) process.off(each, interrupt);
  }
}

function print(actions: readonly Action[], output: string): void {
  const rows = actions.map(({ scenario, isDefault, inContainer, ...action }) => ({
    ...action,
    default: isDefault,
    needs: inContainer ? ['root', 'container engine'] : ['root'],
  }));
  if (output === 'json') process.stdout.write(`${JSON.stringify(rows)}\n`);
  else
    process.stdout.write(
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
  readonly rate: number | undefined;
  readonly loop: boolean;
  readonly signal: AbortSignal;
  readonly isJson: boolean;
}

/** Performs actions and tells of each; in a loop of what went wrong only, once. The result is how many failed. */
async function perform(
  actions: readonly Action[],
  performer: Performer,
  { isJson, ...repetition }: Performing,
): Promise<number> {
  const counts = { performed: 0, failed: 0, skipped: 0 };
  const told = new Set<string>();
  const skipped: { name: string; why: string }[] = [];
  const began = performance.now();
  await repeat(actions, repetition, async (action) => {
    const done = await performer.perform(action);
    counts[done.status]++;
    const line = isJson ? jsonLine(action, done) : textLine(action, done);
    if (done.status === 'skipped') skipped.push({ name: action.name, why: done.because.join('; ') });
    if (isJson || !repetition.loop || (done.status === 'failed' && !told.has(line))) process.stdout.write(line);
    told.add(line);
    return done.status !== 'skipped';
  });
  const seconds = (performance.now() - began) / 1000;
  const pace = repetition.loop ? `, ${(counts.performed / seconds).toFixed(1)} a second` : '';
  const sum = `${counts.performed} performed, ${counts.failed} failed, ${counts.skipped} skipped${pace}\n`;
  if (isJson) process.stderr.write(sum);
  else process.stdout.write(`${skippedLines(skipped)}${sum}`);
  return counts.failed;
}

function jsonLine({ name, rule }: Action, { status, because, ms }: Performed): string {
  return `${JSON.stringify({ name, rule, status, ms, because })}\n`;
}

function textLine({ name, rule }: Action, { status, because }: Performed): string {
  if (status === 'skipped') return '';
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

interface Checking {
  readonly against: string;
  readonly timeout: number;
  readonly signal: AbortSignal;
  readonly form: ReportForm;
}

/** Performs actions one by one and looks for the alert of each. The result is how many failed. */
async function check(
  actions: readonly Action[],
  performer: Performer,
  { against, timeout, signal, form }: Checking,
): Promise<number> {
  const receiver = await Receiver.listen(against);
  const reporter = makeReporter(form, { out: process.stdout, err: process.stderr });
  const results: TestResult[] = [];
  try {
    reporter.begin(actions.length);
    for (const action of actions) {
      if (signal.aborted) break;
      const result = await verify(action, { performer, receiver, timeout, signal });
      results.push(result);
      reporter.result(result);
    }
  } finally {
    await receiver.close();
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

function timeoutOf(text: string): number {
  const { success, data } = duration().safeParse(text);
  if (success) return data;
  throw usage(`--timeout needs a time such as 10s, not "${text}"`);
}

function usage(message: string): UserError {
  return new UserError(message, { exit: exitCode.usage });
}
