/** Rules that cannot fire in their pipeline, files without a rule, and choices of none, are said when it is planned. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { builtIn } from '../../src/pipeline/plan/registry.ts';
import { repository } from '../e2e/program.ts';
import { scratch } from '../scratch.ts';

const folder = scratch();

const VCD = "type: vcloud, url: 'https://vcd.example', user: a, password: { env: P }";
const EVENTS = 'type: cloudevents, routes: { x: azure_audit, y: vcd_audit }';
const HUB = 'type: azure_event_hubs, connection: { env: HUB }';

/** What is said of a rule on events of an event source, in a pipeline with these sources. */
function saidOf(source: string, condition: string, ...sources: string[]): string[] {
  const file = join(folder, 'rules.yaml');
  writeFileSync(
    file,
    `- rule: it\n  desc: d\n  source: ${source}\n  condition: ${condition}\n  output: x\n  priority: INFO\n`,
  );
  const ids = sources.map((_, n) => `s${n}`);
  const yaml = [
    'sources:',
    ...sources.map((each, n) => `  s${n}: { ${each} }`),
    `operators: { detect: { type: rules, from: [${ids}], files: '${file}' } }`,
    'sinks: { out: { type: stdout, from: detect } }',
  ].join('\n');
  const { warnings } = planPipeline(PipelineDocument.parse(join(folder, 'p.yaml'), yaml), builtIn());
  return warnings.map(({ message }) => message).filter((message) => message.startsWith('Rule'));
}

it.each([
  ['azure_audit', 'azure.operation exists', [VCD], 'is for azure_audit events, and none come here: it cannot fire'],
  ['vcd_audit', 'vcd.topic exists', [VCD], 'depends on vcd.topic, which no source here fills'],
  ['vcd_audit', 'vcd.topic exists', [EVENTS], 'depends on vcd.topic, which no source here fills'],
  ['vcd_audit', 'vcd.transport = rest', [EVENTS], 'depends on vcd.transport, which no source here fills'],
  [
    'azure_audit',
    'azure.eventhub.partition exists and azure.caller = x',
    [EVENTS],
    'depends on azure.eventhub.partition, which no source here fills',
  ],
  [
    'k8s_audit',
    'ka.verb = get',
    [`${HUB}, emits: [azure_audit]`],
    'is for k8s_audit events, and none come here: it cannot fire',
  ],
  [
    'syscall',
    'evt.type = openat and proc.name = cat and (fd.name = /x or proc.name = dog) and proc.name in (dog, cow)',
    ['type: ebpf'],
    'asks proc.name to be two things at once: it cannot fire',
  ],
  ['syscall', 'evt.type = openat and evt.num = 0', ['type: ebpf'], 'is true of no type of event: it cannot fire'],
  [
    'syscall',
    'evt.type in (openat, connect) and proc.name = a-very-long-name',
    ['type: ebpf'],
    'asks for what no event has, such as a thread with a name of more than 15 bytes: it cannot fire',
  ],
  ...(
    [
      ['evt.type = execve and fd.sip = 1.2.3.4', 'needs fd.sip, which execve events do not have'],
      [
        'evt.type in (open, openat) and fd.sport in (22, 2222)',
        'needs fd.sport, which open, openat events do not have',
      ],
      ['evt.type = kill and (fd.name = /x or fd.num = 3)', 'needs fd.name, which kill events do not have'],
      [
        'evt.type = execve and not fd.sip exists and evt.arg.mode = 1',
        'needs evt.arg.mode, which execve events do not have',
      ],
      [
        'evt.type in (connect, openat) and ((evt.type = connect and evt.arg.flags = 1) or (evt.type = openat and fd.lip exists))',
        'needs evt.arg.flags, fd.lip, which connect, openat events do not have',
      ],
      [
        'evt.type in (open, openat) and fd.name in (etc/passwd, shadow)',
        'compares fd.name with etc/passwd, and what is opened is named by its absolute path',
      ],
      [
        'evt.type = openat and fd.name startswith etc/',
        'compares fd.name with etc/, and what is opened is named by its absolute path',
      ],
      ['evt.type = execve and proc.name in ()', 'compares proc.name with an empty list'],
    ] as const
  ).map(([condition, why]) => ['syscall', condition, ['type: ebpf'], `${why}: it cannot fire`] as const),
] as const)('%s: %s', (source, condition, sources, message) => {
  expect(saidOf(source, condition, ...sources)).toEqual([`Rule "it" ${message}`]);
});

it.each([
  ['vcd_audit', 'vcd.topic exists and vcd.transport = mqtt', [`${VCD}, event_bus: true`]],
  ['vcd_audit', 'vcd.transport = rest', [VCD]],
  ['azure_audit', 'azure.eventhub.partition exists', [EVENTS, HUB]],
  ['k8s_audit', 'ka.cluster.name = prod', [HUB]],
  ['syscall', 'evt.type = openat and proc.name in (sh, a-very-long-name)', ['type: ebpf']],
  ['syscall', 'evt.type in (openat, connect) and evt.is_open_write = true', ['type: ebpf']],
  ['syscall', 'evt.type = execve and not fd.sip = 1.2.3.4', ['type: ebpf']],
  ['syscall', 'evt.type in (execve, connect) and fd.sip = 1.2.3.4', ['type: ebpf']],
  ['syscall', 'evt.type = execve and (fd.sip = 1.2.3.4 or proc.name = x)', ['type: ebpf']],
  [
    'syscall',
    'evt.type = execve and fd.sip = 1.2.3.4',
    ['type: replay, files: [/dev/null], emits: [syscall]', 'type: ebpf'],
  ],
  ['syscall', 'evt.type in (fchmod, dup, fchdir) and fd.name = /x', ['type: ebpf']],
  ['syscall', 'evt.type = openat and fd.name in (etc/passwd, /etc/shadow)', ['type: ebpf']],
  ['syscall', 'evt.type = fchmod and fd.name = etc/passwd', ['type: ebpf']],
  ['syscall', 'evt.type = openat and (fd.name startswith memfd or fd.name = "pipe:[1]")', ['type: ebpf']],
] as const)('%s: %s is filled', (source, condition, sources) => {
  expect(saidOf(source, condition, ...sources)).toEqual([]);
});

it.each([
  ['', 'There is no rule in these files: nothing passes this operator'],
  ['- macro: m\n  condition: evt.type = open\n', 'There is no rule in these files: nothing passes this operator'],
  [
    '- rule: it\n  desc: d\n  condition: evt.type = open\n  output: x\n  priority: INFO\n  enabled: false\n',
    'No rule of these files is enabled: nothing passes this operator',
  ],
])('files that leave nothing to judge by: %#', (content, said) => {
  const file = join(folder, 'rules.yaml');
  writeFileSync(file, content);
  const yaml = [
    'sources: { node: { type: ebpf } }',
    `operators: { detect: { type: rules, from: node, files: '${file}' } }`,
    'sinks: { out: { type: stdout, from: detect } }',
  ].join('\n');
  const { warnings } = planPipeline(PipelineDocument.parse(join(folder, 'p.yaml'), yaml), builtIn());
  expect(warnings.filter(({ code }) => code === 'NO_RULES')).toMatchObject([{ message: said, at: { line: 2 } }]);
});

it('a file that cannot be read is said as that alone', () => {
  const yaml = `sources: { node: { type: ebpf } }
operators: { detect: { type: rules, from: node, files: nowhere.yaml } }
sinks: { out: { type: stdout, from: detect } }`;
  const plan = () => planPipeline(PipelineDocument.parse(join(folder, 'p.yaml'), yaml), builtIn());
  expect(plan).toThrow(expect.objectContaining({ diagnostics: [expect.objectContaining({ code: 'CONFIG_FILE' })] }));
});

describe.each(['x64', 'arm64'] as const)('on %s', (arch) => {
  const here = process.arch;
  beforeAll(() => Object.defineProperty(process, 'arch', { value: arch }));
  afterAll(() => Object.defineProperty(process, 'arch', { value: here }));
  const compat = {
    x64: 'from 32-bit programs alone',
    arm64: 'from 32-bit programs alone: others on arm64 call openat, mkdirat and their like',
  }[arch];
  const nowhere = 'which no source here emits';

  it.each([
    ['evt.type in (open, openat)', [], []],
    ['evt.type in (clone, execve, procexit)', [], []],
    ['evt.type = open', [], [`sees open ${compat}`]],
    ['evt.type in (mkdir, rmdir)', [], [`sees mkdir, rmdir ${compat}`]],
    ['evt.type in (mkdir, mkdirat)', [], []],
    ['evt.type = umount', [`sees umount ${compat}`], [`needs umount, ${nowhere}: it cannot fire`]],
    ['evt.type in (umount, umount2)', [], [`also looks at umount, ${nowhere}`]],
  ])('%s', (condition, onX64, onArm64) => {
    const said = arch === 'x64' ? onX64 : onArm64;
    expect(saidOf('syscall', condition, 'type: ebpf')).toEqual(said.map((each) => `Rule "it" ${each}`));
  });

  it('the rules that come with the program can all fire', () => {
    const path = join(repository, 'pipelines/default.yaml');
    const { warnings } = planPipeline(PipelineDocument.parse(path, readFileSync(path, 'utf8')), builtIn());
    expect(warnings).toEqual([]);
  });
});

const official = join(repository, '../shared/data/rules');
const hasOfficial = existsSync(official);
if (!hasOfficial)
  process.stderr.write("SKIPPED: idle rules of Falco's own files in ../shared/data/rules, which is not there\n");

it.skipIf(!hasOfficial)("of Falco's rules and ours, all enabled, none is said to be idle that is not", () => {
  const falco = [
    'falco_rules',
    'falco-incubating_rules',
    'falco-sandbox_rules',
    'k8s_audit_rules',
    'aws_cloudtrail_rules',
  ];
  const own = ['host', 'k8s', 'aws', 'azure', 'vcloud'].map((name) => join(repository, `rules/${name}.yaml`));
  const files = [...falco.map((name) => join(official, `${name}.yaml`)), ...own];
  const yaml = [
    `sources: { node: { type: ebpf }, docs: { type: cloudevents, routes: { a: azure_audit, b: vcd_audit, c: k8s_audit, d: aws_cloudtrail } } }`,
    `operators: { detect: { type: rules, from: [node, docs], files: [${files}], select: [{ enable: { rule: '*' } }] } }`,
    'sinks: { out: { type: stdout, from: detect } }',
  ].join('\n');
  const { warnings } = planPipeline(PipelineDocument.parse(join(folder, 'p.yaml'), yaml), builtIn());
  const idle = warnings.map(({ message }) => message).filter((message) => message.endsWith('it cannot fire'));
  // A list that whoever uses the rule is to fill.
  const name = 'Network Connection outside Local Subnet';
  expect(idle).toEqual([`Rule "${name}" compares k8s.ns.name with an empty list: it cannot fire`]);
});

it('of a list from elsewhere that is empty it is said that it is; others may come where it is read again', () => {
  const file = join(folder, 'feeds.yaml');
  writeFileSync(join(folder, 'none.txt'), '# soon\n');
  const said = (more: string) => {
    const condition = 'evt.type = openat and fd.name in (far)';
    writeFileSync(
      file,
      `- list: far
  items_from: { file: none.txt${more} }
- rule: it
  desc: d
  condition: ${condition}
  output: o
  priority: NOTICE
`,
    );
    const yaml = `sources: { in: { type: ebpf } }
operators: { detect: { type: rules, from: in, files: ${file} } }
sinks: { out: { type: stdout, from: detect } }
`;
    const { warnings } = planPipeline(PipelineDocument.parse(join(folder, 'p.yaml'), yaml), builtIn());
    return warnings.map(({ message }) => message).filter((message) => message.endsWith('cannot fire'));
  };
  expect(said('')).toEqual(['Rule "it" compares fd.name with an empty list: it cannot fire']);
  expect(said(', refresh: 1m')).toEqual([]);
});

it('entries that choose rules and choose none are said, each at its place', () => {
  const file = join(folder, 'rules.yaml');
  const rule = (name: string, tag: string) =>
    `- rule: ${name}\n  desc: d\n  condition: evt.type = open\n  output: x\n  priority: INFO\n  tags: [${tag}]\n  enabled: false\n`;
  writeFileSync(file, rule('Read a secret', 'file') + rule('Load a module', 'host'));
  const yaml = `sources: { node: { type: ebpf } }
operators:
  detect:
    type: rules
    from: node
    files: '${file}'
    priority: Error
    select:
      - disable: { rule: Read a secrt }
      - disable: { rule: 'Read*' }
      - enable: { rule: 'Write*', tag: host }
      - enable: { tag: fil }
    append_output:
      - match: { rule: Load a modul, source: syscal, tags: [host, files] }
        extra_output: '%proc.name'
      - match: { rule: Load a module, source: syscall, tags: [host] }
        extra_output: '%proc.name'
      - extra_output: '%proc.name'
sinks: { out: { type: stdout, from: detect } }
`;
  const { warnings } = planPipeline(PipelineDocument.parse(join(folder, 'p.yaml'), yaml), builtIn());
  const said = warnings.filter(({ code }) => code === 'NO_SUCH_RULE');
  expect(said.map(({ message, hint, at }) => [at?.line, message, hint])).toEqual([
    [9, 'No rule is called "Read a secrt"', 'Did you mean "Read a secret"?'],
    [11, 'No rule is called "Write*"', undefined],
    [12, 'No rule has the tag "fil"', 'Did you mean "file"?'],
    [14, 'No rule is called "Load a modul"', 'Did you mean "Load a module"?'],
    [14, 'No rule is for "syscal"', 'Did you mean "syscall"?'],
    [14, 'No rule has the tag "files"', 'Did you mean "file"?'],
  ]);
});
