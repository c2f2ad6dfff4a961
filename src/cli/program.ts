/** The verbs of the command line and their help; each verb's code is loaded when it is called. */

import { Argument, Command, Option } from 'commander';
import { exitCode, suggest, UserError } from '../core/errors.ts';
import { endWithOutput } from './output-gone.ts';
import { collect, output, pathOf } from './program-options.ts';
import { addRules } from './program-rules.ts';

/** The whole command line, ready to parse. */
export function createProgram(): Command {
  const program = new Command('falco-pipe')
    .description(
      'Runtime security as a streaming dataflow: kernel events and cloud audit logs, Falco rules, pipelines in YAML.',
    )
    .option('--version', 'print the versions of the program, the rule engine and the schemas')
    .addOption(output())
    .showHelpAfterError('(falco-pipe --help lists what there is)')
    .showSuggestionAfterError()
    .enablePositionalOptions()
    .helpCommand('help [verb]', 'Show how a verb is used.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        endWithOutput();
        process.stdout.write(text);
      },
    })
    // `run` writes by itself, through its sinks, and `tap` ends in order.
    .hook('preAction', (_, verb) => {
      if (!['run', 'tap'].includes(verb.name())) endWithOutput();
    })
    .addHelpText(
      'after',
      '\nExamples:\n  falco-pipe run pipelines/default.yaml\n  falco-pipe run pipelines/demo.yaml --set sinks.out.format=json\n  falco-pipe validate pipelines/default.yaml\n  falco-pipe doctor',
    );

  program.action(async (options: { version?: boolean; output: string }) => {
    if (program.args.length > 0) throw unknownVerb(program);
    if (!options.version) return program.help({ error: true });
    await (await import('./version.ts')).printVersion(options.output);
  });

  for (const add of VERBS) add(program);
  // Only now: verbs would inherit it. What is in excess here is a verb that does not exist.
  return program.allowExcessArguments();
}

function unknownVerb({ args, commands }: Command): UserError {
  const names = commands.map((command) => command.name());
  const near = suggest(args[0] ?? '', names);
  const hint = near ? `did you mean "${near}"?` : `there are ${names.join(', ')}`;
  return new UserError(`There is no verb "${args[0]}"; ${hint}`, { exit: exitCode.usage });
}

function addRun(program: Command): void {
  program
    .command('run <pipeline>')
    .description('Run a pipeline until its sources end or a signal stops it.')
    .addOption(output())
    .option('--set <a.b=value>', 'change a value of the pipeline (repeatable)', collect)
    .option('--state <folder>', 'remember there where replayable sources stood', pathOf)
    .option('--stop-timeout <time>', 'how long an orderly stop may take', '10s')
    .option('--http <host:port>', 'serve /healthz, /readyz, /metrics, /status and /versions there')
    .option('--no-watch', 'reload at SIGHUP only, not when a file of the pipeline has changed')
    .addHelpText(
      'after',
      '\nExamples:\n  falco-pipe run pipelines/default.yaml\n  falco-pipe run pipelines/default.yaml -o json | jq .rule\n  falco-pipe run pipelines/demo.yaml --set sources.past.rate=10\n\nSignals: SIGINT, SIGTERM stop in order (twice: at once); SIGHUP loads the pipeline anew; SIGUSR1 opens output files again.',
    )
    .action(async (pipeline, options) => (await import('./run/run.ts')).run(pipeline, options));
}

function addValidate(program: Command): void {
  program
    .command('validate <files...>')
    .description(
      'Check pipelines with their rules, or rules files alone (-: standard input): every error with its place.',
    )
    .addOption(output())
    .option('--set <a.b=value>', 'change a value of the pipeline (repeatable)', collect)
    .addHelpText(
      'after',
      '\nExamples:\n  falco-pipe validate pipelines/default.yaml\n  falco-pipe validate rules/host.yaml my-rules.yaml -o json\n\nOf a pipeline it also says which rules cannot fire there. Rules files are loaded together, in order.',
    )
    .action(async (files, options) => (await import('./validate.ts')).validate(files, options));
}

function addTest(program: Command): void {
  program
    .command('test <paths...>')
    .description('Run tests of rules and pipelines: recorded events or real system calls, and what must come of them.')
    .addOption(
      new Option('-o, --output <form>', 'how to print').choices(['text', 'json', 'junit', 'tap']).default('text'),
    )
    .option('--rules <file>', 'the rules under test (repeatable; default: the rules files beside the tests)', collect)
    .option('--parallel <n>', 'how many tests may run at once (default: two for each CPU)')
    .option('--watch', 'stay, and run again what a change of the tests or the rules touches')
    .option('--coverage', 'say which rules and which checks of their conditions no test decides')
    .option('--coverage-html <file>', 'the same as a page with all conditions')
    .option('--engine <socket>', "a container engine with Docker's API (default: $DOCKER_HOST, Docker, Podman)")
    .addHelpText(
      'after',
      '\nExamples:\n  falco-pipe test rules/ --coverage\n  sudo falco-pipe test scenarios/\n  sudo falco-pipe test --rules falco_rules.yaml run_shell_untrusted.yaml -o junit > report.xml\n\nExit status: 0 when every test passed or was skipped, 1 when one failed, 2 when a file cannot be used.',
    )
    .action(async (paths, options) => (await import('./test.ts')).test(paths, options));
}

function addGenerate(program: Command): void {
  program
    .command('generate [pattern]')
    .description(
      "Do what raises Falco's rules, confined and undone: all that is done by default, or what a pattern matches.",
    )
    .addOption(
      new Option('-o, --output <form>', 'how to print').choices(['text', 'json', 'junit', 'tap']).default('text'),
    )
    .option('--list', 'list the actions, and do nothing')
    .option('--all', 'those too that are not done by default: of rules that are incubating or of the sandbox')
    .option('--loop', 'over and over, until a signal ends it')
    .option('--for <time>', 'stop the loop after that long')
    .option('--rate <n>', 'begin so many a second (default: each when the one before has ended)')
    .option('--against <url>', 'receive there the alerts of another detector, and say which do not come')
    .option('--timeout <time>', 'how long an alert is waited for', '10s')
    .option('--engine <socket>', "a container engine with Docker's API (default: $DOCKER_HOST, Docker, Podman)")
    .addHelpText(
      'after',
      '\nExamples:\n  falco-pipe generate --list --all\n  sudo falco-pipe generate "ptrace|shadow"\n  sudo falco-pipe generate --loop --rate 50 --for 1m\n  sudo falco-pipe generate --against http://127.0.0.1:2801\n\nA pattern is a regular expression, and is looked for in the names of actions and of rules.\nExit status: 0, or 1 when an action failed or its alert did not come.',
    )
    .action(async (pattern, options) => (await import('./generate.ts')).generate(pattern, options));
}

function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description(
      'Check what this machine offers to the kernel source, say how to mend what is missing, and look at the agents that run here.',
    )
    .addOption(output())
    .addHelpText('after', '\nExample:\n  sudo falco-pipe doctor')
    .action(async (options) => (await import('./doctor.ts')).doctor(options));
}

function addSink(program: Command): void {
  const sinkExample = '\nExample:\n  falco-pipe sink test pipelines/default.yaml out';
  program
    .command('sink')
    .description('Try a sink of a pipeline.')
    .addHelpText('after', sinkExample)
    .command('test <pipeline> <id>')
    .description('Send one alert to a sink of a pipeline and print what came back.')
    .addOption(output())
    .option('--set <a.b=value>', 'change a value of the pipeline (repeatable)', collect)
    .addHelpText('after', sinkExample)
    .action(async (pipeline, id, options) => (await import('./sink.ts')).testSink(pipeline, id, options));
}

function addList(program: Command): void {
  program
    .command('list <what> [pipeline]')
    .description('List sources, operators, sinks, fields, or the rules of a pipeline.')
    .addOption(output())
    .option('--source <name>', 'fields of one event source only')
    .addHelpText(
      'after',
      '\nExamples:\n  falco-pipe list operators\n  falco-pipe list fields --source alert\n  falco-pipe list rules pipelines/default.yaml',
    )
    .action(async (what, pipeline, options) => (await import('./list.ts')).list(what, pipeline, options));
}

function addSchema(program: Command): void {
  program
    .command('schema [pipeline]')
    .description('Print the JSON Schema of pipeline files; with a pipeline, of its own components too.')
    .addHelpText('after', '\nExample:\n  falco-pipe schema pipelines/default.yaml > pipeline.schema.json')
    .action(async (pipeline) => (await import('./schema.ts')).schema(pipeline));
}

function addCreate(program: Command): void {
  program
    .command('create')
    .addArgument(new Argument('<kind>', 'what it is').choices(['operator']))
    .argument('<name>', 'how it is called: mark-night')
    .description('Write a component of your own: its file, a test, and what an editor needs.')
    .option('--in <folder>', 'where to write', '.')
    .addHelpText('after', '\nExample:\n  falco-pipe create operator mark-night')
    .action(async (_kind, name, options) => (await import('./create.ts')).create(name, options));
}

function addRecord(program: Command): void {
  program
    .command('record <file>')
    .description('Record kernel events as records that `replay` and tests read; gzip when the name ends in .gz.')
    .option('--raw', 'write the bytes of the kernel ring and the initial process images instead, for benchmarks')
    .option('--descendants-of <pid>', 'record only that process and its descendants')
    .option('--for <time>', 'stop after that long')
    .option('--fields <names>', 'fields to record, separated by commas (default: all that the rules given need)')
    .option('--rules <file>', 'record what these rules read (repeatable)', collect)
    .option('--types <names>', 'event types to record, separated by commas (default: all)')
    .addHelpText(
      'after',
      '\nExamples:\n  falco-pipe record events.jsonl.gz --rules rules/host.yaml --for 30s\n  falco-pipe record slabs.raw --raw --for 10s',
    )
    .action(async (file, options) => (await import('./record.ts')).record(file, options));
}

function addStatus(program: Command): void {
  program
    .command('status [program]')
    .description('Show what a running program says of itself; it is named by its pipeline file or its pid.')
    .addOption(output())
    .addHelpText(
      'after',
      '\nExample:\n  falco-pipe status pipelines/default.yaml\n\nExit status: 0 when it is ready, 1 when it is not, 69 when none runs.',
    )
    .action(async (name, options) => (await import('./status.ts')).status(name, options));
}

function addTop(program: Command): void {
  program
    .command('top [program]')
    .description('Watch every component of a running program: in, out, dropped, waiting, errors.')
    .addHelpText('after', '\nExample:\n  falco-pipe top')
    .action(async (name) => (await import('./top.ts')).top(name));
}

function addTap(program: Command): void {
  program
    .command('tap <id>')
    .description('Print a live sample of what leaves a source or operator of a running program, or reaches a sink.')
    .option('--pipeline <program>', 'the program: its pipeline file or its pid')
    .option('--rate <n>', 'events a second, at most', '10')
    .option('--limit <n>', 'stop after so many events')
    .addHelpText('after', '\nExample:\n  falco-pipe tap detect --limit 3 | jq .')
    .action(async (id, options) => (await import('./tap.ts')).tap(id, options));
}

function addGraph(program: Command): void {
  program
    .command('graph <pipeline>')
    .description('Draw a pipeline.')
    .addOption(new Option('--format <form>', 'how').choices(['text', 'mermaid', 'svg']).default('text'))
    .option('--set <a.b=value>', 'change a value of the pipeline (repeatable)', collect)
    .addHelpText('after', '\nExample:\n  falco-pipe graph pipelines/default.yaml --format svg > graph.svg')
    .action(async (pipeline, options) => (await import('./graph.ts')).graph(pipeline, options));
}

function addCloudtrail(program: Command): void {
  const verifyExample = '\nExample:\n  falco-pipe cloudtrail verify audit-logs --interval 7d --account 111111111111';
  program
    .command('cloudtrail')
    .description('Look at CloudTrail log files.')
    .addHelpText('after', verifyExample)
    .command('verify <bucket>')
    .description('Check that the log files in a bucket are those that AWS wrote: by its signed digests.')
    .addOption(output())
    .option('--interval <time>', 'the time to check: 5d, 5d-2d, 2026-03-01T00:00:00Z-2026-03-02T00:00:00Z', '1d')
    .option('--prefix <text>', 'what stands before AWSLogs/ in keys', '')
    .option('--account <id>', 'only this account (repeatable)', collect)
    .option('--region <name>', 'only log files of this region (repeatable)', collect)
    .option('--trail <name>', 'only this trail')
    .option('--profile <name>', 'the profile of the shared AWS configuration')
    .option('--aws-region <name>', 'the region of the bucket')
    .option('--endpoint <url>', 'where to connect instead of to AWS')
    .addHelpText(
      'after',
      `${verifyExample}\n\nPrints what is missing, modified, not signed, or not covered by a digest. Exit status: 0 when nothing is, 1 when something is.`,
    )
    .action(async (bucket, options) => (await import('./cloudtrail.ts')).verifyTrail(bucket, options));
}

function addDlq(program: Command): void {
  program
    .command('dlq <action> [ids...]')
    .description(
      'Events that sinks gave up, or operators failed on: list them, show their events, retry: have them go on after all, drop: delete them.',
    )
    .addOption(output())
    .option('--state <folder>', 'the state folder', pathOf)
    .option('--pipeline <file>', 'a pipeline whose `state:` it is', pathOf)
    .option(
      '--sink <id>',
      'those of one sink; of an operator or a source: "operator ID", "source ID" (list, retry, drop)',
    )
    .option('--all', 'a line for each, also of more than 20 (list)')
    .option('--no-redact', 'show events with the secrets in them (show)')
    .addHelpText(
      'after',
      '\nExamples:\n  falco-pipe dlq list --state /var/lib/falco-pipe\n  falco-pipe dlq show 17 --state /var/lib/falco-pipe\n  falco-pipe dlq retry --sink siem --state /var/lib/falco-pipe\n  falco-pipe dlq drop 17 --state /var/lib/falco-pipe',
    )
    .action(async (action, ids, options) => (await import('./dlq.ts')).dlq(action, ids, options));
}

/** In the order of the help. */
const VERBS: readonly ((program: Command) => void)[] = [
  addRun,
  addValidate,
  addRules,
  addTest,
  addGenerate,
  addDoctor,
  addSink,
  addList,
  addSchema,
  addCreate,
  addRecord,
  addStatus,
  addTop,
  addTap,
  addGraph,
  addCloudtrail,
  addDlq,
];
