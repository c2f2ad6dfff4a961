/** A folder with rules and an alert, for tests of `falco-pipe rules except`. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { scratch } from '../scratch.ts';
import { runIn } from './in-process.ts';

export const folder = scratch();
export function write(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content);
  return name;
}

export const run = (...args: string[]) => runIn(folder, args);
export const except = (...args: string[]) => run('rules', 'except', ...args);

export const rules = write(
  'rules.yaml',
  `- macro: opened
  condition: evt.type in (open, openat)
- rule: File read
  desc: d
  condition: opened and fd.name startswith /etc and not fd.name in (/etc/hosts)
  output: o %fd.name %proc.exepath %proc.name %proc.pname %proc.cmdline %user.name %container.id %proc.pid
  priority: NOTICE
  exceptions:
    - name: readers
      fields: [proc.exepath, fd.name]
      comps: [=, startswith]
- rule: Program started
  desc: d
  condition: evt.type = execve and proc.name != init
  output: o %proc.name %proc.pname %user.name
  priority: NOTICE
  exceptions:
    - name: known
      fields: [proc.pname, proc.exepath, proc.cmdline]
    - name: flat
      fields: proc.exepath
    - name: among
      fields: [user.name, proc.exepath]
      comps: [in, =]
`,
);

export const alert = (fields: object, rule = 'File read', source = 'syscall') => ({
  hostname: 'node1',
  output: '22:13:20.000000000: Notice o',
  output_fields: { 'evt.time': 1700000000000000000, ...fields },
  priority: 'Notice',
  rule,
  source,
  tags: [],
  time: '2023-11-14T22:13:20.000000000Z',
});
export const lines = (...alerts: object[]) => alerts.map((each) => `${JSON.stringify(each)}\n`).join('');
export const read = {
  'fd.name': '/etc/passwd',
  'proc.exepath': '/usr/bin/cat',
  'proc.name': 'cat',
  'proc.pname': 'bash',
  'proc.cmdline': 'cat /etc/passwd',
  'user.name': 'root',
  'container.id': 'host',
  'proc.pid': 4711,
};
export const started = {
  'proc.name': 'id',
  'proc.pname': 'make',
  'proc.exepath': '/usr/bin/id',
  'proc.cmdline': 'id -u',
};

write('one.jsonl', lines(alert(read)));

interface Item {
  readonly rule: string;
  readonly exceptions: readonly { name: string; fields?: string[]; values: unknown[] }[];
}
export const itemsOf = (text: string) => (parse(text, { schema: 'failsafe' }) ?? []) as Item[];
