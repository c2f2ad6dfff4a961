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
    await stage.run(`unshare --mount sh -c '${ACTIONS}' > /dev/null 2>&1`);
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
