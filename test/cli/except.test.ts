/** `falco-pipe rules except`: what it reads, what it chooses, what it warns of, what it refuses. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { cutText, LEFT_OUT } from '../../src/sinks/shared/bounded.ts';
import { launcher, Program } from '../e2e/program.ts';
import { scratch } from '../scratch.ts';

const folder = scratch();
function write(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content);
  return name;
}
const run = (...args: string[]) => Program.run(args, { cwd: folder });
const except = (...args: string[]) => run('rules', 'except', ...args);

const rules = write(
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

const alert = (fields: object, rule = 'File read', source = 'syscall') => ({
  hostname: 'node1',
  output: '22:13:20.000000000: Notice o',
  output_fields: { 'evt.time': 1700000000000000000, ...fields },
  priority: 'Notice',
  rule,
  source,
  tags: [],
  time: '2023-11-14T22:13:20.000000000Z',
});
const lines = (...alerts: object[]) => alerts.map((each) => `${JSON.stringify(each)}\n`).join('');
const read = {
  'fd.name': '/etc/passwd',
  'proc.exepath': '/usr/bin/cat',
  'proc.name': 'cat',
  'proc.pname': 'bash',
  'proc.cmdline': 'cat /etc/passwd',
  'user.name': 'root',
  'container.id': 'host',
  'proc.pid': 4711,
};
const started = { 'proc.name': 'id', 'proc.pname': 'make', 'proc.exepath': '/usr/bin/id', 'proc.cmdline': 'id -u' };

write('one.jsonl', lines(alert(read)));

interface Item {
  readonly rule: string;
  readonly exceptions: readonly { name: string; fields?: string[]; values: unknown[] }[];
}
const itemsOf = (text: string) => (parse(text, { schema: 'failsafe' }) ?? []) as Item[];

describe('what is written', () => {
  test('the program, its parent, the file, the container; never a pid or a time', async () => {
    const { code, stdout, stderr } = await except('one.jsonl', rules);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(
      [
        '# For 1 alert of one.jsonl: load this file after those of the rules.',
        '',
        '# Hides 1 of 1 alert.',
        "# The rule's own exception readers would serve too, and hide more: it goes by proc.exepath =, fd.name startswith.",
        '- rule: File read',
        '  exceptions:',
        '    - name: proc_exepath_proc_pname_fd_name_container_id',
        '      fields: [proc.exepath, proc.pname, fd.name, container.id]',
        '      values:',
        '        - [/usr/bin/cat, bash, /etc/passwd, host] # hides line 1',
        '  override: { exceptions: append }',
        '',
      ].join('\n'),
    );
    write('made.yaml', stdout);
    expect(await run('validate', rules, 'made.yaml')).toMatchObject({ code: 0, stderr: '' });
  });

  test('alerts that are alike are a row, others more rows, other fields another exception', async () => {
    const other = alert({ ...read, 'fd.name': '/etc/group', 'proc.pid': 4712 });
    const { 'proc.pname': _, ...lesser } = read;
    const given = lines(
      alert(read),
      other,
      alert({ ...read, 'proc.pid': 9 }),
      alert(lesser),
      alert(started, 'Program started'),
    );
    const [first, second] = itemsOf((await except(write('five.jsonl', given), rules)).stdout);
    expect(first?.exceptions.map(({ values }) => values)).toEqual([
      [
        ['/usr/bin/cat', 'bash', '/etc/passwd', 'host'],
        ['/usr/bin/cat', 'bash', '/etc/group', 'host'],
      ],
      [['/usr/bin/cat', '/etc/passwd', 'host']],
    ]);
    expect(second).toMatchObject({ rule: 'Program started' });
  });

  test('values for an exception that the rule has, when it is not broad', async () => {
    const [item] = itemsOf((await except(write('own.jsonl', lines(alert(started, 'Program started'))), rules)).stdout);
    expect(item?.exceptions).toEqual([{ name: 'known', values: [['make', '/usr/bin/id', '"id -u"']] }]);
  });

  test('the own one hides no more than what would be chosen; else it is offered, with what it does not compare', async () => {
    const lesser = write(
      'lesser.yaml',
      `- rule: File read\n  desc: d\n  condition: evt.type = openat and fd.name startswith /etc\n  output: o
  priority: INFO\n  exceptions: [{ name: own, fields: [proc.exepath, fd.name] }]\n`,
    );
    const { stdout } = await except('one.jsonl', lesser);
    expect(itemsOf(stdout)[0]?.exceptions).toMatchObject([
      { fields: ['proc.exepath', 'proc.pname', 'fd.name', 'container.id'] },
    ]);
    expect(stdout).toContain(
      "# The rule's own exception own would serve too, and hide more: it does not compare proc.pname, container.id. --by proc.exepath,fd.name takes it.\n",
    );
    const taken = await except('one.jsonl', lesser, '--by', 'proc.exepath,fd.name');
    expect(itemsOf(taken.stdout)[0]?.exceptions).toEqual([{ name: 'own', values: [['/usr/bin/cat', '/etc/passwd']] }]);
    expect(taken.stdout).not.toContain('would serve too');
  });

  test.each(['', '<NA>'])("of '%s' there is nothing in an own one either", async (nothing) => {
    const given = write('na.jsonl', lines(alert({ ...started, 'proc.pname': nothing }, 'Program started')));
    const [item] = itemsOf((await except(given, rules)).stdout);
    expect(item?.exceptions).toMatchObject([{ fields: ['proc.exepath', 'proc.cmdline'] }]);
  });

  test('thousands of rows, each judged', async () => {
    const many = Array.from({ length: 1200 }, (_, n) => alert({ ...read, 'fd.name': `/etc/n${n}` }));
    const given = write('many.jsonl', lines(...many, alert(started, 'Program started')));
    const { code, stdout, stderr } = await except(given, rules);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(itemsOf(stdout)[0]?.exceptions[0]?.values).toHaveLength(1200);
    expect(stdout).toContain('# Hides 1200 of 1200 alerts.\n');
    // With them loaded no alert is left, and it is not said of each why.
    const again = await except(given, rules, write('many.yaml', stdout));
    expect(itemsOf(again.stdout)).toEqual([]);
    expect(again.stdout.split('\n').length).toBeLessThan(20);
    expect(again.stdout).toContain('# And 1195 others of that kind: lines 6, 7,');
  });

  test('--by names the fields; of an exception with the same ones the values are of its form', async () => {
    const given = write('by.jsonl', lines(alert({ ...started, 'user.name': 'a b' }, 'Program started')));
    const by = async (fields: string) => {
      const { stdout } = await except(given, rules, '--by', fields);
      write('by.yaml', stdout);
      expect(await run('validate', rules, 'by.yaml')).toMatchObject({ code: 0, stderr: '' });
      return itemsOf(stdout)[0]?.exceptions;
    };
    expect(await by('proc.exepath')).toEqual([{ name: 'flat', values: ['/usr/bin/id'] }]);
    expect(await by('proc.exepath, user.name')).toEqual([{ name: 'among', values: [['"a b"', '/usr/bin/id']] }]);
    expect(await by('proc.name,proc.pname')).toEqual([
      { name: 'proc_name_proc_pname', fields: ['proc.name', 'proc.pname'], values: [['id', 'make']] },
    ]);
  });

  test('once loaded, an alert needs no other exception, and it is said which part ends it', async () => {
    const { stdout } = await except('one.jsonl', rules);
    write('made.yaml', stdout);
    const again = await except('one.jsonl', rules, 'made.yaml');
    expect(again.code).toBe(0);
    expect(itemsOf(again.stdout)).toEqual([]);
    expect(again.stdout).toContain(
      '# No alert with these rules, and without an exception: line 1, failing not (proc.exepath',
    );
    expect(again.stdout).toContain('in exception proc_exepath_proc_pname_fd_name_container_id');
    const more = write('more.jsonl', lines(alert({ ...read, 'fd.name': '/etc/group' })));
    expect(itemsOf((await except(more, rules, 'made.yaml')).stdout)[0]?.exceptions).toEqual([
      {
        name: 'proc_exepath_proc_pname_fd_name_container_id',
        values: [['/usr/bin/cat', 'bash', '/etc/group', 'host']],
      },
    ]);
  });

  test('the name of another exception is not taken', async () => {
    const own = write(
      'named.yaml',
      `- rule: R\n  desc: d\n  condition: evt.type = open\n  output: o\n  priority: INFO
  exceptions: [{ name: proc_pname, fields: [proc.pname], comps: [contains] }]\n`,
    );
    const given = write('named.jsonl', lines(alert({ 'proc.pname': 'x' }, 'R')));
    expect(itemsOf((await except(given, own, '--by', 'proc.pname')).stdout)[0]?.exceptions[0]?.name).toBe(
      'proc_pname_2',
    );
  });

  test('as JSON, in one line', async () => {
    const { stdout, json } = await except('one.jsonl', rules, '-o', 'json');
    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
    expect(json[0]).toMatchObject({
      exceptions: (await except('one.jsonl', rules)).stdout,
      rules: [
        {
          rule: 'File read',
          notes: ['Hides 1 of 1 alert.', expect.stringContaining('readers')],
          exceptions: [
            {
              new: true,
              fields: ['proc.exepath', 'proc.pname', 'fd.name', 'container.id'],
              values: [{ constants: ['/usr/bin/cat', 'bash', '/etc/passwd', 'host'], lines: [1] }],
            },
          ],
        },
      ],
    });
  });

  test('with events: what the rule matches before and after', async () => {
    const event = (fields: object, type = 'openat', source = 'syscall') =>
      JSON.stringify({ source, time: 1, type, fields: { ...read, ...fields } });
    const events = [
      event({}),
      event({ 'proc.pname': 'sh' }),
      event({ 'proc.pid': 1 }),
      event({ 'fd.name': '/x' }),
      event({}, 'a', 'aws'),
    ];
    write('events.jsonl.gz', gzipSync(events.join('\n')));
    const { stdout } = await except('one.jsonl', rules, '--events', 'events.jsonl.gz');
    expect(stdout).toContain(
      '# Of 4 events in events.jsonl.gz the rule matches 3, and with this 1: hidden are lines 1, 3.\n',
    );
    const [json] = (await except('one.jsonl', rules, '--events', 'events.jsonl.gz', '-o', 'json')).json;
    expect(json).toMatchObject({ rules: [{ events: { judged: 4, before: 3, after: 1, hidden: [1, 3] } }] });
  });

  test('a pipeline in the place of the rules: as its operator has them', async () => {
    write(
      'pipeline.yaml',
      `sources: { past: { type: replay, files: events.jsonl } }
operators: { detect: { type: rules, from: past, files: rules.yaml, select: [{ disable: { rule: "File*" } }] } }
sinks: { out: { type: stdout, from: detect } }
`,
    );
    write('events.jsonl', '');
    const { stdout } = await except('one.jsonl', 'pipeline.yaml');
    expect(stdout).toContain('# The rule is disabled here: it raises no alert anyway.\n');
    expect(itemsOf(stdout)).toHaveLength(1);
  });
});

describe('how alerts are written', () => {
  const json = JSON.stringify(alert(read));
  const { output_fields, ...own } = alert(read);
  const fields = { ...own, ...output_fields, 'fd.sip': null, id: '0' };
  test('behind the head of a log, by Docker, in the journal, as records, as CloudEvents, in Elasticsearch', async () => {
    const forms = [
      `Nov 27 04:00:00 host falco[7]: ${json}\r`,
      JSON.stringify({ log: `${json}\n`, stream: 'stdout' }),
      JSON.stringify({ MESSAGE: json, PRIORITY: '5' }),
      '',
      JSON.stringify({ source: 'alert', time: 1, type: 'File read', fields }),
      JSON.stringify({ specversion: '1.0', id: '1', rule: 'File read', priority: 'Notice', data: alert(read) }),
      JSON.stringify({ _index: 'falco', _source: alert(read) }),
      JSON.stringify({ preview: false, result: { _raw: `Nov 27 04:00:00 host falco[7]: ${json}` } }),
    ];
    const { code, stdout, stderr } = await except(write('odd.log', forms.join('\n')), rules);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('        - [/usr/bin/cat, bash, /etc/passwd, host] # hides lines 1, 2, 3, 5, 6, 7, 8\n');
  });

  test('over several lines', async () => {
    const text = `\n${JSON.stringify(alert(read), null, 2)}\n`;
    expect((await except(write('several.json', text), rules)).stdout).toContain('# hides line 2\n');
  });

  test('compressed, and on the standard input', async () => {
    write('one.jsonl.gz', gzipSync(lines(alert(read))));
    expect((await except('one.jsonl.gz', rules)).stdout).toContain('# hides line 1\n');
    // What writes takes its time.
    const command = `(sleep 0.5; cat one.jsonl) | "${launcher}" rules except - rules.yaml`;
    const piped = await Program.run(['-c', command], { cwd: folder, command: 'sh' });
    expect(piped.stderr).toBe('');
    expect(piped.stdout).toContain('# For 1 alert of -:');
  });
});

describe('what is said of an exception', () => {
  const notesOf = async (fields: object, by?: string, rule = 'File read') => {
    const given = write('note.jsonl', lines(alert(fields, rule)));
    const { stdout, code } = await except(given, rules, ...(by === undefined ? [] : ['--by', by]));
    expect(code).toBe(0);
    return stdout.split('\n').filter((line) => /^# (?!For|Hides|The rule's own)/.test(line));
  };

  test('nothing where it tells enough', async () => {
    expect(await notesOf(read)).toEqual([]);
  });

  test.each([
    ['one field alone', 'proc.exepath', 'Warning: proc.exepath = /usr/bin/cat is all that it goes by (line 1)'],
    [
      'what the attacker writes',
      'proc.name,proc.cmdline',
      'Warning: an attacker can have proc.name and proc.cmdline as he',
    ],
    [
      'what many share',
      'user.name,container.id',
      'Warning: user.name = root and container.id = host holds for much else',
    ],
    ['a pid', 'proc.pid,fd.name', 'Perhaps never again is proc.pid = 4711; leave it out with --by (line 1).'],
    ['no word of what is done', 'proc.exepath,proc.pname', 'Warning: nothing here says what /usr/bin/cat does'],
  ])('%s', async (_, by, said) => {
    expect((await notesOf(read, by)).join('\n')).toContain(said);
  });

  test('names alone, also beside the file that the rule is about', async () => {
    const { 'proc.exepath': _, ...rest } = read as Record<string, unknown>;
    expect((await notesOf(rest)).join('\n')).toMatch(/Warning: an attacker can have proc\.name .*as he likes/);
  });

  test('what the alert shows and cannot be compared; nothing is written where that is the program', async () => {
    const secret = { ...read, 'proc.exepath': '/usr/bin/python3', 'proc.cmdline': 'python3 --token=[redacted]' };
    expect((await notesOf(secret)).join('\n')).toContain(
      'Warning: a secret was taken out of proc.cmdline: it is not compared (line 1)',
    );
    const odd = { ...read, 'proc.exepath': '/dev/shm/n\ufffdx', 'proc.name': 'n\ufffdx' };
    const { stdout, stderr, code } = await except(write('odd.jsonl', lines(alert(odd))), rules);
    expect([stdout, code]).toEqual(['', 78]);
    expect(stderr).toContain(
      'proc.exepath holds what is no text, and is not shown as it is, and nothing else says who',
    );
    expect(stderr).toContain('--by takes other fields, and hides much else: ');
  });

  test('a program that does what it is told has its command with it, or a warning', async () => {
    const python = { ...read, 'proc.exepath': '/usr/bin/python3.13', 'proc.cmdline': 'python3 /srv/job.py' };
    expect(await notesOf(python)).toEqual([]);
    expect(await notesOf(python, 'proc.exepath,fd.name')).toEqual([
      '# Warning: /usr/bin/python3.13 does what it is told, and nothing here says what that is (line 1).',
      expect.stringContaining('extra_fields: [proc.pexepath]'),
    ]);
  });

  test('in a container of an image that the alert does not tell', async () => {
    const [warning] = await notesOf({ ...read, 'container.id': '3ad7b26ded6d', 'container.image.repository': null });
    expect(warning).toContain('Warning: the program is in a container, and nothing here says of which image');
    expect(await notesOf({ ...read, 'container.id': '3ad7b26ded6d', 'container.image.repository': 'shop' })).toEqual(
      [],
    );
  });

  test.each([
    '/etc/2024-11-01T10:00:00.log',
    '/etc/log_2024_11_01',
    '/etc/.mount_Xy12Zq',
    '/etc/.mount_ObsidiXy12Zq/AppRun',
    '/etc/.x.aB3dE9/passwd',
  ])('a path that may never come again: %s', async (path) => {
    expect((await notesOf({ ...read, 'fd.name': path })).join('\n')).toContain(
      `Perhaps never again is fd.name = ${path}`,
    );
  });

  test.each(['/etc/.config/My_Program', '/etc/mount_points', '/etc/x-2024', '/etc/a:22:33'])(
    'nothing of %s',
    async (path) => {
      expect(await notesOf({ ...read, 'fd.name': path })).toEqual([]);
    },
  );

  test('every alert of a row is judged, in whatever order they come', async () => {
    const host = alert(read);
    const inContainer = alert({ ...read, 'container.id': '3ad7b26ded6d', 'container.image.repository': 'nginx' });
    const said = async (...alerts: object[]) => {
      const { stdout } = await except(write('order.jsonl', lines(...alerts)), rules, '--by', 'proc.exepath,fd.name');
      return stdout.split('\n').filter((line) => line.startsWith('# Warning'));
    };
    const warning = '# Warning: the program is in a container, and nothing here says of which image';
    expect(await said(host, inContainer)).toEqual([`${warning} (line 2).`]);
    expect(await said(inContainer, host, inContainer)).toEqual([`${warning} (lines 1, 3).`]);
    expect(await said(host, host)).toEqual([]);
  });

  test('what a receiver had to have cut is compared with nothing, and said', async () => {
    const long = alert({ ...read, 'proc.exepath': `/opt/${'a'.repeat(100)}`, 'fd.name': `/etc/${'b'.repeat(5000)}` });
    const cut = ['proc.exepath', 'fd.name'].map((field) => [
      field,
      cutText((long.output_fields as unknown as Record<string, string>)[field] as string, 64),
    ]);
    const given = { ...long, output_fields: { ...long.output_fields, ...Object.fromEntries(cut), [LEFT_OUT]: 3 } };
    const { stdout } = await except(write('cut.jsonl', lines(given)), rules);
    expect(stdout).not.toContain('characters cut');
    expect(itemsOf(stdout)[0]?.exceptions).toMatchObject([
      { fields: ['proc.name', 'proc.cmdline', 'proc.pname', 'container.id'] },
    ]);
    expect(stdout).toContain('# Warning: the alert was cut to the size that a receiver takes: fields are missing that');
    const { code, stderr } = await except('cut.jsonl', rules, '--by', 'fd.name');
    expect({ code, stderr }).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('fd.name is too long for a receiver, and was cut'),
    });
  });

  test('a path that comes again, and one that may not', async () => {
    const passing = await notesOf({ ...read, 'fd.name': '/etc/.pwd.aB3dE9' });
    expect(passing.join('\n')).toContain('Perhaps never again is fd.name = /etc/.pwd.aB3dE9');
    expect(await notesOf({ ...read, 'fd.name': '/etc/systemd/system/shop.service' })).toEqual([]);
  });
});

describe('what is refused, each with its place, and nothing is written', () => {
  const refused = async (text: string, ...args: string[]) => {
    const { code, stdout, stderr } = await except(write('bad.jsonl', text), rules, ...args);
    expect(stdout).toBe('');
    return { code, stderr };
  };

  test('no JSON, and no alert: every line', async () => {
    const text = `${lines(alert(read))}22:13:20: Notice o\n{"rule": "File\n{"a": 1}\n[]\n`;
    const { code, stderr } = await refused(text);
    expect(code).toBe(78);
    expect(stderr).toContain('bad.jsonl:2:1: error: there is no JSON on this line\n');
    expect(stderr).toContain('bad.jsonl:3:1: error: this line is not JSON\n');
    expect(stderr).toContain('bad.jsonl:4:1: error: It is no alert: it has no `rule`.\n');
    expect(stderr).toContain('bad.jsonl:5:1: error: there is no JSON');
    expect(stderr).toContain('bad.jsonl has 4 lines without an alert\n');
  });

  test('alerts of rules that are not there', async () => {
    const given = [
      alert(read, 'File raed'),
      alert(read),
      alert(read, 'File read', 'k8s_audit'),
      alert({}, 'Falco internal: syscall event drop', 'internal'),
      alert({}, 'O', 'okta'),
    ];
    write(
      'okta.yaml',
      '- rule: O\n  desc: d\n  condition: okta.app = x\n  output: o\n  priority: INFO\n  source: okta\n',
    );
    const { code, stderr } = await refused(lines(...given), 'okta.yaml');
    expect(code).toBe(78);
    expect(stderr).toMatch(/^bad.jsonl:1:\d+: error: There is no rule "File raed"; did you mean "File read"\?$/m);
    expect(stderr).toMatch(/^bad.jsonl:3:\d+: error: The rule is for syscall events, and the alert of k8s_audit$/m);
    expect(stderr).toMatch(/^bad.jsonl:4:\d+: error: It is about the program itself: no rule has raised it$/m);
    expect(stderr).toMatch(/^bad.jsonl:5:\d+: error: The rule is for okta events, which have no source here$/m);
    expect(stderr).toContain('There is no exception for 4 alerts of bad.jsonl, and none was written\n');
  });

  test('alerts that show nothing to go by: what would be shown for that', async () => {
    const secret = alert({ 'proc.cmdline': 'x --password=[redacted]', 'proc.pid': 1 });
    const { code, stderr } = await refused(lines(alert({ 'proc.pid': 1 }), alert(read), secret));
    expect(code).toBe(78);
    expect(stderr).toMatch(/^bad.jsonl:1:\d+: error: The alert of "File read" shows no field that.* \(lines 1, 3\)$/m);
    expect(stderr).toContain('extra_fields: [proc.exepath, proc.pexepath, fd.name, container.image.repository] }]');
  });

  test('the same of many alerts is said once, five reasons in all', async () => {
    const many = Array.from({ length: 30 }, () => alert(read, 'No rule'));
    const same = await refused(lines(...many));
    expect(same.stderr.match(/error/g)).toHaveLength(1);
    expect(same.stderr).toContain('(lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 20 more)\n');
    expect(same.stderr).toContain('There is no exception for 30 alerts of bad.jsonl, and none was written\n');
    const different = await refused(lines(...many.map((each, n) => ({ ...each, rule: `No rule ${n}` }))));
    expect(different.stderr.match(/error/g)).toHaveLength(5);
    expect(different.stderr).toContain('for 30 alerts of bad.jsonl, and none was written; 5 of 30 reasons are shown\n');
  });

  test('what a log has in it for the terminal only shows', async () => {
    const hostile = '\u001b]0;x\u0007\u009b31m\u202e';
    const given = [
      JSON.stringify(alert(read, `File\n${hostile}`)),
      JSON.stringify(alert(read, 'File read', hostile)).replace('{', `{"${hostile.slice(4)}":1,`),
    ];
    for (const text of [...given, `${hostile} {no JSON`, `${hostile} no JSON`]) {
      const { stderr } = await refused(`${text}\n`);
      expect(stderr.replaceAll('\n', '')).not.toMatch(/\p{C}/u);
    }
    const named = write('named.jsonl', lines(alert({ ...read, 'proc.exepath': hostile }, `R${hostile}`)));
    const hostileRules = write(
      'hostile.yaml',
      `- rule: ${JSON.stringify(`R${hostile}`)}\n  desc: d\n  condition: evt.type = open\n  output: o\n  priority: INFO\n`,
    );
    const { code, stdout } = await except(named, hostileRules);
    expect(code).toBe(0);
    expect(stdout.replaceAll('\n', '')).not.toMatch(/\p{C}/u);
    expect(itemsOf(stdout)[0]?.rule).toBe(`R${hostile}`);
  });

  test('a list in JSON', async () => {
    const { code, stderr } = await refused(`${JSON.stringify([alert(read)], null, 2)}\n`);
    expect({ code, stderr }).toEqual({
      code: 78,
      stderr: "bad.jsonl is a list in JSON; give one alert a line: jq -c '.[]' bad.jsonl\n",
    });
  });

  test.each([
    ['proc.nmae', 2, '--by: there is no field "proc.nmae" of syscall events; did you mean proc.name?'],
    ['fd.sport', 78, 'the alert does not show fd.sport'],
    ['proc.sname', 78, 'proc.sname is absent on its event'],
    ['proc.cmdline', 78, 'a secret was taken out of proc.cmdline'],
    ['proc.exe', 78, 'proc.exe holds what is no text'],
    ['fd.types', 78, 'fd.types is a list, and shown as a text'],
    ['evt.buffer', 78, 'evt.buffer is shown with dots'],
  ])('--by %s', async (by, status, said) => {
    const odd = {
      'proc.sname': null,
      'proc.cmdline': 'x --token=[redacted]',
      'proc.exe': 'a\ufffd',
      'fd.types': '(file)',
      'evt.buffer': 'a.',
    };
    const { code, stderr } = await refused(lines(alert({ ...read, ...odd })), '--by', by);
    expect(code).toBe(status);
    expect(stderr).toContain(said);
  });

  test('files that cannot be read, are empty, or do not load', async () => {
    expect(await except('nowhere.jsonl', rules)).toMatchObject({ code: 69, stdout: '' });
    expect(await refused('\n')).toMatchObject({ code: 78, stderr: 'There is no alert in bad.jsonl\n' });
    write('broken.yaml', '- rule: R\n  desc: d\n');
    expect(await except('one.jsonl', 'broken.yaml')).toMatchObject({ code: 78, stdout: '' });
    expect(await except('-', rules, '--events', '-')).toMatchObject({ code: 2, stdout: '' });
    expect(await except('one.jsonl', rules, '--events', 'nowhere.jsonl')).toMatchObject({ code: 69, stdout: '' });
  });
});
