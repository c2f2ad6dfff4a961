/**
 * Kubernetes audit events by webhook: events/s from a client in a process of its own to answers of the built program, which
 * come once events have settled. Beside it a server that only reads and parses bodies: what Node itself can do.
 * `--events N`, `--list N` (events a request; kube-apiserver sends up to 400).
 */

import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { auditEvent } from '../../test/sources/k8s-audit/events.ts';
import { scratch } from '../shared/scratch.ts';

const CONNECTIONS = 4;
const root = resolve(import.meta.dirname, '../..');
const shared = resolve(root, '../shared/data');

if (process.send) await client();
else await compare();

/** Sends lists over and over on some connections, as many events as are asked for, and says how long that took. */
async function client(): Promise<void> {
  const [port, events, list] = process.argv.slice(2).map(Number) as [number, number, number];
  const sample = join(shared, 'cloud/k8saudit/webhook/eventlist.json');
  const models: object[] = existsSync(sample) ? JSON.parse(readFileSync(sample, 'utf8')).items : [auditEvent(0)];
  const bodies = Array.from({ length: Math.ceil(events / list) }, (_, request) => {
    const items = Array.from({ length: list }, (_, index) => {
      const n = request * list + index;
      // Most of what a cluster does is reading: one in a hundred does what the rules look for.
      const verb = n % 100 === 0 ? {} : { verb: 'get' };
      return { ...models[n % models.length], ...verb, auditID: `bench-${process.pid}-${n}` };
    });
    return Buffer.from(JSON.stringify({ kind: 'EventList', apiVersion: 'audit.k8s.io/v1', items }));
  });
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const headers = { 'content-type': 'application/json' };
  const post = (body: Buffer) =>
    new Promise<number>((done, failed) => {
      const options = { host: '127.0.0.1', port, path: '/k8s-audit', method: 'POST', agent, headers };
      const sent = request({ ...options, headers: { ...headers, 'content-length': body.length } }, (response) => {
        response.resume().on('end', () => done(response.statusCode ?? 0));
      });
      sent.on('error', failed).end(body);
    });
  const began = performance.now();
  let next = 0;
  const work = async () => {
    for (let body = bodies[next++]; body; body = bodies[next++]) {
      const status = await post(body);
      if (status !== 200) throw new Error(`status ${status}`);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, work));
  const bytes = bodies.reduce((sum, { length }) => sum + length, 0);
  process.send?.({ seconds: (performance.now() - began) / 1000, events: bodies.length * list, bytes });
  agent.destroy();
  process.disconnect();
}

interface Sent {
  readonly seconds: number;
  readonly events: number;
  readonly bytes: number;
}

async function send(port: number, events: number, list: number): Promise<Sent> {
  const child = fork(import.meta.filename, [port, events, list].map(String), { stdio: 'inherit' });
  const [sent] = (await once(child, 'message')) as [Sent];
  await once(child, 'exit');
  return sent;
}

async function compare(): Promise<void> {
  const { values } = parseArgs({
    options: { events: { type: 'string', default: '60000' }, list: { type: 'string', default: '100' } },
  });
  const [events, list] = [Number(values.events), Number(values.list)];
  const bare = await bareServer(events, list);
  const rate = ({ events, seconds }: Sent) => Math.round(events / seconds);
  console.log(
    `${Math.round(bare.bytes / bare.events)} bytes an event, ${list} events a request, ${CONNECTIONS} connections`,
  );
  console.log(`a server that only parses: ${rate(bare)} events/s`);
  const rules = join(shared, 'rules/k8s_audit_rules.yaml');
  const cases: readonly (readonly [string, string])[] = [
    ['k8s_audit, one condition', 'detect: { type: filter, from: cluster, condition: ka.verb = none }'],
    ...(existsSync(rules)
      ? [['k8s_audit, the official rules', `detect: { type: rules, from: cluster, files: ${rules} }`] as const]
      : []),
  ];
  for (const [name, operator] of cases) {
    const sent = await program(operator, events, list);
    console.log(`${name}: ${rate(sent)} events/s (${(rate(sent) / rate(bare)).toFixed(2)}x)`);
  }
}

async function bareServer(events: number, list: number): Promise<Sent> {
  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    JSON.parse(Buffer.concat(chunks).toString());
    response.writeHead(200).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sent = await send((server.address() as AddressInfo).port, events, list);
  server.close();
  return sent;
}

async function program(operator: string, events: number, list: number): Promise<Sent> {
  const folder = scratch();
  const path = join(folder, 'pipeline.yaml');
  const source = `cluster: { type: k8s_audit, listen: '127.0.0.1:0' }`;
  const text = `sources: { ${source} }\noperators: { ${operator} }\nsinks: { out: { type: file, from: detect, path: out } }\n`;
  writeFileSync(path, text);
  const state = ['--state', join(folder, 'state')];
  const child = spawn(join(root, 'bin/falco-pipe'), ['run', path, '--no-watch', ...state], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  const port = await new Promise<number>((done, failed) => {
    child.stderr.on('data', (data) => {
      said += data;
      const found = /listening at http:\/\/127\.0\.0\.1:(\d+)/.exec(said);
      if (found && said.includes('ready: ')) done(Number(found[1]));
    });
    child.once('exit', () => failed(new Error(said)));
  });
  const sent = await send(port, events, list);
  child.removeAllListeners('exit');
  child.kill();
  await once(child, 'exit');
  return sent;
}
