/** How results are told: to people as they come, or as one document for machines. */

import { visible } from '../core/visible.ts';
import type { TestResult } from './test-kind.ts';

/** How many tests ended how. */
export interface Summary {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export interface Reporter {
  /** Before the first test; how many there will be. */
  begin(count: number): void;
  result(result: TestResult): void;
  end(results: readonly TestResult[], summary: Summary): void;
}

interface Output {
  write(text: string): unknown;
}

/** What is told beside results: of coverage. */
export interface Told {
  /** For people, at the end; a line each. */
  lines(): readonly string[];
  /** For machines, under the key `coverage`. */
  data(): object;
}

/** Where reports go. */
export interface ReportStreams {
  readonly out: Output;
  readonly err: Output & { readonly isTTY?: boolean; readonly columns?: number };
}

const reportForms = ['text', 'json', 'junit', 'tap'] as const;

export type ReportForm = (typeof reportForms)[number];

/** The last line of every run. */
function summaryLine({ passed, failed, skipped }: Summary): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** Reports as text while tests run, in other forms when they are over. */
export function makeReporter(form: ReportForm, streams: ReportStreams, told?: Told): Reporter {
  if (form === 'text') return new TextReporter(streams, told);
  const render = { json: jsonOf, junit: junitOf, tap: tapOf }[form];
  return {
    begin: () => {},
    result: () => {},
    end(results, summary) {
      streams.out.write(render(results, summary, told));
      if (form !== 'json') streams.err.write(linesOf(told));
      streams.err.write(`${summaryLine(summary)}\n`);
    },
  };
}

/** For people: a line of progress on a terminal, what failed with its reasons, what was skipped and why. */
class TextReporter implements Reporter {
  readonly #streams: ReportStreams;
  readonly #told: Told | undefined;
  #count = 0;
  #done = 0;

  constructor(streams: ReportStreams, told: Told | undefined) {
    this.#streams = streams;
    this.#told = told;
  }

  begin(count: number): void {
    this.#count = count;
  }

  result(result: TestResult): void {
    this.#done++;
    if (result.status === 'failed') {
      this.#progress('');
      const lines = result.because.map((line) => `    ${line}\n`);
      this.#streams.out.write(`FAIL ${placeOf(result)} ${result.suite}: ${result.name}\n${lines.join('')}`);
    }
    this.#progress(`${this.#done}/${this.#count} ${result.name}`);
  }

  end(results: readonly TestResult[], summary: Summary): void {
    this.#progress('');
    const skipped = results.filter(({ status }) => status === 'skipped');
    for (const [why, group] of Map.groupBy(skipped, ({ because }) => because.join('; '))) {
      const which = group.length === 1 ? `${group[0]?.name}` : `${group.length} tests`;
      this.#streams.out.write(`skipped ${which}: ${why}\n`);
    }
    this.#streams.out.write(`${linesOf(this.#told)}${summaryLine(summary)}\n`);
  }

  #progress(text: string): void {
    const { err } = this.#streams;
    if (err.isTTY) err.write(`\r\u001b[K${visible(text).slice(0, (err.columns ?? 80) - 1)}`);
  }
}

function linesOf(told: Told | undefined): string {
  return (told?.lines() ?? []).map((line) => `${line}\n`).join('');
}

function placeOf({ file, line }: TestResult): string {
  return `${file}:${line}`;
}

/** One object; times in milliseconds. */
function jsonOf(results: readonly TestResult[], summary: Summary, told: Told | undefined): string {
  return `${JSON.stringify({ tests: results, summary, ...(told ? { coverage: told.data() } : {}) })}\n`;
}

/** Test Anything Protocol 14, testanything.org. */
function tapOf(results: readonly TestResult[]): string {
  const lines = results.map((result, index) => {
    const { status, suite, name, because } = result;
    const point = `${status === 'failed' ? 'not ok' : 'ok'} ${index + 1} - ${escapeTap(`${suite}: ${name}`)}`;
    if (status === 'skipped') return `${point} # SKIP ${escapeTap(because.join('; '))}`;
    if (status === 'passed') return point;
    return [
      point,
      '  ---',
      `  at: ${JSON.stringify(placeOf(result))}`,
      '  because:',
      ...because.map((line) => `    - ${JSON.stringify(line)}`),
      '  ...',
    ].join('\n');
  });
  return ['TAP version 14', `1..${results.length}`, ...lines, ''].join('\n');
}

function escapeTap(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('#', '\\#').replaceAll('\n', ' ');
}

/** JUnit's XML as CI systems read it: a suite for each rule of a file; times in seconds. */
function junitOf(results: readonly TestResult[], { failed, skipped }: Summary): string {
  const seconds = (some: readonly TestResult[]) => (some.reduce((sum, { ms }) => sum + ms, 0) / 1000).toFixed(3);
  const attributes = (some: readonly TestResult[], failures: number, skips: number) =>
    `tests="${some.length}" failures="${failures}" errors="0" skipped="${skips}" time="${seconds(some)}"`;
  const suites = [...Map.groupBy(results, ({ file, suite }) => `${file}\0${suite}`).values()].map((group) => {
    const count = (status: TestResult['status']) => group.filter((each) => each.status === status).length;
    const { suite = '', file = '' } = group[0] ?? {};
    const cases = group.map((result) => junitCase(result, seconds([result])));
    const head = `  <testsuite name="${xml(suite)}" file="${xml(file)}" ${attributes(group, count('failed'), count('skipped'))}>`;
    return [head, ...cases, '  </testsuite>'].join('\n');
  });
  const head = `<testsuites name="falco-pipe test" ${attributes(results, failed, skipped)}>`;
  return ['<?xml version="1.0" encoding="UTF-8"?>', head, ...suites, '</testsuites>', ''].join('\n');
}

function junitCase({ file, line, suite, name, status, because }: TestResult, seconds: string): string {
  const start = `    <testcase classname="${xml(suite)}" name="${xml(name)}" file="${xml(file)}" line="${line}" time="${seconds}"`;
  if (status === 'passed') return `${start}/>`;
  const text = xml(because.join('\n'));
  const inside =
    status === 'skipped'
      ? `<skipped message="${text}"/>`
      : `<failure message="${xml(because[0] ?? '')}">${text}</failure>`;
  return `${start}>${inside}</testcase>`;
}

/** Text for XML 1.0, in which most control characters cannot be written at all. */
function xml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\n': '&#10;' };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what has to go
  const printable = text.toWellFormed().replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd');
  return printable.replace(/[&<>"\n]/g, (char) => entities[char] ?? char);
}
