/** `falco-pipe rules except`: what it reads, what it chooses, what it writes. */

import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { launcher, Program } from '../e2e/program.ts';
import { alert, except, folder, itemsOf, lines, read, rules, run, started, write } from './except-folder.ts';

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
    const { code, stdout, stderr } = await except(given, rules, '--rows', '1200');
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
    expect(stdout).toContain(
      '        - [/usr/bin/cat, bash, /etc/passwd, host] # hides 7 alerts: lines 1, 2, 3, 5, 6, 7, 8\n',
    );
  });

  test('over several lines', async () => {
    const text = `\n${JSON.stringify(alert(read), null, 2)}\n`;
    expect((await except(write('several.json', text), rules)).stdout).toContain('# hides line 2\n');
  });

  test('compressed, and on the standard input', async () => {
    for (const name of ['one.jsonl.gz', 'packed']) {
      write(name, gzipSync(lines(alert(read))));
      expect((await except(name, rules)).stdout).toContain('# hides line 1\n');
    }
    // What writes takes its time.
    const command = `(sleep 0.5; cat one.jsonl) | "${launcher}" rules except - rules.yaml`;
    const piped = await Program.run(['-c', command], { cwd: folder, command: 'sh' });
    expect(piped.stderr).toBe('');
    expect(piped.stdout).toContain('# For 1 alert of -:');
  });
});
