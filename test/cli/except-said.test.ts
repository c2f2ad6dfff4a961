/** `falco-pipe rules except`: what it warns of, what it refuses. */

import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { cutText, LEFT_OUT } from '../../src/sinks/shared/bounded.ts';
import { alert, except, itemsOf, lines, read, rules, write } from './except-folder.ts';

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
    ['a pid', 'proc.pid,fd.name', 'Perhaps never again is proc.pid = 4711; --by fd.name leaves it out (line 1).'],
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
    '/etc/web-x2x4z',
  ])('a path that may never come again: %s', async (path) => {
    expect((await notesOf({ ...read, 'fd.name': path })).join('\n')).toContain(
      `Perhaps never again is fd.name = ${path}`,
    );
  });

  test.each(['/etc/.config/My_Program', '/etc/mount_points', '/etc/x-2024', '/etc/web-https', '/etc/a:22:33'])(
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
    const text = `\n22:13:20: Notice o\n{"rule": "File\n{"a": 1}\n[]\n22:13:20: Notice p\n`;
    const { code, stderr } = await refused(text);
    expect(code).toBe(78);
    expect(stderr).toContain('bad.jsonl:2:1: error: there is no JSON on this line (lines 2, 6)\n');
    expect(stderr).toContain('bad.jsonl:3:1: error: this line is not JSON\n');
    expect(stderr).toContain('bad.jsonl:4:1: error: It is no alert: it has no `rule`.\n');
    expect(stderr).toContain('bad.jsonl:5:1: error: this list is empty');
    expect(stderr.match(/its text names no rule/g)).toHaveLength(1);
    expect(stderr).toContain('There is no alert in bad.jsonl\n');
  });

  test('alerts of rules that are not there', async () => {
    const given = [
      alert(read, 'File raed'),
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
    expect(stderr).toMatch(
      /^bad.jsonl:2:\d+: error: The rule "File read" is for syscall events, and the alert of k8s_audit$/m,
    );
    expect(stderr).toMatch(/^bad.jsonl:3:\d+: error: It is about the program itself: no rule has raised it$/m);
    expect(stderr).toMatch(/^bad.jsonl:4:\d+: error: The rule is for okta events, which have no source here$/m);
    expect(stderr).toContain('There is no exception for 4 alerts of bad.jsonl, and none was written\n');
  });

  test('alerts that show nothing to go by: what would be shown for that', async () => {
    const secret = alert({ 'proc.cmdline': 'x --password=[redacted]', 'proc.pid': 1 });
    const { code, stderr } = await refused(lines(alert({ 'proc.pid': 1 }), secret));
    expect(code).toBe(78);
    expect(stderr).toMatch(/^bad.jsonl:1:\d+: error: The alert of "File read" shows no field that.* \(lines 1, 2\)$/m);
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
    const told = async (path: string) => {
      const { code, stdout, stderr } = await except(path, rules);
      expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
      return stderr;
    };
    expect(await told('nowhere.jsonl')).toBe('Cannot read alerts from nowhere.jsonl: there is no such file\n');
    expect(await told('.')).toBe('Cannot read alerts from .: it is a folder\n');
    expect(await refused('\n')).toMatchObject({ code: 78, stderr: 'There is no alert in bad.jsonl\n' });
    const packed = gzipSync(lines(alert(read)));
    for (const name of ['cut.gz', 'cut.jsonl']) {
      write(name, packed.subarray(0, 60));
      expect(await told(name)).toBe(`Cannot read alerts from ${name}: it ends in the middle of what is compressed\n`);
    }
    write('plain.gz', lines(alert(read)));
    expect(await told('plain.gz')).toBe('Cannot read alerts from plain.gz: it is not gzip, though its name says so\n');
    write('bad.gz', Buffer.concat([packed.subarray(0, 20), Buffer.alloc(40, 0xff)]));
    expect(await told('bad.gz')).toBe('Cannot read alerts from bad.gz: what is compressed in it is damaged\n');
    write('empty.gz', '');
    expect(await except('empty.gz', rules)).toMatchObject({ code: 78, stderr: 'There is no alert in empty.gz\n' });
    write('broken.yaml', '- rule: R\n  desc: d\n');
    expect(await except('one.jsonl', 'broken.yaml')).toMatchObject({ code: 78, stdout: '' });
    expect(await except('-', rules, '--events', '-')).toMatchObject({ code: 2, stdout: '' });
    expect(await except('one.jsonl', rules, '--events', 'nowhere.jsonl')).toMatchObject({ code: 69, stdout: '' });
  });
});

describe('a day of alerts: what gets no exception is said and counted, and the others get theirs', () => {
  const secret = alert({ 'proc.exepath': 'x[redacted]', 'proc.cmdline': 'x --password=[redacted]', 'proc.pid': 1 });
  const other = { ...read, 'fd.name': '/etc/group' };
  const day = [
    '22:13:20.000000000: Notice o',
    ...[alert(read), alert(read, 'Gone'), alert({ 'fd.name': '/etc/hosts' })].map((each) => JSON.stringify(each)),
    ...[secret, alert(other), alert(other), alert(read, 'Gone')].map((each) => JSON.stringify(each)),
  ];

  test('as comments, and in a line on the standard error', async () => {
    const { code, stdout, stderr } = await except(write('day.jsonl', day.join('\n')), rules);
    expect(code).toBe(0);
    expect(stderr).toBe('3 alerts without an exception, 1 line without an alert: the output says why\n');
    const head = stdout.slice(0, stdout.indexOf('\n\n')).split('\n');
    expect(head).toEqual([
      '# For 7 alerts of day.jsonl: load this file after those of the rules.',
      '# 2 rows hide 3 of them, 1 would not be raised by these rules anyway, 3 remain.',
      expect.stringContaining('# 2 alerts get no exception (lines 3, 8): There is no rule "Gone"; '),
      expect.stringContaining('# 1 alert gets no exception (line 5): a secret was taken out of proc.exepath, and'),
      expect.stringContaining('# 1 line without an alert (line 1): there is no JSON on this line. An alert is a line'),
    ]);
    expect(stdout).toContain('\n# Hides 3 of 5 alerts.\n');
    expect(stdout).toContain('# No alert with these rules, and without an exception: line 4, failing not fd.name in');
    // The row that ends more stands first.
    expect(itemsOf(stdout)[0]?.exceptions[0]?.values).toEqual([
      ['/usr/bin/cat', 'bash', '/etc/group', 'host'],
      ['/usr/bin/cat', 'bash', '/etc/passwd', 'host'],
    ]);
    expect(stdout).toContain('/etc/group, host] # hides 2 alerts: lines 6, 7\n');
  });

  test('as JSON', async () => {
    const { json } = await except(write('day.jsonl', day.join('\n')), rules, '-o', 'json');
    expect(json[0]).toMatchObject({
      alerts: { given: 7, hidden: 3, silent: 1, left: 3 },
      left: [
        { message: expect.stringContaining('no rule "Gone"'), lines: [3, 8] },
        { message: expect.stringContaining('a secret'), hint: expect.stringContaining('--by'), lines: [5] },
      ],
      unread: [{ message: 'there is no JSON on this line', lines: [1] }],
      rules: [{ hidden: 3, exceptions: [{ values: [{ alerts: 2 }, { alerts: 1 }] }] }],
    });
  });

  test('of more rows than asked for those that end the most, what else would be needed, and what another hides too', async () => {
    const { 'proc.pname': _, 'container.id': __, ...lesser } = read;
    const many = Array.from({ length: 30 }, (_, n) => alert({ ...read, 'fd.name': `/etc/n${n}` }));
    // The rows of these two hide all that the first alert tells of.
    const given = [...many, alert(lesser), alert(lesser), alert(read), alert(many[29]?.output_fields as object)];
    const { code, stdout, stderr } = await except(write('rows.jsonl', lines(...given)), rules, '--rows', '2');
    expect(code).toBe(0);
    expect(stderr).toBe('29 alerts without an exception: the output says why\n');
    expect(stdout).toContain('# 2 rows hide 5 of them, 29 remain.\n');
    expect(stdout).toContain('"File read" needs 32 rows: the 2 that hide the most alerts are written.');
    expect(stdout).toContain(
      '# In 31 rows fd.name has 31 values, all below /etc/: --by proc.exepath,proc.pname,container.id makes 1 row of them, and hides more; `comps` with startswith for fd.name would hide less than that.',
    );
    expect(itemsOf(stdout)[0]?.exceptions.map(({ values }) => values)).toEqual([
      [['/usr/bin/cat', 'bash', '/etc/n29', 'host']],
      [['/usr/bin/cat', '/etc/passwd']],
    ]);
  });

  test('ten thousand that differ in nothing but a pid are judged as what they are: few', async () => {
    const many = Array.from({ length: 10_000 }, (_, n) =>
      alert({ ...read, 'fd.name': `/etc/n${n % 3}`, 'proc.pid': n }),
    );
    const { code, stdout, stderr } = await except(write('ten.jsonl.gz', gzipSync(lines(...many))), rules);
    expect(code).toBe(0);
    expect(stderr).toBe(
      'ten.jsonl.gz has 10000 alerts of 1 rule; 3 of them differ, and are judged without and with exceptions\n',
    );
    expect(stdout).toContain('# 3 rows hide 10000 of them.\n');
    expect(stdout).toContain('host] # hides 3334 alerts: lines 1, 4, 7, 10, 13, 16, 19, 22, 25, 28 and 3324 more\n');
  });

  test('a field whose argument the alert has in quotes', async () => {
    const given = write('quoted.jsonl', lines(alert({ ...read, 'proc.env["HOME"]': '/root' })));
    const { stdout } = await except(given, rules, '--by', 'proc.exepath,proc.env[HOME]');
    expect(itemsOf(stdout)[0]?.exceptions).toMatchObject([
      { fields: ['proc.exepath', 'proc.env[HOME]'], values: [['/usr/bin/cat', '/root']] },
    ]);
  });

  test('--rule: of that rule alone; --by: fields that only one of the rules has', async () => {
    const both = write(
      'both.jsonl',
      lines(alert(read), alert({ 'proc.name': 'id', 'proc.pname': 'make' }, 'Program started')),
    );
    const one = await except(both, rules, '--rule', 'File read');
    expect(one).toMatchObject({ code: 0, stderr: '' });
    expect(itemsOf(one.stdout).map(({ rule }) => rule)).toEqual(['File read']);
    const by = await except(both, rules, '--by', 'proc.exepath,fd.name');
    expect(by.stderr).toBe('1 alert without an exception: the output says why\n');
    expect(by.stdout).toContain(
      '# 1 alert gets no exception (line 2): the alert does not show proc.exepath. There are',
    );
    expect(await except(both, rules, '--rule', 'File raed')).toMatchObject({
      code: 2,
      stderr: 'There is no rule "File raed"; did you mean "File read"?\n',
    });
    expect(await except(both, rules, '--rows', '0')).toMatchObject({ code: 2, stdout: '' });
  });
});
