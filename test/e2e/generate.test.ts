/** `falco-pipe generate`: each action raises its rule, the machine is as before, and another detector can be held to it. */

import { existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { cannotRun, Podman } from '../containers/engines.ts';
import { scratch } from '../scratch.ts';
import { cannotTrace, launcher, Program, pipeline, repository, Stage } from './program.ts';

const rules = join(repository, '../shared/data/rules');
const official = ['falco_rules.yaml', 'falco-incubating_rules.yaml', 'falco-sandbox_rules.yaml'];
const noShared = existsSync(rules) ? undefined : "Falco's rules are not beside the repository";
const noEngine = ['--engine', '/nonexistent.sock'];

interface Listed {
  readonly name: string;
  readonly rule: string;
  readonly maturity: string;
  readonly description: string;
  readonly default: boolean;
  readonly needs: readonly string[];
}

const listed = async (...args: readonly string[]): Promise<readonly Listed[]> =>
  JSON.parse((await Program.run(['generate', '--list', '-o', 'json', ...args])).stdout);

interface Described {
  readonly context: {
    readonly scratch?: string[];
    readonly container?: object;
    readonly processes?: { user?: string }[];
  };
  readonly before?: string;
}

/** All files that actions name, outside of /proc. */
const texts = readdirSync(join(repository, 'actions')).map((name) =>
  readFileSync(join(repository, 'actions', name), 'utf8'),
);
const paths = [...new Set(texts.flatMap((text) => text.match(/(?<=(?:pathname|[pP]ath): |exe: )\/[\w./-]+/g) ?? []))];
const described = texts.flatMap((text) => (parse(text) as { tests: Described[] }).tests);

/** What the actions could change, were they not confined. */
function machine(): unknown {
  const files = paths.map((path) => {
    const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    return [path, stat && [stat.ino, stat.mode, stat.size, stat.mtimeNs]];
  });
  const folders = new Set(described.flatMap(({ context }) => context.scratch ?? []));
  const points = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '');
  return { files, mounts: points.filter((point) => folders.has(point)), links: readdirSync('/sys/class/net') };
}

describe('what there is', () => {
  test('by default the stable ones; all, a pattern', async () => {
    const [some, all, two] = await Promise.all([listed(), listed('--all'), listed('ptrace')]);
    expect(new Set(some.map(({ maturity }) => maturity))).toEqual(new Set(['stable']));
    expect(all.filter((each) => each.default)).toEqual(some);
    expect(two.map(({ rule }) => rule)).toEqual(['PTRACE anti-debug attempt', 'PTRACE attached to process']);
    for (const { name, rule, description } of all) {
      expect(name.toLowerCase()).toBe(rule.replaceAll(/[^A-Za-z0-9]/g, '').toLowerCase());
      expect(description).toMatch(/^[A-Z].*\.$/s);
    }
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  });

  test('as a table', async () => {
    const { stdout } = await Program.run(['generate', '--list', '--all', 'ptrace|Drift.*open']);
    expect(stdout.split('\n')).toEqual([
      'PtraceAntiDebugAttempt            stable   host       PTRACE anti-debug attempt',
      'PtraceAttachedToProcess           stable   host       PTRACE attached to process',
      'ContainerDriftDetectedOpenCreate  sandbox  container  Container Drift Detected (open+create)',
      '',
    ]);
  });

  test('each is confined, needs no program and no script, and only users that every machine has', () => {
    for (const { context, before } of described) {
      expect(context.scratch ?? context.container).toBeDefined();
      expect(before).toBeUndefined();
      for (const { user } of context.processes ?? []) expect([undefined, 'daemon']).toContain(user);
    }
  });
});

test.each<[string, string[], string]>([
  ['nothing matches', ['no-such-action'], 'No action and no rule matches "no-such-action"'],
  ['no pattern', ['('], 'Invalid regular expression'],
  ['only with --all', ['WriteBelowEtc'], 'Only with --all: WriteBelowEtc'],
  ['a rate that is none', ['--rate', '0'], '--rate needs a number'],
  ['a time that is none', ['--timeout', 'soon'], '--timeout needs a time'],
  ['a report of nothing', ['-o', 'tap'], '-o tap is for --against'],
  ['a URL elsewhere', ['--against', 'http://192.0.2.1:2801'], '--against takes an http URL of this machine'],
  ['an end of what is done once', ['--for', '1s'], '--for is for --loop'],
  ['a report on a loop', ['--against', 'http://127.0.0.1:0', '--loop', '-o', 'junit'], '-o junit is for --against'],
])('a wrong use: %s', async (_what, args, said) => {
  const { code, stdout, stderr } = await Program.run(['generate', ...args]);
  expect(stderr).toContain(said);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
});

const noOfficial = cannotTrace ?? noShared;
describe.skipIf(noOfficial)(`under Falco's rules${noOfficial ? ` (skipped: ${noOfficial})` : ''}`, () => {
  const noPodman = cannotRun('podman', 'conmon');
  let podman: Podman | undefined;
  beforeAll(async () => {
    if (noPodman) console.warn(`actions in containers are skipped: ${noPodman}`);
    else podman = await new Podman().serve();
  });
  afterAll(() => podman?.close());

  test('every action raises its rule, and the machine is as before', async () => {
    const before = machine();
    const args = official.flatMap((name) => ['--rules', join(rules, name)]);
    const engine = ['--engine', podman?.socket ?? '/nonexistent.sock'];
    const { code, stdout } = await Program.run(['test', '-o', 'json', ...args, ...engine, join(repository, 'actions')]);
    const { tests, summary } = JSON.parse(stdout) as { tests: { name: string; status: string }[]; summary: object };
    // Two rules look for users who have not logged in as root.
    const isRootsSession = readFileSync('/proc/self/loginuid', 'utf8') === '0';
    const failed = tests.filter(({ name }) => isRootsSession && /^(Polkit|SudoPotential)/.test(name));
    expect(tests.filter(({ status }) => status === 'failed')).toEqual(failed);
    const skipped = podman ? 0 : described.filter(({ context }) => context.container).length;
    const passed = described.length - skipped - failed.length;
    expect(summary).toEqual({ passed, failed: failed.length, skipped });
    expect(code).toBe(failed.length === 0 ? 0 : 1);
    expect(machine()).toEqual(before);
  }, 120_000);
});

describe.skipIf(cannotTrace)(`beside a detector${cannotTrace ? ` (skipped: ${cannotTrace})` : ''}`, () => {
  const folder = scratch();
  let stage: Stage;
  beforeAll(() => {
    stage = new Stage();
  });
  afterAll(() => stage.close());

  /** Runs the verb as a descendant of the stage, which the detector watches. */
  async function generate(...args: readonly string[]): Promise<{ stdout: string; code: number }> {
    const out = join(folder, 'out');
    const words = args.map((word) => `'${word}'`).join(' ');
    await stage.run(`${launcher} generate ${words} > ${out} 2>&1; echo $? > ${out}.code`);
    return { stdout: readFileSync(out, 'utf8'), code: Number(readFileSync(`${out}.code`, 'utf8')) };
  }

  const detector = (file: string, sink: string) =>
    Program.start([
      'run',
      pipeline(
        folder,
        `sources: { node: { type: ebpf, scope: { descendants_of: ${stage.pid} } } }
operators: { detect: { type: rules, from: node, files: ${file} } }
sinks: { out: { from: detect, ${sink} } }
`,
      ),
    ]);

  test('our own rules notice them too; what needs an engine is skipped', async () => {
    const before = machine();
    const program = detector(join(repository, 'rules/host.yaml'), 'type: stdout, format: json');
    await program.ready();
    // One of them takes its time, and shows our rules nothing that another does not.
    const { stdout, code } = await generate('--all', ...noEngine, '^(?!Read ?sensitive ?file ?trusted)');
    const counts =
      /\nskipped (\d+) actions: there is no container engine at \/nonexistent.sock\n(\d+) performed, 0 failed, (\d+) skipped\n$/;
    expect(stdout).toMatch(counts);
    const [, reason, performed, skipped] = counts.exec(stdout) ?? [];
    expect(reason).toBe(skipped);
    expect(Number(performed) + Number(skipped)).toBe(described.length - 1);
    expect(code).toBe(0);
    const expected = [
      'Configuration below etc changed',
      'Crypto miner started',
      'Log or shell history cleared',
      'Password file read',
      'Program run from memory',
      'Program run from scratch space',
      'Reverse shell command',
      'SSH key added',
      'Search for credentials',
      'Shell connects to the network',
      'Shell start-up file changed',
      'Shell started by a network server',
    ];
    await program.stop();
    expect(program.json.map(({ rule }) => rule)).toEqual(expect.arrayContaining(expected));
    expect(machine()).toEqual(before);
  }, 60_000);

  test('over and over, at a rate, until a signal ends it', async () => {
    const program = Program.start(['generate', '--loop', '--rate', '100', '-o', 'json', 'Ptrace|RunShell']);
    await program.until(({ json }) => json.length >= 12);
    expect(await program.stop('SIGINT')).toBe(0);
    expect(new Set(program.json.map(({ name }) => name)).size).toBe(3);
    expect(program.json.filter(({ status }) => status !== 'performed' && status !== 'interrupted')).toEqual([]);
    expect(program.stderr).toMatch(/^\d+ performed, 0 failed, 0 skipped(, \d+ interrupted)?, [\d.]+ a second\n$/);
  }, 30_000);

  test('killed at once, it leaves nothing', async () => {
    const before = machine();
    const program = Program.start(['generate', 'TrustedAfterStartup']);
    const stageOf = () => childrenOf(program.child.pid ?? 0)[0] ?? 0;
    const leafOf = () => below(stageOf()).find((pid) => nameOf(pid) === 'httpd') ?? 0;
    while (leafOf() === 0) await sleep(20);
    const processes = [stageOf(), ...below(stageOf())];
    const home = /(\/\S+\/falco-pipe-\w{6}) [^\n]* tmpfs /.exec(
      readFileSync(`/proc/${leafOf()}/mountinfo`, 'utf8'),
    )?.[1];
    expect(existsSync(`${home}/actor`)).toBe(true);
    program.child.kill('SIGKILL');
    await program.ended;
    while (processes.some((pid) => nameOf(pid) !== undefined)) await sleep(20);
    expect(existsSync(`${home}`)).toBe(false);
    expect(machine()).toEqual(before);
  }, 30_000);

  describe('--against', () => {
    let program: Program;
    let url: string;
    beforeAll(async () => {
      url = `http://127.0.0.1:${await freePort()}`;
      const rule = (name: string, condition: string) =>
        `- { rule: ${name}, desc: d, condition: '${condition}', output: "%proc.name %proc.env[FALCO_PIPE_TEST]", priority: NOTICE }\n`;
      const file = join(folder, 'rules.yaml');
      writeFileSync(
        file,
        rule('PTRACE attached to process', 'evt.type=ptrace and evt.arg.request contains SEIZE') +
          rule(
            'Read sensitive file untrusted',
            'evt.type=openat and fd.name=/etc/shadow and proc.name=event-generator',
          ),
      );
      program = detector(file, `type: http, url: '${url}', format: falco, retry: { initial: 50ms, max: 200ms }`);
      await program.ready();
    });
    afterAll(() => program.stop());

    test('the alerts of the detector come', async () => {
      const { stdout, code } = await generate('--against', url, 'PtraceAttached|FileUntrusted');
      expect({ stdout, code }).toEqual({ stdout: '2 passed, 0 failed, 0 skipped\n', code: 0 });
    }, 30_000);

    test('under load all of them come; of a rule that it does not have none', async () => {
      const load = ['--loop', '--rate', '40', '--for', '1500ms', '--timeout', '2s', '--against', url];
      const { stdout, code } = await generate(...load, 'PtraceA|FileUntrusted');
      const said =
        /^missing (\d+) of "PTRACE anti-debug attempt"\n(\d+) performed, 0 failed.* a second, (\d+) of their \2 alerts came\n$/;
      expect(stdout).toMatch(said);
      const [, missing, performed, came] = said.exec(stdout) ?? [];
      expect(Number(came) + Number(missing)).toBe(Number(performed));
      expect(Number(came)).toBeGreaterThan(Number(missing));
      expect(code).toBe(1);
    }, 60_000);

    test('what does not come fails; what cannot run is skipped', async () => {
      const args = [
        '--against',
        url,
        '--timeout',
        '2s',
        '-o',
        'json',
        ...noEngine,
        'PtraceA|DirectoryTraversal|Debugfs',
      ];
      const { stdout, code } = await generate(...args);
      const { tests } = JSON.parse(stdout.split('\n')[0] ?? '') as {
        tests: { name: string; status: string; because: string[] }[];
      };
      const of = (name: string) => tests.find((each) => each.name === name);
      expect(of('PtraceAttachedToProcess')).toMatchObject({ status: 'passed', because: [] });
      expect(of('PtraceAntiDebugAttempt')).toMatchObject({
        status: 'failed',
        because: [expect.stringMatching(/^"PTRACE anti-debug attempt" did not come within 2 s/)],
      });
      expect(of('DirectoryTraversalMonitoredFileRead')).toMatchObject({
        status: 'failed',
        because: [expect.stringContaining('did not come within 2 s; there came "Read sensitive file untrusted"')],
      });
      expect(of('DebugfsLaunchedInPrivilegedContainer')).toMatchObject({ status: 'skipped' });
      expect(stdout).toContain('1 passed, 2 failed, 1 skipped\n');
      expect(code).toBe(1);
    }, 30_000);
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function below(pid: number): number[] {
  return pid === 0 ? [] : childrenOf(pid).flatMap((child) => [child, ...below(child)]);
}

function nameOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return undefined;
  }
}
