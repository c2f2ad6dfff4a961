/** The command line itself, one of each kind through the built program: versions, help, usage errors, exit statuses. */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';
import { launcher, Program, repository } from '../e2e/program.ts';
import { runIn } from './in-process.ts';

const { version } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'));
const run = (args: readonly string[]) => runIn(repository, args);
const verbs = createProgram().commands.map((command) => command.name());

describe('--version', () => {
  test('the program, the rule engine, the schema of records, Node.js', async () => {
    const { code, stdout, stderr } = await Program.run(['--version']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(
      new RegExp(`^falco-pipe ${version}\nengine \\d+\\.\\d+\\.\\d+\nrecord schema \\d+\\.\\d+\nnode \\d+`),
    );
  });

  test('the same as JSON', async () => {
    const { json } = await Program.run(['--version', '-o', 'json']);
    expect(json).toEqual([
      {
        'falco-pipe': version,
        engine: expect.any(String),
        record_schema: expect.any(String),
        node: expect.any(String),
      },
    ]);
  });
});

describe('--help', () => {
  test('names every verb, with examples', async () => {
    const { code, stdout } = await Program.run(['--help']);
    expect(code).toBe(0);
    for (const verb of verbs) expect(stdout).toMatch(new RegExp(`^  ${verb} `, 'm'));
    expect(stdout).toContain('Examples:');
  });

  test.each(verbs)('%s --help has an example', async (verb) => {
    const { code, stdout } = await run([verb, '--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/Examples?:\n {2}(sudo )?falco-pipe /);
  });

  test('help is a verb, too', async () => {
    const { code, stdout } = await run(['help']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: (await run(['--help'])).stdout });
    expect((await run(['help', 'run'])).stdout).toBe((await run(['run', '--help'])).stdout);
  });

  test('nothing given: help on the standard error, exit 2', async () => {
    const { code, stdout, stderr } = await Program.run([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('Usage: falco-pipe');
  });
});

test.each([
  ['a verb that is misspelt', ['vaildate', 'x.yaml'], 'did you mean "validate"?'],
  ['a verb that is nothing', ['frobnicate'], `there are ${verbs.join(', ')}`],
  ['an option that is not there', ['run', 'x.yaml', '--sett', 'a=b'], "unknown option '--sett'"],
  ['no pipeline', ['run'], "missing required argument 'pipeline'"],
  ['two pipelines', ['run', 'a.yaml', 'b.yaml'], 'Expected 1 argument but got 2'],
  ['a form that is not there', ['doctor', '-o', 'xml'], 'Allowed choices are text, json'],
  ['a --set without a value', ['validate', 'pipelines/demo.yaml', '--set', 'sources'], 'has the form a.b=value'],
  ['a time without a unit', ['run', 'pipelines/demo.yaml', '--stop-timeout', '10'], '--stop-timeout: '],
  ['a port that is none', ['run', 'pipelines/demo.yaml', '--http', '[::1]:65536'], '--http: a port is at most 65535'],
  ['a thing that cannot be listed', ['list', 'colours'], 'there are sources, operators, sinks, fields, rules'],
  ['rules of no pipeline', ['list', 'rules'], 'list rules needs a pipeline'],
  [
    'an event source that is not there',
    ['list', 'fields', '--source', 'sysclal'],
    'There is no event source "sysclal"',
  ],
  [
    'a kind that cannot be created',
    ['create', 'sink', 'x'],
    "'sink' is invalid for argument 'kind'. Allowed choices are operator.",
  ],
  ['a name that is none', ['create', 'operator', 'Mark Night'], 'is no name'],
  ['a pid that is none', ['record', 'x.jsonl', '--descendants-of', 'init'], 'needs the id of a process'],
])('%s: exit 2, said on the standard error', async (_what, args, said) => {
  const { code, stdout, stderr } = await run(args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain(said);
  expect(stderr).not.toMatch(/^ {4}at /m); // no stack
});

test('a pipeline that cannot be read: exit 78', async () => {
  const { code, stderr } = await Program.run(['validate', 'no-such.yaml']);
  expect(code).toBe(78);
  expect(stderr).toContain('Cannot read the pipeline no-such.yaml');
});

/** The exit status of the program, started by `$0` in a shell's command, and what stood on the standard error. */
function shell(command: string): { status: string; stderr: string } {
  const script = command.replace(/\$0 [^|;]+/, '{ $&; echo $? >&3; } ');
  const { stdout, stderr } = spawnSync('/bin/sh', ['-c', `{ ${script}; } 3>&1`, launcher], {
    cwd: repository,
    encoding: 'utf8',
  });
  return { status: stdout.trim(), stderr };
}

describe('an output that cannot be written', () => {
  test.each(['list fields', 'schema', '--help', 'validate rules/host.yaml'])(
    '%s | true: it ends as by SIGPIPE, and says nothing',
    (args) => {
      expect(shell(`$0 ${args} | true`)).toEqual({ status: '141', stderr: '' });
    },
  );

  test.each(['list fields', '--version', 'doctor'])('%s > /dev/full: one line', (args) => {
    const { status, stderr } = shell(`$0 ${args} > /dev/full`);
    expect(status).toBe('1');
    expect(stderr).toMatch(/^The standard output cannot be written: ENOSPC.*\n$/);
  });

  test.each(['/dev/full', 'a reader that has gone'])(
    'what is wrong cannot be said to %s: the exit status is there',
    (where) => {
      const to = where === '/dev/full' ? '2> /dev/full' : '2>&1 | true';
      expect(shell(`$0 validate no-such.yaml ${to}`).status).toBe('78');
    },
  );
});

test('an empty --state, as of a variable that is not set, is no run without one', async () => {
  for (const args of [
    ['run', 'pipelines/demo.yaml', '--state', ''],
    ['run', 'pipelines/demo.yaml', '--state='],
    ['dlq', 'list', '--state', ''],
  ]) {
    const { code, stderr } = await run(args);
    expect(code).toBe(2);
    expect(stderr).toContain("option '--state <folder>' argument '' is invalid. It is empty; is a variable not set?");
  }
});
