/** What there is to say of the coverage of rules: to people, and as data. */

import type { CheckCoverage, Coverage, RuleCoverage } from './coverage.ts';

/** The rules that count: one that is disabled counts when tests are about it. */
export function countedRules(coverage: Coverage): readonly RuleCoverage[] {
  return coverage.rules.filter(({ enabled, positive, negative }) => enabled || positive || negative);
}

/** The checks of some rules that events decide, each once. */
export function checksOf(rules: readonly RuleCoverage[]): readonly CheckCoverage[] {
  return [...new Set(rules.flatMap(({ checks }) => checks))].filter(({ isEmpty }) => !isEmpty);
}

/** What no test has shown of a rule; nothing when all is well. */
export function gapsOf({ matched, positive, negative }: RuleCoverage): readonly string[] {
  return [
    ...(matched ? [] : ['never raised']),
    ...(positive ? [] : ['no test expects it']),
    ...(negative ? [] : ['no test expects its silence']),
  ];
}

/** What a check never was; undefined when it was both true and false, or cannot be. */
export function gapOf({ isEmpty, isTrue, isFalse }: CheckCoverage): string | undefined {
  if (isEmpty || (isTrue && isFalse)) return undefined;
  return isTrue ? 'never false' : isFalse ? 'never true' : 'never looked at';
}

/** A line for each gap. */
export function gapLines(coverage: Coverage): readonly string[] {
  const rules = countedRules(coverage);
  return [
    ...rules.flatMap((rule) => {
      const gaps = gapsOf(rule);
      return gaps.length === 0 ? [] : [`${rule.file}:${rule.line} ${rule.name}: ${gaps.join(', ')}`];
    }),
    ...checksOf(rules).flatMap((check) => {
      const gap = gapOf(check);
      const text = check.text.length > 100 ? `${check.text.slice(0, 99)}…` : check.text;
      return gap === undefined ? [] : [`${check.place ?? '-'} ${text}: ${gap}`];
    }),
  ];
}

/** The sum, in one line. */
export function coverageLine(coverage: Coverage): string {
  const { rules, raised, tested, checks, decided } = coverageData(coverage);
  return `coverage: ${raised} of ${rules} rules raised, ${tested} with a positive and a negative test, ${decided} of ${checks} checks both true and false`;
}

/** The sum as data. */
export function coverageData(coverage: Coverage) {
  const rules = countedRules(coverage);
  const checks = checksOf(rules);
  return {
    rules: rules.length,
    raised: rules.filter(({ matched }) => matched).length,
    tested: rules.filter(({ positive, negative }) => positive && negative).length,
    checks: checks.length,
    decided: checks.filter((check) => gapOf(check) === undefined).length,
  };
}
