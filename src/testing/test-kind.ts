/** The frame of `falco-pipe test`: kinds of test files, told apart by their form, all with one kind of result. */

import type { PipelineDocument } from '../pipeline/plan/document.ts';
import type { Contents } from '../pipeline/plan/watch.ts';
import type { Rule } from '../rules/index.ts';
import type { Coverage } from './rule-coverage/coverage.ts';

/** A file of tests. */
export interface TestFile {
  /** As the user named it. */
  readonly path: string;
  readonly document: PipelineDocument;
  /** The document as plain values. */
  readonly value: unknown;
  /** Paths of the rules files that it is about: those named on the command line, else those beside it. */
  readonly rules: readonly string[];
}

/** What became of one test. */
export interface TestResult {
  readonly file: string;
  /** Where the test stands in its file, from 1. */
  readonly line: number;
  /** What is tested: the name of a rule, or of a pipeline. */
  readonly suite: string;
  readonly name: string;
  readonly status: 'passed' | 'failed' | 'skipped';
  /** How long it took, in milliseconds. */
  readonly ms: number;
  /** Why it failed or was skipped, a line each; nothing when it passed. */
  readonly because: readonly string[];
}

export interface TestContext {
  /** Tests that may run at once, where a kind of test takes time. */
  readonly parallel: number;
  /** Socket of a container engine that offers Docker's API; undefined: the usual ones. */
  readonly engine: string | undefined;
  /** Aborted when the user wants no more of it: what runs is ended and undone, the rest is not begun. */
  readonly signal: AbortSignal;
  /** Where it is asked for which parts of rules the tests decide. */
  readonly coverage?: Coverage | undefined;
  report(result: TestResult): void;
}

/** The tests of a file, checked. */
export interface Suite {
  /** How many there are. */
  readonly count: number;
  /** The rules that they are about. */
  readonly rules?: readonly Rule[];
  /** What else they are made of, beside their own file and those of the rules, as it was read. */
  readonly reads?: Contents;
}

/** A kind of test file. */
export interface TestKind<Checked extends Suite = Suite> {
  /** For people: "event-generator scenarios". */
  readonly name: string;
  /** Whether a document has the form of this kind, though it may have errors. */
  recognises(value: unknown): boolean;
  /**
   * Finds everything that can be wrong with a file before any test runs.
   * @throws UserError with the places of all that is wrong
   */
  load(file: TestFile): Promise<Checked>;
  /** Runs the tests of some files; each is reported once. Rejects when none can run at all. */
  run(suites: readonly Checked[], context: TestContext): Promise<void>;
  /** Those tests for which it may matter that these rules, by name, have changed. Absent: all. */
  touched?(suite: Checked, changed: ReadonlySet<string>): Checked;
}

/** Keeps what belongs together typed: what `load` makes is what `run` gets. */
export function defineTestKind<Checked extends Suite>(kind: TestKind<Checked>): TestKind {
  return kind as unknown as TestKind;
}
