/** `falco-pipe test` on scenarios: real system calls, seen by the kernel source; and that a test which should fail does. */

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { cannotRun, Podman } from '../containers/engines.ts';
import { scratch } from '../scratch.ts';
import { cannotTrace, Program, repository } from './program.ts';

const shared = join(repository, '../shared/data');
const official = join(shared, 'rules/falco_rules.yaml');
const evtgen = join(shared, 'evtgen');
const noShared = existsSync(evtgen) ? undefined : "Falco's rules and tests are not beside the repository";
const suite = join(repository, 'test/testing/suite');

interface Result {
  readonly name: string;
  readonly suite: string;
  readonly status: string;
  readonly because: readonly string[];
}

interface Report {
  readonly tests: readonly Result[];
  readonly summary: { readonly passed: number; readonly failed: number; readonly skipped: number };
}

/** Runs tests and reads the report. */
async function reportOf(
  ...args: readonly string[]
): Promise<Report & { readonly code: number | null; readonly stderr: string }> {
  const { code, stdout, stderr } = await Program.run(['test', '-o', 'json', ...args]);
  if (!stdout.startsWith('{')) throw new Error(stderr);
  return { ...(JSON.parse(stdout) as Report), code, stderr };
}

describe.skipIf(cannotTrace)(`scenarios${cannotTrace ? ` (skipped: ${cannotTrace})` : ''}`, () => {
  test('everything that one can do and expect; nothing is left of it', async () => {
    const { code, stdout, stderr } = await Program.run(['test', suite]);
    expect(stdout + stderr).toMatch(/^3\d passed, 0 failed, [0-9] skipped\n$/);
    expect(code).toBe(0);
    expect(readdirSync('/tmp').filter((name) => name.startsWith('falco-pipe-own'))).toEqual([]);
    expect(readFileSync('/etc/passwd', 'utf8')).not.toContain('falco-pipe-own');
  }, 60_000);

  describe('a test that should fail', () => {
    const folder = scratch();
    writeFileSync(
      join(folder, 'rules.yaml'),
      `- macro: a_log
  condition: fd.name endswith .log
- rule: Log cleared
  desc: d
  condition: evt.type = openat and evt.is_open_write = true and a_log and not proc.name in (logrotate, cleaner)
  output: "%fd.name"
  priority: WARNING
- rule: Something read
  desc: d
  condition: evt.type = openat and fd.name startswith ${folder}/secret
  output: "%fd.name"
  priority: NOTICE
`,
    );
    const log = join(folder, 'app.log');
    const open = (path: string, flags = 'O_WRONLY|O_CREAT') => ({
      type: 'syscall',
      name: 'o',
      syscall: 'openat',
      args: { pathname: path, flags, mode: 0o600 },
    });
    const base = { runner: 'HostRunner', rule: 'Log cleared', steps: [open(log)] };
    const outcome = { priority: 'warning', outputFields: { 'fd.name': log } };
    const cases: [string, object, unknown[]][] = [
      ['good', { expectedOutcome: outcome }, []],
      [
        'another rule',
        { rule: 'Something read', expectedOutcome: outcome },
        [
          '"Something read" was not raised; raised were "Log cleared"',
          'nearest of 1 events is the openat by event-generator; what decides:',
          `  fd.name startswith ${folder}/secret is false: fd.name is "${log}" (${folder}/rules.yaml:10:36)`,
        ],
      ],
      [
        'another field',
        { expectedOutcome: { outputFields: { 'fd.name': '/other' } } },
        ['"Log cleared" was raised, but:', `fd.name: expected "/other", got "${log}"`],
      ],
      [
        'another priority',
        { expectedOutcome: { priority: 'error' } },
        ['"Log cleared" was raised, but:', 'priority: expected "Error", got "Warning"'],
      ],
      [
        'no steps',
        { steps: [] },
        ['"Log cleared" was not raised', 'the rule looks at openat; the test made none of these'],
      ],
      [
        'a name that the rule excuses',
        { context: { processes: [{ name: 'cleaner' }] } },
        [
          '"Log cleared" was not raised',
          'nearest of 1 events is the openat by cleaner; what decides:',
          `  proc.name in (logrotate, cleaner) is true: proc.name is "cleaner" (${folder}/rules.yaml:5:79)`,
        ],
      ],
      ['none', { expectedOutcome: { none: true } }, [`not expected: "Log cleared": ${log}`]],
      [
        'none, of a step that failed',
        { expectedOutcome: { none: true }, steps: [open(`${folder}/none/x`, 'O_RDONLY')] },
        ['step o: openat: ENOENT (No such file or directory)'],
      ],
      [
        'a script that ends early',
        { before: 'exit 3', expectedOutcome: outcome },
        [
          '"Log cleared" was not raised',
          'the script before the test ended early',
          expect.stringMatching(/^nearest of \d+ events is the openat by .+; what decides:$/),
          `  fd.name endswith .log is false: fd.name is "/dev/null" (${folder}/rules.yaml:2:14)`,
        ],
      ],
      [
        'a process that is killed',
        { before: 'kill -9 $PPID', expectedOutcome: { none: true } },
        ['the first process was ended by signal 9'],
      ],
      [
        'a user without a right',
        {
          context: { processes: [{ user: 'daemon', capabilities: '=' }] },
          steps: [open('/etc/app.log')],
          expectedOutcome: { none: true },
        },
        ['not expected: "Log cleared": /etc/app.log', 'step o: openat: EACCES (Permission denied)'],
      ],
      [
        'a program that is there already',
        { context: { processes: [{ exePath: '/bin/sh' }] } },
        [
          '"Log cleared" was not raised',
          'making the program /bin/sh: EEXIST (File exists)',
          'the rule looks at openat; the test made none of these',
        ],
      ],
    ];

    test('fails, and says why', async () => {
      writeFileSync(
        join(folder, 'tests.yaml'),
        JSON.stringify({ tests: cases.map(([name, more]) => ({ name, ...base, ...more })) }),
      );
      const { tests, code, summary, stderr } = await reportOf(join(folder, 'tests.yaml'));
      // In the order of the names, since all stand in one line.
      const names = new Intl.Collator('en', { numeric: true });
      const expected = cases.map(([name, , why]) => [name, why]).sort(([a], [b]) => names.compare(`${a}`, `${b}`));
      expect(tests.map(({ name, because }) => [name, because])).toEqual(expected);
      expect(summary).toEqual({ passed: 1, failed: cases.length - 1, skipped: 0 });
      expect(stderr).toBe(`1 passed, ${cases.length - 1} failed, 0 skipped\n`);
      expect(code).toBe(1);
    }, 60_000);
  });

  test('an interrupt ends what runs, undoes it, and skips the rest', async () => {
    const folder = scratch();
    const mark = join(folder, 'running');
    const rule = {
      rule: 'R',
      desc: 'd',
      condition: 'evt.type = openat and fd.name = /none',
      output: 'x',
      priority: 'INFO',
    };
    writeFileSync(join(folder, 'rules.yaml'), JSON.stringify([rule]));
    const test = {
      runner: 'HostRunner',
      rule: 'R',
      context: { processes: [{ exePath: `${folder}/bin/program` }] },
      resources: [
        { type: 'process', name: 'idle', exePath: `${folder}/bin/idle` },
        { type: 'fd', name: 'f', subtype: 'file', filePath: `${folder}/made/file` },
      ],
      before: `touch ${mark}; sleep 1000`,
      after: `rm ${mark}`,
    };
    writeFileSync(
      join(folder, 'tests.yaml'),
      JSON.stringify({
        tests: [
          { ...test, name: 'a' },
          { ...test, name: 'b' },
        ],
      }),
    );
    const program = Program.start(['test', join(folder, 'tests.yaml')]);
    for (let tries = 0; tries < 400 && !existsSync(mark); tries++) await sleep(50);
    expect(await program.stop('SIGINT')).toBe(1);
    expect(program.stdout).toBe('skipped 2 tests: interrupted\n0 passed, 0 failed, 2 skipped\n');
    expect(existsSync(`${folder}/bin`)).toBe(false);
  }, 60_000);

  test.each<[string, string, string[], string]>([
    ['no engine', '{}', ['--engine', '/nonexistent.sock'], 'there is no container engine at /nonexistent.sock'],
    ['another architecture', 'null', [], 'it runs where arch is riscv64'],
  ])('what cannot run is skipped with the reason: %s', async (_what, container, options, why) => {
    const folder = scratch();
    writeFileSync(
      join(folder, 'rules.yaml'),
      '[{ rule: R, desc: d, condition: evt.type = openat, output: x, priority: INFO }]',
    );
    const runIf = container === 'null' ? 'runIf: { arch: { op: eq, val: riscv64 } }, ' : '';
    writeFileSync(
      join(folder, 'tests.yaml'),
      `tests: [{ name: a, runner: HostRunner, rule: R, ${runIf}context: { container: ${container} } }]`,
    );
    const { tests, code } = await reportOf(...options, join(folder, 'tests.yaml'));
    expect(tests.map(({ status, because }) => [status, because])).toEqual([['skipped', [why]]]);
    expect(code).toBe(0);
  });
});

describe('files that cannot be used: exit 2, and nothing runs', () => {
  const folder = scratch();
  const file = (name: string, text: string) => {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'tests.yaml'), text);
    return join(folder, name, 'tests.yaml');
  };
  const scenario = 'tests: [{ name: a, runner: HostRunner, rule: R }]';

  test.each<[string, () => string[], string]>([
    ['it is not there', () => ['no-such.yaml'], 'Cannot read the tests no-such.yaml'],
    ['it is something else', () => [join(repository, 'pipelines/demo.yaml')], 'is no file of tests'],
    ['a folder without tests', () => [join(repository, 'schema')], 'There are no tests below'],
    ['no YAML', () => [file('yaml', 'tests: [')], 'yaml/tests.yaml:1:'],
    ['no rules', () => [file('rules', scenario)], 'There are no rules beside'],
    ['rules that are not there', () => [file('missing', scenario), '--rules', 'no-rules.yaml'], 'no-rules.yaml'],
    ['a rule that is not there', () => [file('rule', scenario), '--rules', 'rules/host.yaml'], 'There is no rule "R"'],
    ['a number that is none', () => ['x.yaml', '--parallel', '0'], '--parallel needs a number'],
  ])('%s', async (_what, args, said) => {
    const { code, stdout, stderr } = await Program.run(['test', ...args()]);
    expect(stderr).toContain(said);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });
});

const noOfficial = cannotTrace ?? noShared;
describe.skipIf(noOfficial)(`Falco's own suite${noOfficial ? ` (skipped: ${noOfficial})` : ''}`, () => {
  const noEngine = cannotRun('podman', 'conmon');
  let podman: Podman | undefined;
  beforeAll(async () => {
    if (noEngine) console.warn(`tests in containers are skipped: ${noEngine}`);
    else podman = await new Podman().serve();
  });
  afterAll(() => podman?.close());
  const engine = () => ['--engine', podman?.socket ?? '/nonexistent.sock'];

  test('all of its tests pass', async () => {
    const { tests, summary, code } = await reportOf('--rules', official, ...engine(), evtgen);
    expect(tests.filter(({ status }) => status === 'failed')).toEqual([]);
    expect(summary).toEqual(podman ? { passed: 533, failed: 0, skipped: 0 } : { passed: 484, failed: 0, skipped: 49 });
    expect(code).toBe(0);
  }, 180_000);

  interface Template {
    readonly rule: string;
    readonly steps?: unknown;
    readonly expectedOutcome: { readonly outputFields: object };
    readonly cases?: readonly { readonly values: Readonly<Record<string, readonly unknown[]>> }[];
  }

  /** The suite with every test changed, each with the first value of its cases only. */
  function changed(change: (test: Template) => object | undefined): string {
    const folder = scratch();
    for (const name of readdirSync(evtgen)) {
      const { tests } = parse(
        readFileSync(join(evtgen, name), 'utf8').replace('runIf: %{ item.runIf }', 'runIf: null'),
      ) as {
        tests: Template[];
      };
      const first = tests.flatMap((test) => {
        const cases = test.cases?.map(({ values, ...rest }) => ({
          ...rest,
          values: Object.fromEntries(Object.entries(values).map(([key, [value]]) => [key, [value]])),
        }));
        const other = change(test);
        return other === undefined ? [] : [{ ...test, ...(cases ? { cases } : {}), ...other }];
      });
      if (first.length > 0) writeFileSync(join(folder, basename(name)), JSON.stringify({ tests: first }));
    }
    return folder;
  }

  /** A rule that no test of the suite is about. */
  const OTHER = 'Linux Kernel Module Injection Detected';

  test.each<[string, (test: Template) => object | undefined, RegExp]>([
    ['whose rule is exchanged', () => ({ rule: OTHER }), /^"Linux Kernel Module Injection Detected" was not raised/],
    [
      'whose expected field is changed',
      ({ expectedOutcome }) => ({
        expectedOutcome: {
          ...expectedOutcome,
          outputFields: { ...expectedOutcome.outputFields, 'proc.name': 'another' },
        },
      }),
      /was raised, but:$/,
    ],
    [
      'whose steps are removed',
      // A resource alone opens what Read sensitive file untrusted looks at.
      ({ rule, steps }) => (steps === undefined || rule.startsWith('Read sensitive') ? undefined : { steps: [] }),
      /was not raised/,
    ],
  ])(
    'a test fails %s',
    async (_what, change, said) => {
      const { tests, summary, code } = await reportOf('--rules', official, ...engine(), changed(change));
      expect(tests.filter(({ status }) => status === 'passed')).toEqual([]);
      expect(summary.failed).toBeGreaterThanOrEqual(5);
      for (const { status, because } of tests) if (status === 'failed') expect(because[0]).toMatch(said);
      expect(code).toBe(1);
    },
    120_000,
  );

  test.skipIf(noEngine)(
    'a container has the name, the variables and the users that a test asks for',
    async () => {
      const folder = scratch();
      writeFileSync(
        join(folder, 'rules.yaml'),
        '[{ rule: Started, desc: d, condition: evt.type = execve and container.id != host and proc.name = app, output: x, priority: INFO }]',
      );
      const test = {
        name: 'a',
        runner: 'HostRunner',
        rule: 'Started',
        context: {
          container: { image: 'localhost/falco-pipe-e2e/app:1.2', name: 'falco-pipe-e2e', env: { IN: 'container' } },
          processes: [{ name: 'server', user: 'visitor' }, { name: 'app' }],
        },
        before: 'test "$IN" = container || exit 1',
        expectedOutcome: {
          outputFields: {
            'container.name': 'falco-pipe-e2e',
            'container.image.repository': 'localhost/falco-pipe-e2e/app',
            'container.image.tag': '1.2',
            'container.privileged': true,
            'user.name': 'visitor',
            'proc.pname': 'server',
            'proc.env[IN]': 'container',
          },
        },
      };
      writeFileSync(join(folder, 'tests.yaml'), JSON.stringify({ tests: [test] }));
      const { tests, code } = await reportOf(...engine(), join(folder, 'tests.yaml'));
      expect(tests.flatMap(({ because }) => because)).toEqual([]);
      expect(code).toBe(0);
    },
    60_000,
  );
});
