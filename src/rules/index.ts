/** Falco's rule language: `falco-pipe/rules`. */

export type { AddedPart, AppendOutput } from './append-output.ts';
export type { Condition, ConditionOptions } from './condition.ts';
export { compileCondition, compileFormat } from './condition.ts';
export { describeRule, describeRules } from './describe.ts';
export type { Engine } from './engine.ts';
export type { EventTypeSet } from './event-types.ts';
export type { ExplainedNode, Explanation } from './explain.ts';
export { explainRule } from './explain.ts';
export type { BoundFormat, Format } from './format.ts';
export type { Issue, IssueCode } from './issue.ts';
export type { FileResult, LoadOptions, LoadResult, RulesFile } from './load.ts';
export { loadRules } from './load.ts';
export type { FalcoLoadResult } from './load-report.ts';
export { falcoLoadResults, loadReport } from './load-report.ts';
export type { Priority } from './priority.ts';
export { isAtLeast, parsePriority, priorities } from './priority.ts';
export { RuleError } from './problem.ts';
export type { Rule } from './rule.ts';
export type { BindOptions, Ruleset } from './ruleset.ts';
export { bindRules } from './ruleset.ts';
export type { SelectionEntry } from './selection.ts';
export { scalarPlace } from './source.ts';
export { UndecidedRules } from './undecided.ts';
export { printValue, typedValue } from './values.ts';
export { builtInPlugins, engineVersion } from './versions.ts';
