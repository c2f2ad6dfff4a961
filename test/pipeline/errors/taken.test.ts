import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { STDOUT, writing } from '../../../src/core/claim.ts';
import type { Given } from '../../../src/pipeline/plan/planner.ts';
import { scratch } from '../../scratch.ts';
import { shown } from './shown.ts';

/** A pipeline with these sinks `a` and `b`. */
const sinks = (a: string, b: string, more = '') => `${more}sources: { past: { type: replay, files: [/dev/null] } }
sinks:
  a: { from: past, ${a} }
  b: { from: past, ${b} }
`;
const file = (path: string, more = '') => `type: file, path: ${path}${more}`;

/** A pipeline with sources that listen at these addresses. */
const listeners = (a: string, b: string, more = '') => `${more}sources:
  a: { type: cloudevents, listen: "${a}" }
  b: { type: k8s_audit, listen: "${b}" }
sinks: { out: { type: stdout, from: [a, b] } }
`;

describe('wrong: what two components cannot both have', () => {
  it('a file', () => {
    expect(
      shown(sinks(file('/nowhere/x.jsonl'), file('/nowhere/x.jsonl', ', rotate: { size: 1MiB }'))),
    ).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:4:38: error: b writes /nowhere/x.jsonl, which is taken
          b: { from: past, type: file, path: /nowhere/x.jsonl, rotate: { size: 1MiB } }
                                             ^^^^^^^^^^^^^^^^
        a writes /nowhere/x.jsonl: p.yaml:3:38
        Each needs its own.
      p.yaml has an error"
    `);
  });

  it('a file by any of its names, also one that is not made yet', () => {
    const folder = scratch();
    mkdirSync(join(folder, 'real'));
    writeFileSync(join(folder, 'real/there'), '');
    symlinkSync('real', join(folder, 'linked'));
    symlinkSync('real/there', join(folder, 'soft'));
    linkSync(join(folder, 'real/there'), join(folder, 'hard'));
    symlinkSync('linked/later', join(folder, 'dangling'));
    symlinkSync('turning', join(folder, 'turning'));
    const isTaken = (a: string, b: string) =>
      shown(sinks(file(join(folder, a)), file(`${folder}/${b}`))).includes('which is taken');
    const there = ['real/there', './real/../real/there', 'linked/there', 'soft', 'hard'];
    const later = ['real/later', 'linked/later', 'linked/.//later', 'dangling'];
    for (const same of [there, later])
      for (const other of same)
        expect([same[0], other, isTaken(same[0] as string, other)]).toEqual([same[0], other, true]);
    expect(isTaken('real/there', 'real/later')).toBe(false);
    expect(isTaken('real/new/later', 'linked/new/later')).toBe(true);
    expect(isTaken('turning', 'turning')).toBe(true);
  });

  it('the name of a file that another one is put aside as', () => {
    const rotated = file('/nowhere/x.log', ', rotate: { size: 1MiB }');
    const stamp = '20260131T140307.042Z';
    expect(shown(sinks(rotated, file(`/nowhere/x.log.${stamp}`)))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:4:38: error: b writes /nowhere/x.log.20260131T140307.042Z, which is taken
          b: { from: past, type: file, path: /nowhere/x.log.20260131T140307.042Z }
                                             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        a puts aside /nowhere/x.log as /nowhere/x.log.TIME: p.yaml:3:38
        Give one of them another name.
      p.yaml has an error"
    `);
    expect(shown(sinks(file(`/nowhere/x.log.${stamp}`), rotated))).toContain('b puts aside /nowhere/x.log as');
    const isTaken = (a: string, b: string) => shown(sinks(a, b)).includes('which is taken');
    for (const more of ['', '-1', '.gz', '-12.gz', '.part'])
      expect([more, isTaken(rotated, file(`/nowhere/../nowhere/x.log.${stamp}${more}`))]).toEqual([more, true]);
    for (const other of ['x.log.1', 'x.log.gz', `y.log.${stamp}`, `x.log.${stamp}.txt`, `x.log.d/${stamp}`])
      expect([other, isTaken(rotated, file(`/nowhere/${other}`))]).toEqual([other, false]);
    expect(isTaken(file('/nowhere/x.log'), file(`/nowhere/x.log.${stamp}`))).toBe(false);
    expect(isTaken(file(`/nowhere/x.log.${stamp}`), file(`/nowhere/x.log.${stamp}-1`))).toBe(false);
  });

  it('the standard output under another name; but many may print on it, and all may write to nowhere', () => {
    expect(shown(sinks('type: stdout', file('/dev/stdout')))).toContain('error: b writes /dev/stdout, which is taken');
    expect(shown(sinks('type: stdout', 'type: stdout'))).toBe('ok');
    expect(shown(sinks(file('/dev/null'), file('/dev/null')))).toBe('ok');
  });

  it('the standard output by any of its names, and not what it happens to be where nothing runs', () => {
    const names = ['/dev/stdout', '/dev/fd/1', '/proc/self/fd/1', `/proc/${process.pid}/fd/1`];
    const link = join(scratch(), 'link');
    symlinkSync('/dev/stdout', link);
    for (const name of [...names, link]) {
      expect(writing(name)).toMatchObject([{ resource: STDOUT }]);
      expect(shown(sinks('type: stdout', file(name)))).toContain('which is taken');
    }
  });

  it('what the options of a run say, and not what the file says in place of it', () => {
    const http = 'http: { listen: "127.0.0.1:7001" }\n';
    const on = (b: string, given: Given, more = '') => shown(listeners('127.0.0.1:7000', b, more), [], given);
    expect(on('127.0.0.1:7001', { http: '127.0.0.1:7002' }, http)).toBe('ok');
    expect(on('127.0.0.1:7002', { http: '127.0.0.1:7002' }, http)).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:4:33: error: b listens at 127.0.0.1:7002, which is taken
          b: { type: k8s_audit, listen: "127.0.0.1:7002" }
                                        ^^^^^^^^^^^^^^^^
        the program itself listens at 127.0.0.1:7002: --http
        Each needs its own.
      p.yaml has an error"
    `);
    const state = (given: Given) =>
      shown(sinks(file('/nowhere/a'), file('/a/state.db'), 'state: /nowhere\n'), [], given);
    expect(state({})).toBe('ok');
    expect(state({ state: '/a' })).toContain('the program itself writes /a/state.db: --state');
    expect(shown(sinks(file('/nowhere/state.db'), file('/x'), 'state: /nowhere\n'), [], { state: '/a' })).toBe('ok');
  });

  it('a file that is read: events that are records again, or a pipeline that is loaded anew for each', () => {
    const folder = scratch();
    const made = (name: string, text = '') => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const of = (source: string, path: string, operators = '') => `sources: { past: { ${source} } }
${operators}sinks: { out: { type: file, from: past, path: ${path} } }
`;
    const records = made('in.jsonl');
    const replay = `type: replay, files: [/dev/null, ${records}]`;
    expect(shown(of(replay, records)).split('\n')).toEqual(
      expect.arrayContaining([
        `p.yaml:2:47: error: out writes ${records}, which is taken`,
        `  past reads ${records}: p.yaml:1:53`,
        '  What is read here must not be written here: name another file.',
      ]),
    );
    const seen = made('evidence.json');
    const audit = `type: k8s_audit, mode: file, file: ${folder}/audit.log`;
    for (const [source, path] of [
      [`type: cloudtrail, mode: file, files: ${seen}`, seen],
      [`type: cloudtrail, mode: file, files: ${folder}`, seen],
      [audit, join(folder, 'audit.log')],
    ] as const)
      expect([source, shown(of(source, path))]).toEqual([source, expect.stringContaining(`past reads ${path}`)]);
    // One that is not there yet would be read at the next start.
    mkdirSync(join(folder, 'logs/there'), { recursive: true });
    symlinkSync('logs', join(folder, 'linked'));
    symlinkSync('logs/there/late.json', join(folder, 'dangling'));
    const logs = (files: string, path: string) =>
      shown(of(`type: cloudtrail, mode: file, files: [${files}]`, join(folder, path)));
    expect(logs(`${folder}/logs`, 'logs/new/out.jsonl').split('\n')).toEqual(
      expect.arrayContaining([
        `p.yaml:2:47: error: out writes ${folder}/logs/new/out.jsonl, which is taken`,
        `  past reads what is below ${folder}/logs: p.yaml:1:58`,
        '  What is read here must not be written here: name another file.',
      ]),
    );
    for (const path of ['logs/out.JSON', 'linked/there/out.json.gz', 'logs/./out.ndjson', 'dangling'])
      expect([path, logs(`${folder}/linked`, path)]).toEqual([path, expect.stringContaining('which is taken')]);
    for (const path of ['out.json', 'logs/out.txt', 'logs/out.json.txt', 'logs/json', 'logs2/out.json'])
      expect([path, logs(`${folder}/logs`, path)]).toEqual([path, 'ok']);
    const twice = sinks(file(`${folder}/logs/a.json`), file(`${folder}/logs/b.json`));
    expect(shown(twice)).toBe('ok');
    const two = `sources: { a: { type: cloudtrail, mode: file, files: ${folder}/logs }, b: { type: cloudtrail, mode: file, files: ${folder}/logs } }
sinks: { out: { type: stdout, from: [a, b] } }
`;
    expect(shown(two)).toBe('ok');
    const rules = made('rules.yaml', '- macro: m\n  condition: evt.type = open\n');
    const detect = `operators: { detect: { type: rules, from: past, files: [${folder}] } }\n`;
    const judged = of('type: replay, files: [/dev/null]', rules, detect).replace(
      'file, from: past',
      'file, from: detect',
    );
    expect(shown(judged)).toContain(`detect reads ${rules}, which is taken`);
    expect(shown(of(replay, 'p.yaml'))).toMatch(
      /out writes .*p.yaml, which is taken.*the program itself is made of [^ ]*p.yaml: p.yaml:1:1/s,
    );
    expect(shown(of(replay, join(folder, 'out.jsonl')))).toBe('ok');
    expect(
      shown(`sources: { a: { ${replay} }, b: { ${replay} } }\nsinks: { out: { type: stdout, from: [a, b] } }\n`),
    ).toBe('ok');
  });

  it('the state file', () => {
    expect(
      shown(sinks(file('/nowhere/state/a'), file('/nowhere/state/state.db'), 'state: /nowhere/state\n')),
    ).toContain('b writes /nowhere/state/state.db, which is taken');
  });

  it('an address', () => {
    expect(shown(listeners('127.0.0.1:7000', '0.0.0.0:7000'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:3:33: warning: Whoever reaches 0.0.0.0:7000 can make up events
          b: { type: k8s_audit, listen: "0.0.0.0:7000" }
                                        ^^^^^^^^^^^^^^
        Set \`bearer_token\`, or \`tls\` with \`client_ca\`.
      p.yaml:3:33: error: b listens at 0.0.0.0:7000, which is taken
          b: { type: k8s_audit, listen: "0.0.0.0:7000" }
                                        ^^^^^^^^^^^^^^
        a listens at 127.0.0.1:7000: p.yaml:2:35
        Each needs its own.
      p.yaml has an error"
    `);
    expect(
      shown(listeners('127.0.0.1:7000', '127.0.0.1:7001', 'http: { listen: "127.0.0.1:7001" }\n')),
    ).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:4:33: error: b listens at 127.0.0.1:7001, which is taken
          b: { type: k8s_audit, listen: "127.0.0.1:7001" }
                                        ^^^^^^^^^^^^^^^^
        the program itself listens at 127.0.0.1:7001: p.yaml:1:17
        Each needs its own.
      p.yaml has an error"
    `);
  });

  it('but not by a source that is not opened here', () => {
    const both = listeners('127.0.0.1:7000', '127.0.0.1:7000');
    expect(shown(both)).toContain('taken');
    expect(shown(`only: [b]\n${both}`)).toBe('ok');
  });
});

describe('wrong: what two sources would take from each other', () => {
  const sources = (a: string, b: string) => `sources:
  a: { ${a} }
  b: { ${b} }
sinks: { out: { type: stdout, from: [a, b] } }
`;
  const isTaken = (a: string, b: string) => shown(sources(a, b)).includes('which is taken');

  it('the messages of a consumer of NATS', () => {
    const nats = (servers: string, more = '') => `type: nats, servers: ${servers}, stream: FALCO${more}`;
    expect(
      shown(
        sources(
          nats('"nats://localhost"', ', consumer: mine'),
          nats('[nats://x, "127.0.0.1:4222"]', ', consumer: mine'),
        ),
      ),
    ).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:3:84: error: b reads with the consumer mine of the stream FALCO, which is taken
          b: { type: nats, servers: [nats://x, "127.0.0.1:4222"], stream: FALCO, consumer: mine }
                                                                                           ^^^^
        a reads with the consumer mine of the stream FALCO: p.yaml:2:74
        A consumer gives an event to one of those who read it: name another \`consumer\`, or read both from one source.
      p.yaml has an error"
    `);
    expect(isTaken(nats('n'), nats('n'))).toBe(true);
    expect(isTaken(nats('n'), nats('N', ', exclusive: true'))).toBe(true);
    expect(isTaken(nats('n'), nats('n', ', consumer: other'))).toBe(false);
    expect(isTaken(nats('n'), nats('other'))).toBe(false);
    expect(isTaken(nats('n').replace('FALCO', 'OTHER'), nats('n'))).toBe(false);
    // Each account has streams of its own.
    expect(isTaken(nats('tls://n', ', token: { env: A }'), nats('tls://n', ', token: { env: B }'))).toBe(false);
    expect(isTaken(nats('tls://n', ', token: { env: A }'), nats('n', ', token: { env: A }'))).toBe(true);
    const part = (mine: string) => nats('n', `, subject: s, partitions: { of: 4, mine: ${mine} }`);
    expect(isTaken(part('[0, 1]'), part('[2, 3]'))).toBe(false);
    expect(isTaken(part('[0, 1]'), part('[1, 2, 3]'))).toBe(true);
    // One server by two names is still one reader's own, and nobody else's.
    const twice = nats('["nats://localhost", "nats://127.0.0.1:4222", "nats://localhost:4222"]');
    expect(isTaken(twice, nats('other'))).toBe(false);
    expect(isTaken(twice, nats('"nats://[::1]"'))).toBe(true);
  });

  it('the partitions of a consumer group of Event Hubs', () => {
    const hub = (where: string, more = '') => `type: azure_event_hubs, ${where}${more}`;
    const secret = 'connection: { env: A }';
    const blob = ', checkpoints: { url: "https://a.blob.core.windows.net", container: ccc }';
    expect(
      shown(sources(hub(secret, ', hub: audit'), hub(secret, ', hub: audit, emits: [k8s_audit]'))),
    ).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:3:3: error: b reads audit in the consumer group $Default, which is taken
          b: { type: azure_event_hubs, connection: { env: A }, hub: audit, emits: [k8s_audit] }
          ^
        a reads audit in the consumer group $Default: p.yaml:2:3
        Readers of one group take partitions from each other: name another \`consumer_group\`, or read both from one source.
      p.yaml has an error"
    `);
    const named = 'namespace: a.servicebus.windows.net, hub: audit';
    expect(
      isTaken(hub(named, blob), hub(named.toUpperCase().replace('NAMESPACE', 'namespace').replace('HUB', 'hub'), blob)),
    ).toBe(true);
    expect(isTaken(hub(named), hub(named, ', consumer_group: other'))).toBe(false);
    expect(isTaken(hub(named), hub('namespace: a.servicebus.windows.net, hub: other'))).toBe(false);
    expect(isTaken(hub(secret), hub('connection: { env: B }'))).toBe(false);
  });

  it('the messages of a queue of SQS', () => {
    const sqs = (queue: string, more = '') => `type: cloudtrail, queue: ${queue}${more}`;
    expect(shown(sources(sqs('audit'), sqs('audit')))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:3:33: error: b takes messages from the queue audit, which is taken
          b: { type: cloudtrail, queue: audit }
                                        ^^^^^
        a takes messages from the queue audit: p.yaml:2:33
        A queue gives a message to one of those who ask: let one source read it, with a higher \`concurrency\` where it is slow.
      p.yaml has an error"
    `);
    const url = '"https://sqs.eu-west-1.amazonaws.com/111111111111/audit"';
    expect(isTaken(sqs(url), sqs(url, ', profile: other'))).toBe(true);
    expect(isTaken(sqs('audit'), sqs('other'))).toBe(false);
    // Queues of the same name in another account or region.
    for (const more of [', profile: other', ', region: eu-west-1', ', queue_owner: "111111111111"'])
      expect([more, isTaken(sqs('audit'), sqs('audit', more))]).toEqual([more, false]);
    const bucket = 'type: cloudtrail, mode: s3, bucket: logs';
    expect(isTaken(bucket, bucket)).toBe(false);
  });
});

/** What is listened at, with the addresses of this machine that nobody else can have then. */
const ADDRESSES = {
  '127.0.0.1': ['v4 one'],
  '127.0.0.2': ['v4 two'],
  '127.1': ['v4 one'],
  '[::ffff:127.0.0.1]': ['v4 one'],
  '[::ffff:7f00:2]': ['v4 two'],
  '[::ffff:0.0.0.0]': ['v4 one', 'v4 two'],
  '0.0.0.0': ['v4 one', 'v4 two'],
  '[::1]': ['v6 one'],
  '[0:0:0:0:0:0:0:1]': ['v6 one'],
  '[0::0]': ['v4 one', 'v4 two', 'v6 one', 'v6 two'],
  '[::2]': ['v6 two'],
  '[::]': ['v4 one', 'v4 two', 'v6 one', 'v6 two'],
  localhost: ['v4 one', 'v6 one'],
  LOCALHOST: ['v4 one', 'v6 one'],
  'collector.example': ['one of them, nobody knows which'],
};

it('two addresses collide where they have one in common, at the same port', () => {
  for (const [a, ofA] of Object.entries(ADDRESSES)) {
    for (const [b, ofB] of Object.entries(ADDRESSES)) {
      const isTaken = (port: number) => shown(listeners(`${a}:7000`, `${b}:${port}`)).includes('taken');
      expect([a, b, isTaken(7000), isTaken(7001)]).toEqual([a, b, ofA.some((each) => ofB.includes(each)), false]);
    }
  }
});

it('a port that is chosen when it is listened at is another each time', () => {
  expect(shown(listeners('127.0.0.1:0', '127.0.0.1:0'))).toBe('ok');
});
