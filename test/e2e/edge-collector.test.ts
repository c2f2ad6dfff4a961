/** Edge agents and a collector over a real nats-server: the built program, as the guide has it. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { makeAlert } from '../../src/events/alert.ts';
import { recordJson } from '../../src/events/record-json.ts';
import { partitionOf } from '../../src/nats/partition.ts';
import { nats as natsSink } from '../../src/sinks/nats.ts';
import { freePort, hasNats, NatsServer } from '../nats/server.ts';
import { scratch } from '../scratch.ts';
import { alertOf } from '../sinks/shared.ts';
import { adminBound } from '../sources/k8s-audit/events.ts';
import { cannotTrace, Program, pipeline, repository, Stage } from './program.ts';

const until = (test: () => void | Promise<void>) => vi.waitFor(test, { timeout: 60_000, interval: 50 });

describe.skipIf(!hasNats)('edge and collector', () => {
  let server: NatsServer;
  let connection: NatsConnection;
  let manager: JetStreamManager;
  const programs: Program[] = [];

  const run = (args: readonly string[], host = 'centre') => {
    const program = Program.start(['run', ...args, '--no-watch'], { env: { FALCO_HOSTNAME: host } });
    programs.push(program);
    return program;
  };

  beforeAll(async () => {
    server = await NatsServer.start();
    connection = await connect({ servers: server.url });
    manager = await jetstreamManager(connection);
  });
  afterEach(async () => {
    await Promise.all(programs.splice(0).map((program) => program.stop('SIGKILL')));
  });
  afterAll(async () => {
    await connection.close();
    await server.halt();
  });

  test('the pipelines of the guide are valid, as it has them', async () => {
    const guide = readFileSync(join(repository, 'docs/guides/edge-and-collector.md'), 'utf8');
    const commands = [...guide.matchAll(/^falco-pipe run (.*?)$/gm)].map(([, args = '']) =>
      args
        .replace(/ --state \S+/, '')
        .match(/'[^']*'|\S+/g)
        ?.map((arg) => arg.replaceAll("'", '')),
    );
    expect(commands).toHaveLength(5);
    for (const args of commands) {
      const { code, stdout, stderr } = await Program.run(['validate', ...(args ?? [])], { cwd: repository });
      expect([stdout, code], stderr).toEqual([expect.stringMatching(/: ok/), 0]);
    }
    const [, snippet = ''] = /```yaml\n(.*?)```/s.exec(guide) ?? [];
    const { sinks } = parse(snippet) as { sinks: { centre: object } };
    const { type, from, ...config } = sinks.centre as Record<string, unknown>;
    expect([type, from, natsSink.config.parse(config).partitions]).toEqual([
      'nats',
      'detect',
      { of: 12, key: 'node.name' },
    ]);
  }, 60_000);

  test('three replicas share 30,000 alerts; one is killed meanwhile, and nothing is lost', async () => {
    const EVENTS = 30_000;
    const IN_FLIGHT = 2000;
    const BATCH = 256;
    const folder = scratch();
    await manager.streams.add({ name: 'IN', subjects: ['in'], storage: 'memory' });
    await manager.streams.add({ name: 'OUT', subjects: ['out'], storage: 'memory' });
    const replica = (n: number) =>
      run([
        pipeline(
          folder,
          `state: state-${n}
sources: { nodes: { type: nats, servers: '${server.url}', stream: IN, emits: [alert], max_in_flight: ${IN_FLIGHT}, ack_wait: 3s } }
sinks:
  log: { type: file, from: nodes, path: got-${n}.jsonl, format: json, batch: 50 }
  out: { type: nats, from: nodes, servers: '${server.url}', subject: out, batch: 50 }
`,
          `replica-${n}.yaml`,
        ),
      ]);
    const rules = (n: number): string[] => {
      const text = readFileSync(join(folder, `got-${n}.jsonl`), 'utf8');
      // What a killed write left half-way is written again, by another.
      return [...text.matchAll(/"rule":"(r\d+)".*\}$/gm)].map(([, rule]) => rule as string);
    };
    const publish = (from: number, to: number) => {
      for (let n = from; n < to; n++) connection.publish('in', recordJson(alertOf(`r${n}`)));
      return connection.flush();
    };
    const replicas = [0, 1, 2].map(replica);
    await Promise.all(replicas.map((each) => each.ready()));
    await publish(0, EVENTS / 2);
    await until(() => expect(rules(1).length).toBeGreaterThan(500));
    replicas[1]?.child.kill('SIGKILL');
    await publish(EVENTS / 2, EVENTS);
    await until(async () => {
      const { num_pending, num_ack_pending } = await manager.consumers.info('IN', 'falco-pipe');
      expect([num_pending, num_ack_pending]).toEqual([0, 0]);
    });
    const stopped = [replicas[0], replicas[2]].map((each) => each?.stop());
    expect(await Promise.all(stopped)).toEqual([0, 0]);
    const got = [0, 1, 2].map(rules);
    for (const each of got) expect(each.length).toBeGreaterThan(500);
    const all = got.flat();
    expect(new Set(all).size).toBe(EVENTS);
    // Only what the killed one had read came twice, where its acknowledgement had not left yet: those of a batch at most.
    expect(all.length - EVENTS).toBeLessThanOrEqual(IN_FLIGHT + BATCH);
    console.info(`replicas got ${got.map((each) => each.length).join(', ')}: ${all.length - EVENTS} twice`);
    // A receiver that looks at the alerts' ids has none twice.
    expect((await manager.streams.info('OUT')).state.messages).toBe(EVENTS);
  }, 120_000);

  test('replicas with partitions of their own keep their state: one is killed and started again, and nothing is missed', async () => {
    const USERS = 300;
    const folder = scratch();
    const partitions = { of: 4, key: 'user.name' };
    await manager.streams.add({ name: 'KEYED', subjects: ['keyed.>'], storage: 'memory' });
    const replica = (n: number, mine: string) =>
      run([
        pipeline(
          folder,
          `state: keyed-${n}
sources:
  nodes:
    type: nats
    servers: '${server.url}'
    stream: KEYED
    subject: keyed
    partitions: { of: 4, key: user.name, mine: ${mine} }
    emits: [alert]
    ack_wait: 2s
operators: { busy: { type: correlate, from: nodes, key: user.name, threshold: { count: 3 }, rule: Busy } }
sinks: { log: { type: file, from: busy, path: busy-${n}.jsonl, format: json } }
`,
          `keyed-${n}.yaml`,
        ),
      ]);
    const busy = (): string[] =>
      [0, 1].flatMap((n) => {
        const text = readFileSync(join(folder, `busy-${n}.jsonl`), 'utf8');
        return [...text.matchAll(/"user\.name":"(u\d+)".*\}$/gm)].map(([, user]) => user as string);
      });
    const publish = (rule: string) => {
      for (let n = 0; n < USERS; n++) {
        const content = { rule, priority: 'Notice', tags: [], hostname: 'node1', output: rule, source: 'syscall' };
        const alert = makeAlert(1n, { ...content, outputFields: { 'user.name': `u${n}` } });
        connection.publish(`keyed.${partitionOf(alert, partitions)}`, recordJson(alert));
      }
      return connection.flush();
    };
    const seen = async () => (await manager.consumers.info('KEYED', 'falco-pipe-0')).delivered.stream_seq;
    const first = replica(0, '[0, 1]');
    const second = replica(1, '[2, 3]');
    await Promise.all([first.ready(), second.ready()]);
    await publish('a');
    await publish('b');
    await until(async () => expect(await seen()).toBeGreaterThan(0));
    first.child.kill('SIGKILL');
    await first.ended;
    await publish('c');
    const again = replica(0, '[0, 1]');
    await again.ready();
    await until(() => expect(new Set(busy()).size).toBe(USERS));
    // Of three events each once: nothing was counted twice.
    expect(busy()).toHaveLength(USERS);
    expect(await Promise.all([again.stop(), second.stop()])).toEqual([0, 0]);
  }, 90_000);

  test('three replicas of the collector, of which one has a cloud too: one is killed, and each alert comes once', async () => {
    const NODES = 60;
    const subject = 'replicas';
    const partitions = { of: 12, key: 'node.name' };
    const hook = await freePort();
    const folder = scratch();
    const replica = (n: number, ...more: string[]) => {
      const mine = [0, 1, 2, 3].map((each) => each + 4 * n);
      const ofNats = (id: string) => [
        ...['--set', `sources.${id}.servers=${server.url}`, '--set', `sources.${id}.ack_wait=2s`],
        ...['--set', `sources.${id}.stream=REPLICAS`, '--set', `sources.${id}.subject=${subject}`],
      ];
      return run([
        ...[join(repository, 'pipelines/collector.yaml'), ...ofNats('nodes'), ...ofNats('all_nodes')],
        ...['--set', `sources.nodes.partitions.mine=[${mine}]`, '--state', join(folder, `replica-${n}`)],
        ...['--http', '127.0.0.1:0', ...more],
      ]);
    };
    const clouds = ['--set', 'only=[nodes, all_nodes, k8s_shop]', '--set', `sources.k8s_shop.listen=127.0.0.1:${hook}`];
    const nodes = ['--set', 'only=[nodes]'];
    // They make the stream together, whoever comes first.
    const replicas = [replica(0, ...clouds), replica(1, ...nodes), replica(2, ...nodes)];
    await Promise.all(replicas.map((each) => each.ready()));
    const publish = async (rule: string) => {
      for (let n = 0; n < NODES; n++) {
        const content = { rule, priority: 'Notice', tags: [], hostname: `n${n}`, output: rule, source: 'syscall' };
        const fields = { 'node.name': `n${n}`, 'user.name': n === 7 ? 'mroe' : 'root' };
        const time = BigInt(Date.now()) * 1_000_000n;
        const alert = makeAlert(time, { ...content, outputFields: fields });
        connection.publish(`${subject}.${partitionOf(alert, partitions)}`, recordJson(alert));
      }
      await connection.flush();
    };
    const attacked = () =>
      replicas.map(({ json }) =>
        json.flatMap(({ rule, output_fields: fields }) =>
          rule === 'Several rules on one node' ? [String((fields as Record<string, unknown>)['node.name'])] : [],
        ),
      );
    await until(async () => expect((await manager.streams.info('REPLICAS')).config.subjects).toContain(`${subject}.>`));
    await publish('A');
    await publish('B');
    // Nothing is out yet; what was seen is in its state.
    await until(async () => {
      const held = await manager.consumers.info('REPLICAS', 'collector-4');
      expect([held.num_pending, held.num_ack_pending, held.delivered.stream_seq > 0]).toEqual([0, 0, true]);
    });
    replicas[1]?.child.kill('SIGKILL');
    await replicas[1]?.ended;
    await publish('C');
    replicas.push(replica(1, ...nodes));
    const [first] = replicas;
    const body = JSON.stringify(adminBound('bound', 'mallory', new Date().toISOString()));
    const headers = { 'content-type': 'application/json' };
    const posted = await fetch(`http://127.0.0.1:${hook}/k8s-audit`, { method: 'POST', headers, body });
    expect(posted.status).toBe(200);
    await until(() => expect(new Set(attacked().flat()).size).toBe(NODES));
    expect(attacked().flat()).toHaveLength(NODES);
    for (const each of [0, 2, 3]) expect(attacked()[each]?.length).toBeGreaterThan(5);
    const told = () => first?.json.filter(({ rule }) => rule === 'Alerts of a node and of a cloud') ?? [];
    await until(() => expect(told().length).toBeGreaterThan(0));
    expect(told()[0]?.output).toContain('Mallory Roe');
  }, 90_000);

  test.skipIf(cannotTrace !== undefined)(
    'what happens on a node is told at the centre, and that the node has died',
    async () => {
      const folder = scratch();
      const to = (key: string) => ['--set', `${key}.servers=${server.url}`];
      const stage = new Stage();
      const edge = () =>
        run(
          [
            join(repository, 'pipelines/edge.yaml'),
            ...to('sinks.centre'),
            ...['--set', `sources.node.scope={descendants_of: ${stage.pid}}`, '--set', 'sources.self.heartbeat=200ms'],
            ...['--set', 'cluster=test', '--state', join(folder, 'edge')],
          ],
          'node7',
        );
      const collector = run([
        join(repository, 'pipelines/collector.yaml'),
        ...to('sources.nodes'),
        ...['--set', 'only=[nodes]', '--set', 'operators.lost.silent=3s', '--http', '127.0.0.1:0'],
        ...['-o', 'json', '--state', join(folder, 'collector')],
      ]);
      const first = edge();
      await Promise.all([collector.ready(), first.ready()]);
      await stage.run('cat /etc/shadow > /dev/null');
      // What a busy machine makes the collector say of itself has no rule.
      const alerts = (rule: RegExp) => collector.json.filter((each) => each.rule && rule.test(String(each.rule)));
      await until(() => expect(alerts(/^(?!Node)/)).not.toEqual([]));
      const [alert] = alerts(/^(?!Node)/);
      expect(alert?.hostname).toBe('node7');
      expect(alert?.output_fields).toMatchObject({
        'node.name': 'node7',
        'cluster.name': 'test',
        'pipeline.name': 'edge',
        'pipeline.digest': expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      });
      // A node that never said that it is alive cannot be missed.
      await until(async () => expect((await manager.streams.info('FALCO')).state.messages).toBeGreaterThan(5));
      first.child.kill('SIGKILL');
      await until(() => expect(alerts(/^Node is silent$/)).toHaveLength(1));
      expect(alerts(/^Node/)[0]).toMatchObject({ priority: 'Critical', hostname: 'centre' });
      expect(alerts(/^Node/)[0]?.output).toContain('(node.name=node7)');
      edge();
      await until(() => expect(alerts(/^Node is silent$/)).toHaveLength(2));
      expect(alerts(/^Node/)[1]?.output).toMatch(/back after \d+ s \(node.name=node7\)/);
      await stage.close();
      expect(await collector.stop()).toBe(0);
    },
    90_000,
  );
});

if (cannotTrace) console.warn(`live tracing is not tested: ${cannotTrace}`);
