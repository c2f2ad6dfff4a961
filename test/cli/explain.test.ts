/** `falco-pipe rules explain`. */

import { describe, expect, test } from 'vitest';
import { Program, repository } from '../e2e/program.ts';
import { good, pipelineFile, run, write } from './rules-folder.ts';

write('alert.jsonl', '{"hostname":"node1","output":"o","rule":"r","priority":"Notice","output_fields":{}}');

describe('rules explain', () => {
  const name = 'Shell with a terminal';

  test('where each part comes from, and what is needed', async () => {
    const { code, stdout } = await run('rules', 'explain', name, good);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ +macro shell +at good.yaml:9:9$/m);
    expect(stdout).toMatch(
      /^ +proc.name in \(bash, sh\) +at good.yaml:4:14, in list shells, defined at good.yaml:1:3$/m,
    );
    expect(stdout).toMatch(/^ +not user.name = alice +at good.yaml:15:16, in exception known$/m);
    expect(stdout).toContain('  emitted by ebpf: execve, execveat\n');
    expect(stdout).toContain('Fields of the condition\n  filled by ebpf: evt.type, proc.name, proc.tty, user.name\n');
    expect(stdout).toContain('What the kernel can test before anything is copied\n');
  });

  test('of an alert, which does not say the name of its rule', async () => {
    const one = (rule: string, output: string) =>
      `- { rule: ${rule}, desc: d, condition: 'evt.type = open', output: '${output}', priority: INFO }\n`;
    const files = write(
      'said.yaml',
      one('First', 'A secret was read (file=%fd.name by %proc.aname[2])') +
        one('Second', 'A secret was read by %tolower(proc.name) at night') +
        one('Third', '%proc.name was read'),
    );
    const explain = (text: string) => run('rules', 'explain', text, files);
    for (const [text, rule] of [
      ['A secret was read (file=', 'First'],
      ['22:13:20.000000000: Informational A secret was read (file=/srv/a (b) by sh)', 'First'],
      ['at night', 'Second'],
      ['12:00:00.000000000: Informational A secret was read by cat at night', 'Second'],
    ] as const) {
      const { code, stdout, stderr } = await explain(text);
      expect({ code, stderr }).toEqual({ code: 0, stderr: `That is what alerts of the rule "${rule}" say\n` });
      expect(stdout).toMatch(new RegExp(`^${rule}\\n`));
    }
    const several = await explain('A secret was read');
    expect(several).toMatchObject({ code: 2, stdout: '' });
    expect(several.stderr).toContain('but alerts of these say it: "First", "Second"\n');
    for (const none of ['read', 'cat was read at noon', 'A secret was read by cat at noon']) {
      expect((await explain(none)).stderr).toContain(`There is no rule "${none}"; `);
    }
    expect((await run('rules', 'show', 'at night', files)).stdout).toMatch(/^Second\n/);
  });

  test('what the kernel tests of lists that are read again is by what they hold now', async () => {
    write(
      'listed.yaml',
      `- { list: far, items_from: { file: far.txt, refresh: 1h } }
- { list: away, items_from: { file: away.txt, refresh: 1h, optional: true } }
- { rule: far, desc: d, condition: 'evt.type = open and fd.name in (far, away)', output: o, priority: INFO }
- { rule: away, desc: d, condition: 'evt.type = open and fd.name in (away)', output: o, priority: INFO }
`,
    );
    write('far.txt', Array.from({ length: 100 }, (_, n) => `/srv/${n % 7}/${n}\n/opt/x/${n}\n`).join(''));
    const { stdout } = await run('rules', 'explain', 'far', 'listed.yaml');
    expect(stdout).toContain('  open: path begins with /opt/x/, /srv/0/, /srv/1/, /srv/2/');
    expect(stdout).toContain('Lists that are read again: what it tests is by what they hold now\n  far, away\n');
    write('far.txt', Array.from({ length: 40 }, (_, n) => `/srv/${n}\n`).join(''));
    expect((await run('rules', 'explain', 'far', 'listed.yaml')).stdout).toContain('/srv/29 and 10 more\n');
    expect((await run('rules', 'explain', 'away', 'listed.yaml')).stdout).toContain('  open: nothing passes\n');
    const { json } = await run('rules', 'explain', 'far', 'listed.yaml', '-o', 'json');
    expect(json[0]).toMatchObject({ explanation: { refreshed_lists: ['far', 'away'] } });
  });

  test('what no source fills is said', async () => {
    const { stdout } = await run('rules', 'explain', name, good);
    expect(stdout).toContain('  not filled by any source here: thread.cpu\n');
    const ofPipeline = await run('rules', 'explain', name, pipelineFile);
    expect(ofPipeline.stdout).toContain('  filled by past: proc.name, thread.cpu\n');
    expect(ofPipeline.stdout).toContain('As the operator detect has it, which past feeds.\n');
  });

  test('as JSON', async () => {
    const { json } = await run('rules', 'explain', name, good, '-o', 'json');
    expect(json[0]).toMatchObject({
      falco_describe_results: { rules: [{ info: { name } }] },
      explanation: {
        event_types: { execve: ['ebpf'], execveat: ['ebpf'] },
        output_fields: { 'proc.name': ['ebpf'], 'thread.cpu': [] },
        condition: { kind: 'and' },
      },
    });
  });

  test('why an event does not match: the exception', async () => {
    const { code, stdout } = await run('rules', 'explain', name, good, '--event', 'one.jsonl');
    expect(code).toBe(0);
    expect(stdout).toContain('It does not match the execve of one.jsonl:1.');
    expect(stdout.match(/^> (?:true|false|absent) +.*/gm)).toEqual([
      '> false   and',
      '> false     not',
      expect.stringMatching(/^> true +user.name = alice +at good.yaml:15:16, in exception known$/),
    ]);
    expect(stdout).toMatch(/^ +user.name is "alice"$/m);
  });

  test('many events: which match, then one of them', async () => {
    const overview = await run('rules', 'explain', name, pipelineFile, '--event', 'events.jsonl');
    expect(overview.stdout).toBe('Of 3 events in events.jsonl 1 match: 1.\nExplain one with --event-line N.\n');
    const second = await run('rules', 'explain', name, pipelineFile, '--event', 'events.jsonl', '--event-line', '3');
    expect(second.stdout).toContain('does not match the execve of events.jsonl:3. The rule is disabled');
    expect(second.stdout).toMatch(/^> false +proc.name in \(bash, sh\)/m);
    const aws = ['rules', 'explain', name, good, '--event', 'events.jsonl', '--event-line', '4'];
    expect((await run(...aws)).stdout).toContain('the event is of the source aws, and the rule judges syscall events');
    const [json] = (await run(...aws, '-o', 'json')).json;
    expect(json).toMatchObject({ rule: name, line: 4, matches: false });
  });

  test('as JSON, with the values', async () => {
    const { json } = await run('rules', 'explain', name, good, '--event', 'one.jsonl', '-o', 'json');
    const { matches, condition } = json[0] as { matches: boolean; condition: { items: { items: object[] }[] } };
    expect(matches).toBe(false);
    expect(condition.items[1]?.items[0]).toMatchObject({
      ...{ kind: 'check', text: 'user.name = alice', mark: 'true', decides: true },
      values: { 'user.name': 'alice' },
    });
  });

  test.each([
    [['--event-line', '1'], 2, '--event-line goes with --event'],
    [['--event', 'events.jsonl', '--event-line', '2'], 2, 'has no event there'],
    [['--event', 'events.jsonl', '--event-line', 'x'], 2, 'has no event there'],
    [['--event', 'nowhere.jsonl'], 69, 'Cannot read events from nowhere.jsonl'],
    [['--event', 'good.yaml'], 78, 'good.yaml:1:'],
    [['--event', 'alert.jsonl'], 78, ': error: this is an alert, not a record'],
  ])('%o is refused', async (args, status, said) => {
    const { code, stdout, stderr } = await run('rules', 'explain', name, good, ...args);
    expect({ code, stdout }).toEqual({ code: status, stdout: '' });
    expect(stderr).toContain(said);
  });

  test('a field that such events do not have is said', async () => {
    write(
      'slip.jsonl',
      '{"source":"syscall","time":1,"type":"execve","fields":{"proc.nmae":"bash","proc.aname[2]":"a"}}',
    );
    const { code, stderr } = await run('rules', 'explain', name, good, '--event', 'slip.jsonl');
    expect(code).toBe(0);
    expect(stderr).toBe(
      'slip.jsonl:1:1: warning: unknown field proc.nmae (event source syscall)\n  Did you mean proc.name?\n',
    );
  });

  test('every rule of the program is explained without anything missing', async () => {
    const { stdout } = await Program.run(['rules', 'list', '-o', 'json']);
    const { rules } = JSON.parse(stdout).falco_describe_results as { rules: { info: { name: string } }[] };
    const names = rules.map(({ info }) => info.name);
    expect(names.length).toBeGreaterThan(30);
    for (const each of names.slice(0, 4)) {
      const args = ['rules', 'explain', each];
      const { code, stdout: text } = each === names[0] ? await Program.run(args) : await run(...args);
      expect(code).toBe(0);
      expect(text).not.toContain('not filled by');
    }
  });
});

test('nothing of this is said with a stack', async () => {
  const { stderr } = await Program.run(['rules', 'explain'], { cwd: repository });
  expect(stderr).toContain("missing required argument 'name'");
});
