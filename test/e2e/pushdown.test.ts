/** Alerts are the same whether the kernel drops what no rule can match or not. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sharedText } from '../events/shared.ts';
import { scratch } from '../scratch.ts';
import { cannotTrace, Program, pipeline, repository, Stage } from './program.ts';

const official = ['falco_rules', 'falco-incubating_rules', 'falco-sandbox_rules'].map(
  (name) => `data/rules/${name}.yaml`,
);

/** Real actions in a mount namespace of their own, where what lies below /etc, /root and /usr/bin is a copy. */
const ACTIONS = `
mount -t tmpfs none /root; mount -t tmpfs none /mnt
mkdir -p /mnt/etc/pam.d /mnt/etc/cron.d /root/.ssh /mnt/bin
echo x | tee /mnt/etc/shadow /mnt/etc/sudoers /mnt/etc/pam.d/su /root/.ssh/id_rsa /root/.bash_history > /dev/null
mount --bind /mnt/etc /etc
cat /etc/shadow /etc/hostname /etc/pam.d/su 2>/dev/null
cd /etc; cat shadow sudoers; cat ./pam.d/su; cd pam.d; cat ../shadow; cat su; cd /
cat /etc/../etc/shadow /etc//shadow /mnt/../etc/sudoers /mnt/etc/shadow
ln -s /etc/shadow /mnt/link; ln -s etc /mnt/way; cat /mnt/link /mnt/way/sudoers
ln /etc/shadow /etc/hard; ln -s /etc/sudoers /mnt/soft
echo x > /etc/cron.d/job; echo y >> /etc/app.conf; touch /etc/sudoers /dev/shm/falco-pipe-pushdown
cat /root/.ssh/id_rsa /root/.bash_history; echo > /root/.bash_history; : > /root/.profile; rm /root/.bash_history
mkdir -p /root/.hidden; chmod u+s /etc/app.conf; chmod 4755 /mnt/etc/hostname 2>/dev/null
mv /etc/app.conf /etc/app.old; rm -rf /etc/cron.d /dev/shm/falco-pipe-pushdown
cat /proc/self/environ > /dev/null; cat /proc/1/mem 2>/dev/null; cat /nonexistent /etc/nonexistent 2>/dev/null
`;

const inet = (port: number, address: string) => `sockaddr_in(${port},inet_aton(q(${address})))`;
const mapped = (port: number, address: string) => `pack_sockaddr_in6(${port},inet_pton(AF_INET6,q(::ffff:${address})))`;
const connects = (family: string, type: string, ...addresses: string[]) =>
  `socket(S,${family},${type},0);${addresses.map((each) => `connect(S,${each});`).join('')}`;

/** What a program does with sockets of all kinds, on this machine alone: of UDP a connect sends nothing. */
const SOCKETS = [
  ...['/mnt/docker.sock', '/mnt/x/docker.sock', '/mnt/other.sock', '/run/containerd/containerd.sock'].map((path) =>
    connects('AF_UNIX', 'SOCK_STREAM', `sockaddr_un(q(${path}))`),
  ),
  'socket(L,AF_UNIX,SOCK_STREAM,0);bind(L,sockaddr_un(q(/mnt/crio.sock)));listen(L,1);',
  connects('AF_UNIX', 'SOCK_STREAM', 'sockaddr_un(q(/mnt/crio.sock))'),
  'socket(L,AF_INET,SOCK_STREAM,0);bind(L,sockaddr_in(0,INADDR_LOOPBACK));listen(L,5);',
  connects('AF_INET', 'SOCK_STREAM', 'getsockname(L)'),
  'send(S,q(x),0);accept(C,L);recv(C,my \\$x,1,0);',
  connects('AF_INET', 'SOCK_STREAM', inet(1, '127.0.0.1')),
  connects('AF_INET', 'SOCK_STREAM|SOCK_NONBLOCK', 'getsockname(L)'),
  connects('AF_INET6', 'SOCK_STREAM', mapped(22, '127.0.0.2')),
  connects('AF_INET6', 'SOCK_DGRAM', mapped(53, '127.0.0.2'), 'pack_sockaddr_in6(443,IN6ADDR_LOOPBACK)'),
  connects('AF_INET', 'SOCK_DGRAM', inet(53, '127.0.0.53'), inet(443, '127.3.0.1'), 'pack(q(S),0).pack(q(x14))'),
  `send(S,q(x),0,${inet(53, '127.0.0.53')});send(S,q(x),0,${inet(30001, '127.3.0.1')});`,
  connects('AF_INET', 'SOCK_RAW', inet(0, '127.0.0.7')),
  'socket(S,AF_INET,SOCK_STREAM,0);bind(S,sockaddr_in(0,INADDR_LOOPBACK));listen(S,1);dup2(fileno(S),9);',
  'socket(S,17,SOCK_RAW,0);socket(S,16,SOCK_RAW,0);connect(STDIN,sockaddr_un(q(/mnt/docker.sock)));',
];
const ON_SOCKETS = `perl -MSocket=:all,inet_pton -MPOSIX=dup2 -e "${SOCKETS.join('')}" < /dev/null`;

interface Alert {
  readonly rule: string;
  readonly output_fields: Readonly<Record<string, unknown>>;
}

describe.skipIf(cannotTrace)(`pushdown${cannotTrace ? ` (skipped: ${cannotTrace})` : ''}`, () => {
  const folder = scratch();
  let stage: Stage;
  beforeAll(() => {
    stage = new Stage();
  });
  afterAll(() => stage.close());

  /** The alerts of the actions, from a source that tests in the kernel and from one that does not. */
  async function alertsOf(name: string, files: readonly string[]): Promise<{ on: string[]; off: string[] }> {
    const file = (side: string) => join(folder, `${name}.${side}.jsonl`);
    const source = (pushdown: boolean) =>
      `{ type: ebpf, pushdown: ${pushdown}, scope: { descendants_of: ${stage.pid} } }`;
    const detect = (side: string) => `{ type: rules, from: ${side}, files: [${files.join(', ')}] }`;
    const path = pipeline(
      folder,
      `sources: { on: ${source(true)}, off: ${source(false)} }
operators: { judged_on: ${detect('on')}, judged_off: ${detect('off')} }
sinks:
  out_on: { type: file, from: judged_on, path: ${file('on')}, format: json }
  out_off: { type: file, from: judged_off, path: ${file('off')}, format: json }
`,
      `${name}.yaml`,
    );
    const program = Program.start(['run', path]);
    await program.ready();
    await stage.run(`unshare --mount sh -c '${ACTIONS}\n${ON_SOCKETS}' > /dev/null 2>&1`);
    await program.stop();
    const read = (side: string) =>
      readFileSync(file(side), 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => {
          const { rule, output_fields: fields } = JSON.parse(line) as Alert;
          return JSON.stringify([rule, { ...fields, 'evt.time': 0, 'evt.time.iso8601': 0, 'evt.num': 0 }]);
        })
        .sort();
    return { on: read('on'), off: read('off') };
  }

  test('a reload has the kernel send what the new rules look at, and no more what only the old ones did', async () => {
    const rule = (name: string, condition: string) =>
      `- { rule: ${name}, desc: d, condition: '${condition}', output: '%fd.name', priority: INFO }\n`;
    const runs = rule('ran', 'evt.type in (execve, execveat) and proc.name = true');
    const files = join(folder, 'changing.yaml');
    writeFileSync(files, runs);
    const path = pipeline(
      folder,
      `sources: { node: { type: ebpf, scope: { descendants_of: ${stage.pid} } } }
operators: { detect: { type: rules, from: node, files: changing.yaml } }
sinks: { out: { type: stdout, from: detect, format: json } }
`,
      'changing-pipeline.yaml',
    );
    const program = Program.start(['run', path]);
    await program.ready();
    const act = async (mark: number) => {
      await stage.run(`cat /etc/hostname /etc/shadow > /dev/null; rm -f ${folder}/nothing; /bin/true`);
      await program.until(({ json }) => json.filter((alert) => alert.rule === 'ran').length === mark);
      return program.json.filter((alert) => alert.rule !== 'ran').map((alert) => alert.rule);
    };
    const reload = async (text: string, count: number) => {
      writeFileSync(files, text);
      await program.until(({ stderr }) => stderr.split('reloaded').length > count);
    };
    try {
      expect(await act(1)).toEqual([]);
      const opened = rule('opened', 'evt.type in (open, openat) and fd.name = /etc/shadow and proc.name = cat');
      const gone = rule('gone', 'evt.type in (unlink, unlinkat) and proc.name = rm');
      await reload(runs + opened + gone, 1);
      expect(await act(2)).toEqual(['opened', 'gone']);
      await reload(runs, 2);
      expect(await act(3)).toEqual(['opened', 'gone']);
    } finally {
      await program.stop();
    }
  });

  test.each([
    ['a reload', ''],
    ['a refresh', ', refresh: 1s'],
  ])('new items of a list are looked for when %s has read them', async (_, from) => {
    const items = (path: string) =>
      writeFileSync(
        join(folder, 'items.txt'),
        `${path}\n${Array.from({ length: 100 }, (_, n) => `/srv/${n}\n`).join('')}`,
      );
    items('/etc/hostname');
    writeFileSync(
      join(folder, 'listed.yaml'),
      `- list: far
  items_from: { file: items.txt${from} }
- rule: listed
  desc: d
  condition: evt.type in (open, openat) and fd.name in (far)
  output: '%fd.name'
  priority: INFO
`,
    );
    const path = pipeline(
      folder,
      `sources: { node: { type: ebpf, scope: { descendants_of: ${stage.pid} } } }
operators: { detect: { type: rules, from: node, files: listed.yaml } }
sinks: { out: { type: stdout, from: detect, format: json } }
`,
      'listed-pipeline.yaml',
    );
    const program = Program.start(['run', path]);
    await program.ready();
    const seen = (path: string) => program.json.some(({ output }) => String(output).includes(path));
    const openUntilSeen = async (path: string) => {
      while (!seen(path)) {
        await stage.run('cat /etc/hostname /etc/passwd > /dev/null');
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    try {
      await openUntilSeen('/etc/hostname');
      expect(seen('/etc/passwd')).toBe(false);
      items('/etc/passwd');
      await openUntilSeen('/etc/passwd');
    } finally {
      await program.stop();
    }
  });

  const rulesOf = (alerts: readonly string[]) => new Set(alerts.map((line) => (JSON.parse(line) as [string])[0]));

  test('under our own rules', async () => {
    const { on, off } = await alertsOf('host', [`${repository}/rules/host.yaml`]);
    expect(on).toEqual(off);
    expect(rulesOf(on).size).toBeGreaterThanOrEqual(6);
  });

  test('under rules about sockets', async () => {
    const conditions = {
      unix: 'evt.type = connect and fd.typechar = u and fd.name endswith /docker.sock',
      bound: 'evt.type = bind and fd.name endswith anyof (/docker.sock, /crio.sock)',
      dirs: 'evt.type = connect and fd.name startswith /mnt/x',
      port: 'evt.type = connect and fd.sport = 53',
      low: 'evt.type = connect and fd.sport <= 53 and evt.rawres >= 0',
      sends: 'evt.type = sendto and fd.l4proto = udp and fd.sport >= 30000 and fd.sport <= 32767',
      address: 'evt.type = connect and fd.sip = 127.0.0.2',
      network: 'evt.type = connect and fd.snet in (127.3.0.0/16)',
      outside: 'evt.type = connect and fd.typechar in (4, 6) and not fd.snet in (127.0.0.0/24, 127.3.0.0/16)',
      failed: 'evt.type = connect and fd.net != 127.0.0.0/8 and evt.failed = true',
      tcp: 'evt.type in (connect, accept, accept4) and fd.l4proto = tcp and fd.net = 127.0.0.0/8',
      made: 'evt.type = socket and evt.arg.domain contains AF_PACKET',
      duplicate: 'evt.type in (dup, dup2, dup3) and fd.type in (ipv4, ipv6)',
      nowhere: 'evt.type = connect and fd.typechar = o and fd.name endswith /docker.sock',
    };
    const output = '%evt.type %fd.name %fd.sip %fd.sport %fd.connected %fd.name_changed %evt.res';
    const rules = Object.entries(conditions).map(
      ([name, condition]) =>
        `- { rule: ${name}, desc: d, condition: '${condition} and proc.name = perl', output: '${output}', priority: INFO }\n`,
    );
    const file = join(folder, 'socket-rules.yaml');
    writeFileSync(file, rules.join(''));
    const { on, off } = await alertsOf('sockets', [file]);
    expect(on).toEqual(off);
    // Of the rest it depends on the machine whether there is such a socket.
    const sure = new Set(Object.keys(conditions)).difference(new Set(['made', 'failed']));
    expect(sure.difference(rulesOf(on))).toEqual(new Set());
  });

  const missing = official.some((path) => sharedText(path) === undefined);
  test.skipIf(missing).each([
    ['stable', official.slice(0, 1), 3],
    ['all', official, 10],
  ] as const)("under Falco's rules: %s", async (name, files, rules) => {
    const { on, off } = await alertsOf(
      name,
      files.map((path) => join(repository, '../shared', path)),
    );
    expect(on).toEqual(off);
    expect([...rulesOf(on)].length, [...rulesOf(on)].join()).toBeGreaterThanOrEqual(rules);
  });
});
