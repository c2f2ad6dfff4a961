/** Compiles what a rule prints. */

import type { Place } from '../../core/errors.ts';
import type { Catalogue } from '../../events/field.ts';
import {
  type AppendOutput,
  addedText,
  ExtraFieldProblem,
  entriesFor,
  placeOfAdded,
  withExtraFields,
} from '../output/append-output.ts';
import { type Format, parseFormat } from '../output/format.ts';
import type { ComposedText } from '../source.ts';
import { Problem } from '../syntax/problem.ts';
import type { PrintBytes } from '../values/values.ts';
import { type Issue, type IssueCode, LoadFailure, makeIssue } from '../yaml/issue.ts';
import { deprecatedFields } from './condition-warnings.ts';
import type { RuleDefinition } from './definitions.ts';

export interface CompiledOutput {
  /** Undefined where the rule is left out. */
  readonly format: Format | undefined;
  readonly warnings: readonly Issue[];
}

export interface OutputOptions {
  readonly appendOutput: readonly AppendOutput[];
  /** How bytes print; default: dots for what does not print. */
  readonly bytes?: PrintBytes | undefined;
}

type MakeIssue = (severity: Issue['severity'], code: IssueCode, problem: Problem) => Issue;

/** Compiles the output of a rule with what is added to it; `via` says which rule that is. Throws LoadFailure. */
export function compileOutput(
  rule: RuleDefinition,
  catalogue: Catalogue,
  { appendOutput, bytes }: OutputOptions,
  via: () => string,
): CompiledOutput {
  const entries = entriesFor(rule, appendOutput);
  const isObsolete = rule.output.text.includes('%container.info');
  const obsolete = isObsolete ? [makeIssue('warning', 'LOAD_DEPRECATED_ITEM', containerInfo, rule.context)] : [];
  const own = isObsolete ? without(rule.output, '%container.info') : rule.output;
  const output = entries.length === 0 ? own : own.concat(addedText(entries, catalogue));
  try {
    // Falco prints every message in the way that keeps absent values.
    const format = withExtraFields(parseFormat(`*${output.text}`, catalogue, bytes), entries, catalogue, bytes);
    return {
      format: { ...format, text: output.text },
      warnings: [...obsolete, ...ofDeprecatedFields(format, output, rule)],
    };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const make: MakeIssue = (severity, code, problem) => {
      // The star in front is not part of the text that the user wrote.
      const span = { start: Math.max(0, problem.span.start - 1), end: Math.max(1, problem.span.end - 1) };
      const extra = problem instanceof ExtraFieldProblem;
      const isAdded = extra || span.start >= own.text.length;
      const added = { start: span.start - own.text.length, end: span.end - own.text.length };
      const elsewhere = extra ? problem.place : isAdded ? placeOfAdded(entries, catalogue, added) : undefined;
      const place = elsewhere ?? (extra ? undefined : output.locate(span).place);
      const ways = isAdded ? ['added by append_output', via()] : [via()];
      return issueOf(severity, code, rule, problem, place, ways);
    };
    // As in Falco: a mistake in what is added as fields is that of the configuration, no rule's.
    if (error instanceof ExtraFieldProblem) throw new LoadFailure(make('error', 'LOAD_ERR_COMPILE_OUTPUT', error));
    const warning = skipUnknown(rule, error, 'LOAD_ERR_COMPILE_OUTPUT', make);
    return { format: undefined, warnings: [...obsolete, warning] };
  }
}

const containerInfo =
  '%container.info is deprecated and no more useful, and will be dropped by Falco 1.0.0. ' +
  'The container plugin will automatically add required fields to the output message.';

function without(text: ComposedText, part: string): ComposedText {
  const at = text.text.indexOf(part);
  return at < 0 ? text : without(text.replace(at, at + part.length, []), part);
}

/** Falco looks for the names in the text. */
function ofDeprecatedFields(
  { reads }: Format,
  output: ComposedText,
  { outputContext }: RuleDefinition,
): readonly Issue[] {
  return deprecatedFields
    .filter((field) => output.text.includes(field) || reads.some(({ text }) => text === field))
    .map((field) => {
      const message = `usage of deprecated field '${field}' has been detected in the rule output`;
      const start = output.text.indexOf(field);
      const place = start < 0 ? undefined : output.locate({ start, end: start + field.length }).place;
      const diagnostic = place === undefined ? {} : { at: place };
      return makeIssue('warning', 'LOAD_DEPRECATED_ITEM', message, outputContext, { diagnostic });
    });
}

function issueOf(
  severity: Issue['severity'],
  code: IssueCode,
  { outputContext }: RuleDefinition,
  { falco, message, options: { hint } }: Problem,
  at: Place | undefined,
  via: readonly string[],
): Issue {
  return makeIssue(severity, code, falco, outputContext, {
    diagnostic: { message, ...(at === undefined ? {} : { at }), ...(hint === undefined ? {} : { hint }), via },
  });
}

/**
 * With `skip-if-unknown-filter`, names that are not known are a warning and the rule is left out. Throws LoadFailure for
 * whatever else is wrong.
 */
export function skipUnknown(rule: RuleDefinition, problem: Problem, code: IssueCode, make: MakeIssue): Issue {
  const isForgiven = ({ options }: Problem) => rule.skipIfUnknownFilter && options.unknownName === true;
  if (isForgiven(problem)) return make('warning', 'LOAD_UNKNOWN_FILTER', problem);
  const others = problem.others.filter((each) => !isForgiven(each));
  throw new LoadFailure(
    make('error', code, problem),
    others.map((each) => make('error', code, each)),
  );
}
