/** `falco-pipe rules demand`; of a program that runs, through the built one. */

import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { filterTables, lookedFor } from '../../../native/filter.ts';
import type { Clause } from '../../../src/core/flow/necessary.ts';
import { PipelineDocument } from '../../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../../src/pipeline/plan/plan.ts';
import { builtIn } from '../../../src/pipeline/plan/registry.ts';
import { wantedFor } from '../../../src/sources/ebpf/wanted.ts';
import { cannotTrace, Program, pipeline, repository, Stage } from '../../e2e/program.ts';
import { sharedText } from '../../events/shared.ts';
import { folder, good, pipelineFile, run, write } from '../rules-folder.ts';

interface Asker {
  readonly name?: string;
  readonly rule?: string;
  readonly place?: string;
  readonly clauses?: readonly object[];
  readonly not_tested?: readonly string[];
}
interface Sent {
  readonly type: string;
  readonly sent: 'all' | 'some' | 'none';
  readonly clauses: readonly (Omit<Clause, 'results' | 'sockets'> & Partial<Record<'results' | 'sockets', never[]>>)[];
  readonly wanted_by: readonly Asker[];
  readonly per_second?: { readonly sent: number; readonly filtered: number; readonly lost: number };
}
interface Source {
  readonly source: string;
  readonly pushdown: boolean;
  readonly event_types: readonly Sent[];
  readonly always: readonly Sent[];
  readonly read: Readonly<Record<string, readonly (Asker & { readonly fields: readonly string[] })[]>>;
}

async function demandOf(...args: string[]): Promise<Source> {
  const { code, stdout, stderr } = await run('rules', 'demand', ...args, '-o', 'json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const [source] = (JSON.parse(stdout) as { sources: Source[] }).sources;
  return source as Source;
}

/** The filters that a `-o json` tells of. */
function filtersOf(types: readonly Pick<Sent, 'type' | 'clauses'>[]): Map<string, readonly Clause[]> {
  return new Map(
    types.map(({ type, clauses }) => [
      type,
      clauses.map(({ results, sockets, ...rest }) => ({
        ...rest,
        ...(results && { results: new Set(results) }),
        ...(sockets && { sockets: new Set(sockets) }),
      })),
    ]),
  );
}

const rule = (name: string, condition: string, output = 'o') =>
  `- { rule: ${name}, desc: d, condition: '${condition}', output: '${output}', priority: INFO }\n`;
const over = (files: string, source = '{ type: ebpf }') => `sources: { node: ${source} }
operators: { detect: { type: rules, from: node, files: [${files}] } }
sinks: { out: { type: stdout, from: detect } }
`;

const official = ['falco_rules', 'falco-incubating_rules', 'falco-sandbox_rules'].map(
  (name) => `data/rules/${name}.yaml`,
);
const noOfficial = official.some((name) => sharedText(name) === undefined);
if (noOfficial) process.stderr.write("SKIPPED: what the kernel sends for Falco's rules, which are not there\n");
const officialFiles = official.map((name) => fileURLToPath(new URL(`../../../../shared/${name}`, import.meta.url)));

write('writes.yaml', rule('writes', 'evt.type in (open, openat) and evt.is_open_write = true and user.name = root'));
write('any.yaml', rule('any open', 'evt.type = openat and proc.pname = sh', '%evt.args %proc.env[A] %fd.realpath'));
write('typeless.yaml', rule('typeless', 'proc.pname = sh'));

const PIPELINES: Readonly<Record<string, string>> = {
  'our default pipeline': join(repository, 'pipelines/default.yaml'),
  'a rule for every open': pipeline(folder, over(`any.yaml, ${join(repository, 'rules/host.yaml')}`), 'every.yaml'),
  'a rule for everything': pipeline(folder, over('typeless.yaml, writes.yaml'), 'everything.yaml'),
  ...(noOfficial ? {} : { "Falco's rules": pipeline(folder, over(officialFiles.join(', ')), 'falco.yaml') }),
};

describe.each(Object.entries(PIPELINES))('of %s', (_, file) => {
  test('each event type is sent as the sensor is configured to, and for those who want it', async () => {
    const source = await demandOf(file);
    const plan = planPipeline(PipelineDocument.load(file), builtIn());
    const demand = plan.sources.find(({ type }) => type === 'ebpf')?.demand.get('syscall');
    const { calls } = wantedFor(demand, { failedExec: false, pushdown: true }).sensor;
    expect(source.event_types.map(({ type }) => type).sort()).toEqual([...calls.keys()].sort());
    // Entries of tables are in the order of the calls.
    const [real, said] = [calls, filtersOf(source.event_types)].map((all) =>
      filterTables(new Map([...all].sort(([a], [b]) => (a < b ? -1 : 1)))),
    );
    // What is said of changes of directories is more than calls alone have: they are sent anyway.
    expect({ ...said, keep: [], test: [] }).toEqual({ ...real, keep: [], test: [] });
    for (const { type, sent, clauses, wanted_by } of source.event_types) {
      const [own, told] = [calls, filtersOf(source.event_types)].map((all) =>
        filterTables(new Map([[type, all.get(type) ?? []]])),
      );
      if (!type.endsWith('chdir')) expect(told, type).toEqual(own);
      // What passes without a look at paths and names is what somebody wants so.
      const wishes = wanted_by.map((asker) => filtersOf([{ type, clauses: (asker as Sent).clauses }]));
      const untested = wishes.map((wish) => filterTables(wish).keep);
      expect(
        told?.keep.map((bits, index) => untested.reduce((rest, keep) => rest & ~(keep[index] ?? 0), bits)),
      ).toEqual(new Uint16Array(told?.keep.length ?? 0));
      expect(wanted_by.length, type).toBeGreaterThan(0);
      const says = clauses.map((clause) => Object.keys(clause).length > 0);
      expect(sent, type).toBe(says.includes(false) ? 'all' : clauses.length > 0 ? 'some' : 'none');
    }
  });
});

describe('rules demand', () => {
  test('names the rules because of which all of a type is sent, and what of them is not tested', async () => {
    const { code, stdout } = await run('rules', 'demand', 'every.yaml');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^Sent, every one\n(?:.*\n)*? {2}openat: \d+ rules\n {4}because of\n {6}any open {2}any.yaml:1 {2}not tested: proc.pname$/m,
    );
    expect(stdout).toMatch(/^ {2}open, openat2: \d+ rules\n {4}succeeds, opens for writing, \(path /m);
    expect(stdout).toMatch(/^ {2}clone, procexit, .*chdir: no rule$/m);
    expect(stdout).toMatch(/^ {2}The environment of each program that begins\n {4}proc.env\[A\], .*for any open, /m);
    expect(stdout).toMatch(/^ {2}The canonical path of each file that is opened\n {4}fd.realpath, for any open/m);
    expect(stdout, 'no call that moves data is sent').not.toContain('The data of calls');
  });

  test('of rules files alone, and of none: those of the program', async () => {
    const { stdout } = await run('rules', 'demand', 'writes.yaml');
    expect(stdout).toContain(
      'Sent, every one that is so\n  open, openat: 1 rule\n    opens for writing\n    because of\n      writes  writes.yaml:1  not tested: user.name\n',
    );
    const own = await demandOf();
    expect(own.event_types.find(({ type }) => type === 'openat')?.wanted_by.length).toBeGreaterThan(10);
  });

  test('of a pipeline as it is with --set', async () => {
    const file = write('set.yaml', over('writes.yaml'));
    const { pushdown } = await demandOf(file, '--set', 'sources.node.pushdown=false');
    expect([pushdown, (await demandOf(file)).pushdown]).toEqual([false, true]);
    const { code, stderr } = await run('rules', 'demand', good, '--set', 'a=b');
    expect([code, stderr]).toEqual([2, '--set changes a pipeline, and none is given\n']);
  });

  test('a rule without event types is the reason for all of them', async () => {
    const { event_types: types } = await demandOf('everything.yaml');
    expect(types.length).toBeGreaterThan(70);
    expect(types.filter(({ sent }) => sent !== 'all')).toEqual([]);
    expect(types.find(({ type }) => type === 'openat')?.wanted_by).toMatchObject([
      { rule: 'typeless', place: 'typeless.yaml:1:3', event_types: 'all', clauses: [{}] },
      { rule: 'writes', clauses: [{ writes: true }], not_tested: ['user.name'] },
    ]);
    const { stdout } = await run('rules', 'demand', 'everything.yaml');
    expect(stdout).toMatch(
      /^ {2}open, openat: 2 rules\n {4}because of\n {6}typeless {2}typeless.yaml:1 {2}names no event types$/m,
    );
  });

  test('an operator in front of the rules, base_syscalls, and what sinks take, are reasons like rules', async () => {
    const front = 'quiet: { type: filter, from: node, condition: not proc.name = make }';
    const source = '{ type: ebpf, base_syscalls: { custom_set: [ptrace] } }';
    const text = over('writes.yaml', source).replace('operators: {', `operators: { ${front},`);
    write('front.yaml', text.replace('rules, from: node', 'rules, from: quiet'));
    const { event_types: types } = await demandOf('front.yaml');
    expect(types.map(({ type, sent, wanted_by: [asker] }) => [type, sent, asker?.name]).sort()).toEqual([
      ['open', 'all', 'quiet'],
      ['openat', 'all', 'quiet'],
      ['ptrace', 'all', 'base_syscalls'],
    ]);
    write('tapped.yaml', over('writes.yaml').replace('from: detect', 'from: [detect, node]'));
    const tapped = await demandOf('tapped.yaml');
    expect(tapped.event_types.find(({ type }) => type === 'open')).toMatchObject({
      ...{ sent: 'all', wanted_by: [{ name: 'out' }, { rule: 'writes' }] },
    });
  });

  test('paths that are more than the kernel looks for are said to be, and no rule alone is blamed', async () => {
    const paths = (at: number) => Array.from({ length: 900 }, (_, n) => `/srv/${at}/${n}`).join(', ');
    const many = [1, 2].map((at) => rule(`many${at}`, `evt.type = openat and fd.name in (${paths(at)})`));
    write('many.yaml', many.join(''));
    const { stdout } = await run('rules', 'demand', 'many.yaml');
    expect(stdout).toContain('openat: 2 rules\n    because together they name more than the kernel looks for\n');
    write('few.yaml', many[0] as string);
    expect((await run('rules', 'demand', 'few.yaml')).stdout).toContain('/srv/1/4 and 895 more\n');
  });

  test('what is written crookedly passes where a rule looks for that', async () => {
    write('crooked.yaml', rule('crooked', 'evt.type = openat and fd.nameraw contains "../"'));
    expect((await run('rules', 'demand', 'crooked.yaml')).stdout).toContain('\n    path is not in its shortest form\n');
  });

  test('sockets by what they are, their ends and the paths of unix sockets', async () => {
    const sockets = [
      ['runtime', 'evt.type = connect and fd.typechar = u and fd.name endswith /docker.sock'],
      ['metadata', 'evt.type = connect and fd.sip = 169.254.169.254'],
      ['ports', 'evt.type in (sendto, sendmsg) and fd.l4proto = udp and fd.sport >= 30000 and fd.sport <= 32767'],
      ['raw', 'evt.type = socket and evt.arg.domain contains AF_PACKET and container.id != host'],
      ['outside', 'evt.type in (bind, connect) and fd.snet != 10.0.0.0/8 and proc.exepath = /x'],
    ] as const;
    write('sockets.yaml', sockets.map(([name, condition]) => rule(name, condition)).join(''));
    const { stdout } = await run('rules', 'demand', 'sockets.yaml');
    const said = stdout.replaceAll(/\s+/g, ' ');
    expect(said).toContain('sendto, sendmsg: 1 rule on the internet, not by TCP, server port 30000-32767');
    expect(said).toContain('socket: 1 rule not on a socket of the internet or the machine because of raw');
    expect(said).toContain('bind: 1 rule on the internet, server address not in 10.0.0.0/8 because of outside');
    expect(said).toContain(
      'connect: 3 rules on a unix socket, path ends in the name docker.sock or succeeds or is in progress, on the internet, remote address in 169.254.169.254 or remote address not in 10.0.0.0/8 because of outside sockets.yaml:5 not tested: proc.exepath',
    );
    expect(stdout).toMatch(/\n {4}on a unix socket, .*\n {4}or succeeds or is in progress, on the internet,/);
    const { event_types: types } = await demandOf('sockets.yaml');
    expect(types.find(({ type }) => type === 'connect')?.wanted_by).toContainEqual(
      expect.objectContaining({
        rule: 'runtime',
        clauses: [{ sockets: ['unix', 'other'], paths: [{ of: 'text', kind: 'name', value: 'docker.sock' }] }],
        not_tested: [],
      }),
    );
  });

  test('alternatives are told apart from the values of each', async () => {
    const conditions = ['fd.name startswith /run/', 'fd.snet in (10.0.0.0/8, 192.168.0.0/16)', 'fd.sport in (22, 80)'];
    write('apart.yaml', rule('apart', `evt.type = connect and (${conditions.join(' or ')})`));
    const { stdout } = await run('rules', 'demand', 'apart.yaml');
    const said = stdout.replaceAll(/\s+/g, ' ');
    expect(stdout).toContain('\n    on a unix socket, path begins with /run/\n    or ');
    expect(said).toContain('(remote address in 10.0.0.0/8, 192.168.0.0/16) or (remote port in 22, 80)');
    expect((await run('rules', 'explain', 'apart', 'apart.yaml')).stdout).toContain(
      '\n  connect: on a unix socket, path begins with /run/\n  or ',
    );
  });

  test('names of hosts, containers, data and the state of processes are told where they are read', async () => {
    write(
      'dear.yaml',
      rule('hosts', 'evt.type = connect and fd.sip.name = "db.example"', '%container.name') +
        rule('data', 'evt.type = write and evt.buffer contains x', '%proc.vmrss'),
    );
    const { read } = await demandOf('dear.yaml');
    expect(read).toMatchObject({
      host_names: [{ rule: 'hosts', fields: ['db.example'] }],
      containers: [{ rule: 'hosts', fields: ['container.name'] }],
      data: [{ rule: 'data', fields: ['evt.buffer'] }],
      process_state: [{ rule: 'data', fields: ['proc.vmrss'] }],
    });
    expect(Object.keys(read).sort()).toEqual(['containers', 'data', 'host_names', 'process_state']);
    write('off.yaml', over('dear.yaml', '{ type: ebpf, containers: off }'));
    expect(Object.keys((await demandOf('off.yaml')).read)).not.toContain('containers');
  });

  test('where the kernel drops nothing, or is no source, that is said', async () => {
    write('all.yaml', over('writes.yaml', '{ type: ebpf, pushdown: false }'));
    const { stdout } = await run('rules', 'demand', 'all.yaml');
    expect(stdout).toContain('pushdown is off: the kernel drops nothing');
    expect(stdout).toContain('Sent, every one\n  open, openat: 1 rule\n\n');
    const none = await run('rules', 'demand', pipelineFile);
    expect(none).toMatchObject({ code: 0, stdout: 'No source here is the kernel: nothing is asked of it.\n' });
  });

  test.each([
    [['bad.yaml'], 78, 'bad.yaml:4:5'],
    [[good, pipelineFile], 2, 'Name rules files, or one pipeline'],
    [['nowhere.yaml'], 78, 'Cannot read nowhere.yaml'],
    [[good, '--live'], 2, '--live goes with a pipeline'],
    [['every.yaml', '--live'], 69, 'No falco-pipe runs every.yaml'],
  ])('%o is refused', async (args, status, said) => {
    const { code, stdout, stderr } = await run('rules', 'demand', ...args);
    expect({ code, stdout }).toEqual({ code: status, stdout: '' });
    expect(stderr).toContain(said);
  });
});

describe.skipIf(cannotTrace)(`--live${cannotTrace ? ` (skipped: ${cannotTrace})` : ''}`, () => {
  let stage: Stage;
  beforeAll(() => {
    stage = new Stage();
  });
  afterAll(() => stage.close());

  test('how often each type was sent and filtered since the start, by a program that runs', async () => {
    const file = write(
      'live.yaml',
      over('any.yaml, writes.yaml', `{ type: ebpf, scope: { descendants_of: ${stage.pid} } }`),
    );
    const program = Program.start(['run', resolve(folder, file), '--no-watch']);
    await program.ready();
    await stage.run('cat /etc/hostname /etc/hostname; : > /dev/null');
    const ask = async () => {
      const { json } = await Program.run(['rules', 'demand', file, '--live', '-o', 'json'], { cwd: folder });
      return json[0] as unknown as { program: { pid: number; current: boolean }; sources: Source[] };
    };
    // The counters are read once a second.
    let told = await ask();
    const openat = () => told.sources[0]?.event_types.find(({ type }) => type === 'openat');
    for (let tries = 0; tries < 20 && !openat()?.per_second; tries++) told = await ask();
    expect(told.program).toEqual({ pid: expect.any(Number), current: true });
    expect(openat()).toMatchObject({ sent: 'all', per_second: { filtered: 0, lost: 0 } });
    expect(openat()?.per_second?.sent).toBeGreaterThan(0);
    const { stdout } = await Program.run(['rules', 'demand', file, '--live'], { cwd: folder });
    expect(stdout).toMatch(/^A second since it started: [\d.,]+ sent, most of .*\bopenat [\d.,]+/m);
    expect(stdout).toMatch(/^ {4}openat: [\d.,]+ sent, 0 filtered, 0 lost a second$/m);
    expect(stdout).toMatch(/^ {2}execve: no rule; [\d.,]+ sent, 0 filtered, 0 lost a second$/m);
    write('any.yaml', rule('other', 'evt.type = openat and proc.pname = bash'));
    const later = await Program.run(['rules', 'demand', file, '--live'], { cwd: folder });
    expect(later.stdout).toMatch(/^The program \(pid \d+\) runs another version of this pipeline\.$/m);
    expect(later.stdout).toMatch(/^If it was started with --set, say the same here\.$/m);
    await program.stop();
  });
});

test('filters as the programs can have them are tables of the same', () => {
  const paths = (count: number) =>
    Array.from({ length: count }, (_, n) => ({ of: 'text', kind: 'prefix', value: `/${n}` }) as const);
  const results = new Set(['ok'] as const);
  const long = [{ of: 'text', kind: 'name', value: 'n'.repeat(33) }] as const;
  const looked = lookedFor(
    new Map<string, 'all' | readonly Clause[]>([
      [
        'openat',
        [
          { paths: paths(2), comms: ['sh'] },
          { writes: true, paths: long },
        ],
      ],
      ['execve', [{ results }, { comms: ['a'] }]],
      ['kill', 'all'],
    ]),
  );
  expect(Object.fromEntries(looked)).toEqual({
    openat: [{ paths: paths(2) }, { writes: true }],
    execve: [{ comms: ['a'] }],
    kill: 'all',
  });
  const many = new Map([['openat', [{ reads: true, paths: paths(2049) }]]]);
  expect(lookedFor(many).get('openat')).toEqual([{ reads: true }]);
  expect(filterTables(many)).toEqual(filterTables(new Map([['openat', [{ reads: true }]]])));
});
