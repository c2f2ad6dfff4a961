/** `falco-pipe validate`: what it says of files that can be used, and of those that cannot, as people see it. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Program } from '../e2e/program.ts';
import { scratch } from '../scratch.ts';

const rule = (name: string, condition: string, more = '') =>
  `- rule: ${name}\n  desc: d\n  condition: ${condition}\n  output: o\n  priority: INFO\n${more}`;

/** Writes files into a folder of their own and runs `validate` on some of them there. */
async function validated(files: Readonly<Record<string, string>>, names = Object.keys(files), more: string[] = []) {
  const cwd = scratch();
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text);
  const { code, stdout, stderr } = await Program.run(['validate', ...names, ...more], { cwd });
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
