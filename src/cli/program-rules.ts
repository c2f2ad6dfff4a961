/** The verb `rules`, and what follows it. */

import type { Command } from 'commander';
import { collect, output } from './program-options.ts';

const OF_WHAT = "\nFILES are rules files, or one pipeline. Default: the program's own rules.";
const OF_RULE = `\nNAME is a rule's, or what an alert of it says.${OF_WHAT}`;
const LISTS = '\nExamples:\n  falco-pipe rules list\n  falco-pipe rules list pipelines/default.yaml -o json';
const EXAMPLE = '\nExample:\n  falco-pipe rules';

export function addRules(program: Command): void {
  const rules = program
    .command('rules')
    .description(
      'Look at rules: what there is, what each consists of, why it does or does not fire, what ends a false alarm.',
    )
    .addHelpText('after', LISTS);
  for (const add of [addList, addShow, addExplain, addDemand, addExcept]) add(rules);
}

function addList(rules: Command): void {
  rules
    .command('list [files...]')
    .description('List rules.')
    .addOption(output())
    .addHelpText('after', `${LISTS}\n${OF_WHAT}`)
    .action(async (files, options) => (await import('./rules/rules.ts')).listRules(files, options));
}

function addShow(rules: Command): void {
  rules
    .command('show <name> [files...]')
    .description('Show what a rule consists of.')
    .addOption(output())
    .addHelpText('after', `${EXAMPLE} show "Scheduled job changed"\n${OF_RULE}`)
    .action(async (name, files, options) => (await import('./rules/rules.ts')).showRule(name, files, options));
}

function addExplain(rules: Command): void {
  rules
    .command('explain <name> [files...]')
    .description('Show where each part of a rule comes from and what it needs; with an event, why it does (not) match.')
    .addOption(output())
    .option('--event <file>', 'records to judge, one JSON object a line (.gz: compressed; -: standard input)')
    .option('--event-line <n>', 'which line of them, from 1')
    .addHelpText(
      'after',
      `${EXAMPLE} explain "Scheduled job changed" --event pipelines/demo.jsonl.gz --event-line 1\n${OF_RULE}`,
    )
    .action(async (name, files, options) => (await import('./rules/rules.ts')).explain(name, files, options));
}

function addDemand(rules: Command): void {
  rules
    .command('demand [files...]')
    .description('Show what the kernel sends for rules: every one or a part of each system call, and because of which.')
    .addOption(output())
    .option('--live', 'how often, as the running program of the pipeline has counted: a second, since its start')
    .option('--set <a.b=value>', 'change a value of the pipeline, as `run` was told to (repeatable)', collect)
    .addHelpText(
      'after',
      `\nExamples:\n  falco-pipe rules demand falco_rules.yaml my-rules.yaml\n  falco-pipe rules demand pipelines/default.yaml --live\n${OF_WHAT}`,
    )
    .action(async (files, options) => (await import('./rules/demand.ts')).demand(files, options));
}

function addExcept(rules: Command): void {
  rules
    .command('except <alerts> [files...]')
    .description(
      'Print the exceptions with which rules are silent about these alerts, and about as little else as can be.',
    )
    .addOption(output())
    .option(
      '--by <fields>',
      'what to compare, separated by commas (default: fields that tell the program, its object, …)',
    )
    .option('--rule <name>', 'only the alerts of this rule (repeatable)', collect)
    .option('--rows <n>', 'values for a rule, at most: those that end the most alerts', '200')
    .option('--events <file>', 'records to judge with and without them (.gz: compressed; -: standard input)')
    .addHelpText(
      'after',
      `\nExamples:\n  falco-pipe rules except alerts.jsonl falco_rules.yaml > exceptions.yaml\n  falco-pipe rules except alerts.jsonl.gz falco_rules.yaml --rule "Read sensitive file untrusted" --by proc.exepath,fd.name\n  falco-pipe run pipelines/demo.yaml -o json | falco-pipe rules except - rules/host.yaml --events pipelines/demo.jsonl.gz\n\nALERTS are JSON as Falco, sinks and their services have it (.gz: compressed); -: standard input.${OF_WHAT}`,
    )
    .action(async (alerts, files, options) => (await import('./except/index.ts')).except(alerts, files, options));
}
