/** `falco-pipe validate`: what it says of files that can be used, and of those that cannot, as people see it. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { launcher, repository } from '../e2e/program.ts';
import { scratch } from '../scratch.ts';
import { runIn } from './in-process.ts';

const rule = (name: string, condition: string, more = '') =>
  `- rule: ${name}\n  desc: d\n  condition: ${condition}\n  output: o\n  priority: INFO\n${more}`;

/** Writes files into a folder of their own and runs `validate` on some of them there. */
async function validated(files: Readonly<Record<string, string>>, names = Object.keys(files), more: string[] = []) {
  const cwd = scratch();
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text);
  const { code, stdout, stderr } = await runIn(cwd, ['validate', ...names, ...more]);
  return { code, stdout, stderr };
}

test('what a later file defines anew is said, unless it is as before or says that it overrides', async () => {
  const files = {
    'a.yaml': `- macro: shell\n  condition: proc.name = sh\n- list: them\n  items: [a, b]\n- macro: same\n  condition: proc.name = a\n${rule('R', 'evt.type = execve and (shell or same or proc.name in (them))')}${rule('S', 'evt.type = execve')}`,
    'b.yaml': `- macro: shell\n  condition: proc.name = bash\n- list: them\n  items: [a]\n- macro: same\n  condition:  proc.name  = a\n- macro: shell\n  condition: or proc.name = zsh\n  override: { condition: append }\n${rule('S', 'evt.type = execve and shell')}`,
  };
  const notes = [
    'b.yaml:1:3: note: macro "shell" replaces that of a.yaml:1',
    'b.yaml:3:3: note: list "them" replaces that of a.yaml:3',
    'b.yaml:10:3: note: rule "S" replaces that of a.yaml:12',
  ];
  const { code, stdout, stderr } = await validated(files);
  expect({ code, stdout, stderr: stderr.trimEnd().split('\n') }).toEqual({
    code: 0,
    stdout: 'a.yaml, b.yaml: ok (2 rules, 2 macros, 1 list)\n',
    stderr: notes,
  });
  const json = await validated(files, undefined, ['-o', 'json']);
  expect(JSON.parse(json.stdout).diagnostics).toEqual([]);
  const pipeline = `sources: { past: { type: replay, files: [/dev/null], emits: [syscall] } }
operators: { detect: { type: rules, from: past, files: [a.yaml, b.yaml] } }
sinks: { out: { type: stdout, from: detect } }
`;
  const planned = await validated({ ...files, 'p.yaml': pipeline }, ['p.yaml']);
  expect(planned.stdout).toMatch(/^p\.yaml: ok \(/);
  expect(planned.stderr.trimEnd().split('\n')).toEqual(notes);
});

test('a rule that is as before but for one key is another one', async () => {
  const more = '  tags: [a, b]\n';
  const others = [
    'enabled: false\n',
    'capture: true\n',
    'capture_duration: 5000\n',
    'skip-if-unknown-filter: true\n',
    'tags: [a]\n',
    'priority: ERROR\n',
  ];
  const same = ['enabled: true\n', 'capture: false\n', 'tags: [b, a]\n'];
  const names = [...others, ...same].map((line) => `R ${line.trimEnd().replaceAll(':', '')}`);
  const changed = (name: string, line: string) => {
    const text = rule(name, 'evt.type = execve', line.startsWith('tags') ? '' : more);
    return line.startsWith('priority') ? text.replace('priority: INFO\n', line) : `${text}  ${line}`;
  };
  const files = {
    'a.yaml': names.map((name) => rule(name, 'evt.type = execve', more)).join(''),
    'b.yaml': [...others, ...same].map((line, index) => changed(names[index] ?? '', line)).join(''),
  };
  const { code, stderr } = await validated(files);
  expect(code).toBe(0);
  const noted = [...stderr.matchAll(/note: rule "(.*)" replaces that of a\.yaml/g)].map(([, name]) => name);
  expect(noted).toEqual(names.slice(0, others.length));
});

test('a rule that is repeated with more exceptions is the same, one that has lost some is not', async () => {
  const item = (field: string, ...values: string[]) => `{ name: x, fields: ${field}, values: [${values.join(', ')}] }`;
  const pairs: readonly [name: string, before: string, after: string][] = [
    ['same', item('proc.name', 'a'), item('proc.name', 'a')],
    ['added', '', item('proc.name', 'a')],
    ['value added', item('proc.name', 'a'), item('proc.name', 'b', 'a')],
    ['default named', item('proc.name', 'a'), item('proc.name', 'a').replace('values', 'comps: in, values')],
    ['value lost', item('proc.name', 'a', 'b'), item('proc.name', 'a')],
    ['all lost', item('proc.name', 'a'), ''],
    ['other operator', item('proc.name', 'a'), item('proc.name', 'a').replace('values', 'comps: pmatch, values')],
    ['other field', item('proc.name', 'a'), item('proc.pname', 'a')],
    ['pair lost', item('[proc.name, fd.name]', '[a, b]'), item('[proc.name, fd.name]', '[a, c]')],
  ];
  const text = (place: 1 | 2) =>
    pairs.map((pair) => rule(pair[0], 'evt.type = open', `  exceptions: [${pair[place]}]\n`)).join('');
  const { code, stderr } = await validated({ 'a.yaml': text(1), 'b.yaml': text(2) });
  expect(code).toBe(0);
  const noted = [...stderr.matchAll(/note: rule "(.*)" replaces that of a\.yaml/g)].map(([, name]) => name);
  expect(noted).toEqual(['value lost', 'all lost', 'other operator', 'other field', 'pair lost']);
});

describe('standard input', () => {
  const given = (input: string, cwd: string) => {
    const { status, stdout, stderr } = spawnSync(launcher, ['validate', '-'], { input, cwd, encoding: 'utf8' });
    return { status, stdout, stderr };
  };

  test('rules, and a pipeline, whose files are found from where it is called', () => {
    const cwd = scratch();
    const rules = rule('R', 'evt.type = execve');
    const pipeline = `sources: { past: { type: replay, files: [/dev/null], emits: [syscall] } }
operators: { detect: { type: rules, from: past, files: rules/r.yaml } }
sinks: { out: { type: stdout, from: detect } }
`;
    expect(given(rules, cwd)).toEqual({
      status: 0,
      stdout: '/dev/stdin: ok (1 rule, 0 macros, 0 lists)\n',
      stderr: '',
    });
    expect(given(pipeline, cwd).stderr).toContain(`no such file or directory, open '${join(cwd, 'rules/r.yaml')}'`);
    mkdirSync(join(cwd, 'rules'));
    writeFileSync(join(cwd, 'rules/r.yaml'), rules);
    expect(given(pipeline, cwd)).toMatchObject({ status: 0, stderr: '' });
    expect(given(pipeline.replace('detect }', 'dtect }'), cwd).stderr).toContain('/dev/stdin:3:37: error');
  });
});

test('a file of tests: which verb runs it', async () => {
  for (const [name, text] of [
    ['r.test.yaml', 'tests: [{ rule: R, name: n, events: [{ type: openat }], none: true }]\n'],
    ['scenarios.yaml', 'tests:\n  - { name: a, runner: HostRunner, rule: R }\n'],
  ] as const) {
    const { code, stderr } = await validated({ [name]: text });
    expect({ code, stderr }).toEqual({ code: 78, stderr: `${name} has tests, no pipeline: falco-pipe test ${name}\n` });
  }
  const { code, stderr } = await runIn(repository, ['validate', 'actions/incubating.yaml']);
  expect(code).toBe(78);
  expect(stderr).toBe("actions/incubating.yaml has what 'falco-pipe generate' does, no pipeline\n");
});

test.each([
  ['a manifest', 'apiVersion: v1\nkind: Namespace\nmetadata: { name: a }\n'],
  ['several', 'apiVersion: v1\nkind: Namespace\n---\napiVersion: v1\nkind: Secret\n'],
  ['of kustomize', 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n'],
])('what is for Kubernetes is no pipeline, and that is all that is wrong with it: %s', async (_, text) => {
  const { code, stdout, stderr } = await validated({ 'm.yaml': text });
  expect({ code, stdout }).toEqual({ code: 78, stdout: '' });
  expect(stderr).toContain('m.yaml:1:1: error: This is a Kubernetes manifest, no pipeline\n');
  expect(stderr).toContain('m.yaml has an error\n');
});

test('a variable, which nothing replaces, is said where it stands', async () => {
  const pipeline = `sources: { past: { type: replay, files: [/dev/null], emits: [syscall] } }
sinks:
  out: { type: http, from: past, url: 'http://\${HOST}:1' }
  run: { type: program, from: past, command: [sh, -c, 'cat >\${HOME}/x'] }
`;
  const { code, stdout, stderr } = await validated({ 'p.yaml': pipeline });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^p\.yaml: ok, 1 warning /);
  expect(stderr).toMatch(/^p\.yaml:3:39: warning: \$\{HOST\} is not replaced: it stands for itself\n/);
  expect(stderr).toContain(
    'Give the whole value by --set sinks.out.url=…; addresses and secrets may also be { env: NAME }',
  );
});

describe('files without an end, or for which somebody would have to write', () => {
  const rules = (files: string) =>
    `sources: { past: { type: replay, files: /dev/null } }
operators: { detect: { type: rules, from: past, files: [${files}] } }
sinks: { out: { type: stdout, from: detect } }
`;

  test('rules that are a device or a FIFO are refused, where they are named', async () => {
    const cwd = scratch();
    spawnSync('mkfifo', [join(cwd, 'fifo')]);
    for (const file of ['/dev/zero', 'fifo']) {
      writeFileSync(join(cwd, 'p.yaml'), rules(file));
      const { code, stderr } = await runIn(cwd, ['validate', 'p.yaml']);
      expect(code).toBe(78);
      expect(stderr).toContain(`p.yaml:2:57: error: Cannot read ${file}: it is no regular file`);
    }
  });

  test('a pipeline that is a device is read up to a limit', async () => {
    const { code, stderr } = await runIn(scratch(), ['validate', '/dev/zero']);
    expect({ code, stderr }).toEqual({
      code: 78,
      stderr: expect.stringContaining('it has more than 128 MiB, or no end'),
    });
  });

  test('what a shell hands over is read: the pipeline, its rules, and both', () => {
    const cwd = scratch();
    writeFileSync(join(cwd, 'r.yaml'), rule('R', 'evt.type = execve'));
    writeFileSync(join(cwd, 'p.yaml'), rules('/dev/fd/9'));
    const shell = `${launcher} validate p.yaml 9< <(cat r.yaml) && ${launcher} validate <(cat p.yaml) 9< <(cat r.yaml)`;
    const { status, stdout } = spawnSync('bash', ['-c', shell], { cwd, encoding: 'utf8' });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^p\.yaml: ok .*\n\/dev\/fd\/\d+: ok /);
  });
});

test('spill without a state folder is a warning: --state is not known', async () => {
  const pipeline = (more = '') =>
    `sources: { self: { type: internal } }\nsinks: { out: { type: stdout, from: self, queue: { when_full: spill } } }\n${more}`;
  const without = await validated({ 'p.yaml': pipeline() });
  expect(without.code).toBe(0);
  expect(without.stderr).toContain('p.yaml:2:63: warning: The sink out has nowhere to spill to');
  expect((await validated({ 'p.yaml': pipeline('state: here\n') })).stderr).toBe('');
});

test('a password in an address is a warning that does not show it', async () => {
  const pipeline = (url: string) =>
    `sources: { self: { type: internal } }\nsinks: { out: { type: http, from: self, url: '${url}' } }\n`;
  const { code, stdout, stderr } = await validated({ 'p.yaml': pipeline('https://jane:hush@sink.example') });
  expect(code).toBe(0);
  expect(stderr).toContain('p.yaml:2:46: warning: sinks.out.url: the address has a password');
  expect(stdout + stderr).not.toContain('hush');
  for (const url of ['https://jane@sink.example', 'https://sink.example/a:b@c', 'https://sink.example/?q=a:b@c'])
    expect((await validated({ 'p.yaml': pipeline(url) })).stderr).not.toContain('password');
});
