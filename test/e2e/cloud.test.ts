/** Cloud sources as processes: killed at any moment they lose nothing that they have said they have. */

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { scratch } from '../scratch.ts';
import { auditEvents, auditLines, namesOf } from '../sources/k8s-audit/events.ts';
import { Director, item } from '../sources/vcloud/director.ts';
import { Program, packagesIn, pipeline, repository } from './program.ts';

const KILLS = process.env.FALCO_PIPE_LONG ? 100 : 3;
const LIMIT = 15_000 + KILLS * 15_000;

/** Names of pods in what was written to a file, in order, also twice. */
function written(path: string): string[] {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  return [...text.matchAll(/"ka\.target\.name":"(p\d+)"[^\n]*\n/g)].map(([, name]) => name as string);
}

async function until(test: () => boolean, program: Program): Promise<void> {
  for (let tries = 0; tries < 1500 && !test() && program.code === null; tries++) await sleep(10);
  expect(test(), program.stderr).toBe(true);
}

const sorted = (names: Iterable<string>) => [...new Set(names)].sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)));

const yaml = (source: string, field = 'ka.target.name') => `state: state
sources: { cloud: { ${source} } }
sinks: { out: { type: file, from: cloud, path: out.jsonl, format: json, fields: [${field}], batch: 20 } }
`;

it(
  'k8s_audit follows a log that is written and rotated while it is killed over and over',
  async () => {
    const folder = scratch();
    const path = pipeline(folder, yaml('type: k8s_audit, mode: file, file: audit.log, start: beginning'));
    const log = join(folder, 'audit.log');
    const out = join(folder, 'out.jsonl');
    writeFileSync(log, '');
    let count = 0;
    let rotations = 0;
    const write = (events: number) => {
      appendFileSync(log, auditLines(events, count));
      count += events;
    };
    const rotate = () => {
      renameSync(log, join(folder, `audit-2026-03-02T10-15-01.${String(rotations++).padStart(3, '0')}.log`));
      writeFileSync(log, '');
    };
    for (let kills = 0; kills < KILLS; kills++) {
      const before = written(out).length;
      const program = Program.start(['run', path, '--no-watch']);
      write(300);
      if (kills % 2 === 0) rotate();
      write(300);
      await until(() => written(out).length >= before + 100, program);
      await program.stop('SIGKILL');
      // Also while nobody looks.
      write(50);
      if (kills % 3 === 0) rotate();
    }
    const last = Program.start(['run', path, '--no-watch']);
    await until(() => new Set(written(out)).size === count, last);
    expect(await last.stop()).toBe(0);
    const names = written(out);
    expect(sorted(names)).toEqual(namesOf(count));
    expect(names.length - count).toBeLessThanOrEqual(KILLS * 1000);
    expect(last.stderr).toContain('dropped 0');
    // What was killed may have held something of live sources, of which there are none here.
    expect(last.stderr.replace(/^.*unclean_end.*$/m, '')).not.toContain('lost');
  },
  LIMIT,
);

const receivers = [
  {
    type: 'k8s_audit',
    more: '',
    path: '/k8s-audit',
    media: 'application/json',
    bodyOf: (items: object[]): object => ({ kind: 'EventList', items }),
  },
  {
    type: 'cloudevents',
    more: ', routes: { k8s: k8s_audit }',
    path: '/',
    media: 'application/cloudevents-batch+json',
    bodyOf: (items: object[]): object =>
      items.map((data, n) => ({ specversion: '1.0', id: `${n}`, source: '/test', type: 'k8s', data })),
  },
];

it.each(receivers)(
  '$type keeps what it has accepted, and is sent the rest again',
  async ({ type, more, path: to, media, bodyOf }) => {
    const folder = scratch();
    const port = 10_000 + (process.pid % 20_000);
    const path = pipeline(folder, yaml(`type: ${type}, listen: '127.0.0.1:${port}'${more}`));
    const out = join(folder, 'out.jsonl');
    let next = 0;
    let stopping = false;
    const sent: number[] = [];
    // As kube-apiserver does: a batch is sent until it is taken.
    const send = async () => {
      while (!stopping) {
        const from = next;
        next += 50;
        const body = JSON.stringify(bodyOf(auditEvents(50, from)));
        for (let taken = false; !taken; ) {
          const headers = { 'content-type': media };
          taken = await fetch(`http://127.0.0.1:${port}${to}`, { method: 'POST', headers, body }).then(
            ({ ok }) => ok,
            () => false,
          );
          if (!taken) await sleep(20);
        }
        sent.push(from);
      }
    };
    const senders = [send(), send(), send()];
    for (let kills = 0; kills < KILLS; kills++) {
      const before = sent.length;
      const program = Program.start(['run', path, '--no-watch']);
      await until(() => sent.length >= before + 10, program);
      await program.stop('SIGKILL');
      const names = new Set(written(out));
      for (const from of sent) expect(names).toContain(`p${from + 49}`);
    }
    const last = Program.start(['run', path, '--no-watch']);
    await last.ready();
    stopping = true;
    await Promise.all(senders);
    expect(await last.stop()).toBe(0);
    expect(sorted(written(out))).toEqual(namesOf(next));
  },
  LIMIT,
);

it(
  'vcloud goes on where it stood in the trail',
  async () => {
    const director = await new Director().start();
    const folder = scratch();
    const path = pipeline(
      folder,
      yaml(
        `type: vcloud, url: '${director.url}', user: auditor, password: { env: VCD }, poll: 100ms`,
        'vcd.entity.name',
      ),
    );
    const out = join(folder, 'out.jsonl');
    const names = () =>
      [...readFileSync(out, 'utf8').matchAll(/"vcd\.entity\.name":"(vm\d+)"/g)].map(([, name]) => name);
    const start = () => Program.start(['run', path, '--no-watch'], { env: { VCD: director.password } });
    writeFileSync(out, '');
    for (let kills = 0; kills < KILLS; kills++) {
      const before = names().length;
      const program = start();
      const from = director.items.length;
      for (let n = from; n < from + 300; n++) director.items.push(item(n, Date.now() - 500 + (n - from)));
      await until(() => names().length >= before + 50, program);
      await program.stop('SIGKILL');
    }
    const last = start();
    const { length } = director.items;
    await until(() => new Set(names()).size === length, last);
    expect(await last.stop()).toBe(0);
    expect(names().length - length).toBeLessThanOrEqual(KILLS * 300);
    await director.stop();
  },
  LIMIT,
);

it(
  'the pipeline of the guide raises its alert',
  async () => {
    const examples = join(repository, 'docs/guides/examples');
    const guide = readFileSync(join(repository, 'docs/guides/cloud.md'), 'utf8');
    const lines = readFileSync(join(examples, 'kubernetes.yaml'), 'utf8').split('\n');
    expect(guide).toContain(`\`\`\`yaml\n${lines.filter((line) => !line.startsWith('#')).join('\n')}\`\`\``);
    const [, curl = ''] = /^(curl .*k8s-audit)$/m.exec(guide) ?? [];
    const port = 10_000 + (process.pid % 20_000);
    const set = ['--set', `sources.cluster.listen=127.0.0.1:${port}`];
    const program = Program.start(['run', join(examples, 'kubernetes.yaml'), '--no-watch', ...set]);
    await program.ready();
    execFileSync('sh', ['-c', curl.replace(':9765', `:${port}`)], { cwd: repository });
    await program.until(
      ({ stdout }) => stdout.includes('K8s administrator role bound') || stdout.includes('cluster-admin'),
    );
    expect(program.stdout).toContain('mallory');
    await program.stop();
  },
  LIMIT,
);

it(
  'clients of websockets, MQTT and HTTP are loaded by the sources that need them alone',
  async () => {
    const folder = scratch();
    const program = await Program.run(['run', pipeline(folder, yaml('type: replay, files: /dev/null', 'evt.type'))], {
      env: { NODE_V8_COVERAGE: folder },
    });
    expect(program.code, program.stderr).toBe(0);
    // Node lists every script when it measures coverage.
    const reports = readdirSync(folder).filter((name) => name.startsWith('coverage-'));
    const scripts = reports.flatMap((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')).result);
    const loaded = (scripts as { url: string }[]).flatMap(({ url }) => (url.includes('/dist/') ? [new URL(url)] : []));
    expect(loaded.length).toBeGreaterThan(0);
    const isHeavy = (file: string | URL) => packagesIn(file).some((name) => ['ws', 'mqtt', 'undici'].includes(name));
    expect(loaded.filter((file) => isHeavy(file)).map(({ pathname }) => pathname)).toEqual([]);
    const chunks = readdirSync(join(repository, 'dist/chunks')).filter((name) => name.endsWith('.js'));
    const carriers = chunks.filter((name) => isHeavy(join(repository, 'dist/chunks', name)));
    expect(carriers.length).toBeGreaterThan(0);
  },
  LIMIT,
);

it(
  'a source that is refused ends alone: said, not ready, and the others go on',
  async () => {
    const folder = scratch();
    const refusing = createServer();
    refusing.on('upgrade', (_request, socket) => socket.end('HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n'));
    refusing.listen(0, '127.0.0.1');
    await once(refusing, 'listening');
    const { port } = refusing.address() as AddressInfo;
    const own = 10_000 + (process.pid % 20_000);
    const path = pipeline(
      folder,
      `sources:
  tail: { type: ovh_mks, url: 'ws://127.0.0.1:${port}/tail/', token: { env: LDP } }
  hook: { type: k8s_audit, listen: '127.0.0.1:${own}' }
sinks: { out: { type: stdout, from: [tail, hook], format: json, fields: [ka.target.name] } }
http: { listen: '127.0.0.1:${own + 1}' }
`,
    );
    const program = Program.start(['run', path, '--no-watch'], { env: { LDP: 'sesame' } });
    await program.ready();
    await program.until(({ stderr }) => stderr.includes('source tail has ended'));
    const ready = await fetch(`http://127.0.0.1:${own + 1}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.text()).toMatch(/source tail: access was refused: 127\.0\.0\.1:\d+ answered with status 401/);
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify(auditEvents(1, 7)[0]);
    expect((await fetch(`http://127.0.0.1:${own}/k8s-audit`, { method: 'POST', headers, body })).status).toBe(200);
    await program.until(({ stdout }) => stdout.includes('"p7"'));
    await program.stop();
    expect(program.stderr).not.toContain('sesame');
    refusing.close();
  },
  LIMIT,
);

it(
  'alerts that one program sends as CloudEvents come in to another as the same alerts',
  async () => {
    const folder = scratch();
    const port = 10_000 + (process.pid % 20_000);
    const records = Array.from({ length: 300 }, (_, n) => ({
      source: 'syscall',
      time: n,
      type: 'open',
      fields: { 'proc.pid': n },
    }));
    writeFileSync(join(folder, 'events.jsonl'), records.map((record) => `${JSON.stringify(record)}\n`).join(''));
    const rule = '- rule: Seen\n  desc: d\n  condition: proc.pid >= 0\n  output: "pid %proc.pid"\n  priority: INFO\n';
    writeFileSync(join(folder, 'rules.yaml'), rule);
    const inbox = pipeline(
      folder,
      `sources: { inbox: { type: cloudevents, listen: '127.0.0.1:${port}' } }
operators: { few: { type: filter, from: inbox, condition: proc.pid >= 100 } }
sinks: { out: { type: file, from: few, path: inbox.jsonl, format: json } }
`,
      'inbox.yaml',
    );
    const edge = pipeline(
      folder,
      `sources: { past: { type: replay, files: events.jsonl } }
operators: { detect: { type: rules, from: past, files: rules.yaml } }
sinks:
  kept: { type: file, from: detect, path: edge.jsonl, format: json }
  on: { type: http, from: detect, url: 'http://127.0.0.1:${port}', format: { type: cloudevents, mode: batch } }
`,
      'edge.yaml',
    );
    const receiver = Program.start(['run', inbox, '--no-watch', '--state', join(folder, 'state')]);
    await receiver.ready();
    const sender = await Program.run(['run', edge, '--no-watch']);
    expect([sender.code, sender.stderr.includes('dropped 0')], sender.stderr).toEqual([0, true]);
    expect(await receiver.stop()).toBe(0);
    const alerts = (name: string) => readFileSync(join(folder, name), 'utf8').trim().split('\n');
    // Each as it was: the time of day, too, is that of the event.
    expect(alerts('inbox.jsonl').sort()).toEqual(alerts('edge.jsonl').slice(100).sort());
  },
  LIMIT,
);
