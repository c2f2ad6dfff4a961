/** pipelines/collector.yaml as it is shipped: nodes and four clouds in one run, judged, named, and looked at together. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeAlert } from '../../src/events/alert.ts';
import { recordJson } from '../../src/events/record-json.ts';
import { recordOf } from '../aws/moto.ts';
import { EventHub } from '../azure/event-hubs.ts';
import { activity } from '../azure/opened.ts';
import { freePort } from '../nats/server.ts';
import { scratch } from '../scratch.ts';
import { adminBound } from '../sources/k8s-audit/events.ts';
import { Director, item } from '../sources/vcloud/director.ts';
import { Program, repository } from './program.ts';

const FILE = join(repository, 'pipelines/collector.yaml');
const begin = Date.now() - 60_000;
const at = (seconds: number) => new Date(begin + seconds * 1000).toISOString();

it('is valid, and all its rules can fire', async () => {
  const { code, stdout, stderr } = await Program.run(['validate', FILE]);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^\S+: ok \(11 sources, \d+ operators, 1 sink, sha256:/);
});

it('names every login that is missing, with its place, before anything is opened; not of what is not opened', async () => {
  const { code, stderr } = await Program.run(['run', FILE, '--state', scratch(), '--no-watch']);
  expect(code).toBe(78);
  for (const [id, name] of [
    ['activity', 'HUB_ACTIVITY'],
    ['entra', 'HUB_ENTRA'],
    ['aks', 'HUB_AKS'],
    ['k8s_labs', 'LDP_TOKEN'],
    ['vcd', 'VCD_PASSWORD'],
  ]) {
    const told = `collector\\.yaml:\\d+:\\d+: error: ${id}: a secret is missing: the environment variable ${name} is not set`;
    expect(stderr).toMatch(new RegExp(told));
  }
  expect(stderr).toContain('name in `only` the sources that are to be opened');
  expect(stderr).not.toContain('"report"');
});

it('opens what `only` names: with no server there it says which source is down, and the others go on', async () => {
  const port = await freePort();
  const nowhere = await freePort();
  const hook = await freePort();
  const program = Program.start([
    ...['run', FILE, '--no-watch', '--state', scratch(), '--http', `127.0.0.1:${port}`],
    ...['--set', 'only=[nodes, k8s_shop]', '--set', `sources.nodes.servers=nats://127.0.0.1:${nowhere}`],
    ...['--set', `sources.k8s_shop.listen=127.0.0.1:${hook}`],
  ]);
  await program.ready();
  expect(program.stderr).toContain('`only` leaves closed: all_nodes, aws_shop, aws_labs,');
  const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
  expect(ready.status).toBe(503);
  const { problems } = (await ready.json()) as { problems: string[] };
  expect(problems).toEqual([expect.stringMatching(/^source nodes: .*ECONNREFUSED|^source nodes: not connected/)]);
  const body = JSON.stringify(bound('shop', 'dora'));
  const headers = { 'content-type': 'application/json' };
  expect((await fetch(`http://127.0.0.1:${hook}/k8s-audit`, { method: 'POST', headers, body })).status).toBe(200);
  const alert = () => program.json.find(({ rule }) => rule !== undefined);
  await program.until(() => alert() !== undefined);
  expect(alert()).toMatchObject({
    rule: 'K8s administrator role bound',
    output_fields: { 'scope.name': 'Cluster of the shop' },
  });
  // What it has to put by is told where the alerts are, though `only` does not name it.
  const noEvent = JSON.stringify({ kind: 'EventList', apiVersion: 'audit.k8s.io/v1', items: [{ a: 1 }] });
  await fetch(`http://127.0.0.1:${hook}/k8s-audit`, { method: 'POST', headers, body: noEvent });
  const told = { 'internal.component': 'k8s_shop', 'internal.reason': 'bad_event' };
  await program.until(({ stdout }) => stdout.includes('bad_event'));
  expect(program.json).toContainEqual(
    expect.objectContaining({ source: 'internal', fields: expect.objectContaining(told) }),
  );
  expect(await program.stop()).toBe(0);
});

const hubs: EventHub[] = [];
let director: Director;
beforeAll(async () => {
  for (let n = 0; n < 3; n++) {
    const hub = await EventHub.start();
    hub.groups.add('falco-pipe');
    hubs.push(hub);
  }
  director = await new Director().start();
});
afterAll(async () => {
  await Promise.all([...hubs.map((hub) => hub.halt()), director.stop()]);
});

let ids = 0;
const call = (account: string, userName: string, eventName: string, more: object = {}) =>
  recordOf(`call-${ids++}`, eventName, {
    recipientAccountId: account,
    userIdentity: { type: 'IAMUser', userName, accountId: account },
    sourceIPAddress: '203.0.113.7',
    eventTime: at(1),
    ...more,
  });
const many = (count: number, make: (n: number) => object) => Array.from({ length: count }, (_, n) => make(n));

const signIn = (n: number, userPrincipalName: string, errorCode: number) => ({
  time: at(n),
  category: 'SignInLogs',
  operationName: 'Sign-in activity',
  resultType: String(errorCode),
  properties: { id: `sign-in-${n}`, userPrincipalName, ipAddress: '198.51.100.9', status: { errorCode } },
});

const bound = (auditID: string, username: string) => adminBound(auditID, username, at(2));

it('raises alerts of all clouds in one run, with names, and of what belongs together', async () => {
  const folder = scratch();
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const trail = (name: string, Records: object[]) => write(name, JSON.stringify({ Records }));
  const shop = trail('shop.json', [
    call('111111111111', 'mallory', 'StopLogging', { eventSource: 'cloudtrail.amazonaws.com' }),
    ...many(20, () => call('111111111111', 'mallory', 'ListUsers', { errorCode: 'AccessDenied' })),
    ...many(10, (n) =>
      call('111111111111', `user${n}`, 'ConsoleLogin', { responseElements: { ConsoleLogin: 'Failure' } }),
    ),
  ]);
  const labs = trail('labs.json', [
    call('222222222222', 'bob', 'StopLogging', { eventSource: 'cloudtrail.amazonaws.com' }),
    ...many(30, () => call('222222222222', 'bob', 'DeleteTable')),
  ]);
  const onNode = makeAlert(BigInt(begin) * 1_000_000n, {
    rule: 'Shell in a container',
    priority: 'Warning',
    tags: [],
    hostname: 'node7',
    output: 'a shell',
    source: 'syscall',
    outputFields: { 'user.name': 'mroe' },
  });
  const port = await freePort();
  const sources: Record<string, string> = {
    aws_shop: `{type: cloudtrail, mode: file, files: ${shop}}`,
    aws_labs: `{type: cloudtrail, mode: file, files: ${labs}}`,
    k8s_shop: `{type: k8s_audit, listen: "127.0.0.1:${port}", cluster: shop}`,
    k8s_labs: `{type: k8s_audit, mode: file, start: beginning, cluster: labs, file: ${write('audit.log', `${JSON.stringify(bound('labs', 'bob'))}\n`)}}`,
    vcd: `{type: vcloud, url: "${director.url}", user: auditor, password: {env: VCD_PASSWORD}, poll: 100ms}`,
  };
  const published = write('nodes.jsonl', `${recordJson(onNode)}\n`);
  for (const id of ['nodes', 'all_nodes'])
    sources[id] = `{type: replay, emits: [alert, internal], files: ${published}}`;
  const [activities, entra, aks] = hubs as [EventHub, EventHub, EventHub];
  const resourceId =
    '/SUBSCRIPTIONS/00000000-0000-0000-0000-000000000001/RESOURCEGROUPS/SHOP/PROVIDERS/MICROSOFT.INSIGHTS/X';
  const identity = { claims: { name: 'mallory@shop.example' } };
  activities.publish(0, {
    records: [
      activity('a', {
        operationName: 'MICROSOFT.INSIGHTS/DIAGNOSTICSETTINGS/DELETE',
        resourceId,
        identity,
        time: at(3),
      }),
    ],
  });
  const codes = [50126, 50126, 50126, 0];
  entra.publish(0, { records: codes.map((code, n) => signIn(n, 'carol@shop.example', code)) });
  const log = JSON.stringify(bound('aks', 'carol'));
  aks.publish(0, {
    records: [{ time: at(2), category: 'kube-audit', resourceId: '/X/MANAGEDCLUSTERS/AKS-SHOP', properties: { log } }],
  });
  const made = 'com/vmware/vcloud/event/user/create';
  director.items.push(item(1, begin, { eventType: made, user: { name: 'dora', id: 'urn:vcloud:user:1' } }));

  const program = Program.start(
    [
      ...['run', FILE, '--no-watch', '--state', join(folder, 'state'), '--http', '127.0.0.1:0'],
      ...Object.entries(sources).flatMap(([id, source]) => ['--set', `sources.${id}=${source}`]),
    ],
    {
      env: {
        VCD_PASSWORD: director.password,
        HUB_ACTIVITY: activities.connectionString,
        HUB_ENTRA: entra.connectionString,
        HUB_AKS: aks.connectionString,
      },
    },
  );
  await program.ready();
  const body = JSON.stringify(bound('shop', 'dora'));
  const headers = { 'content-type': 'application/json' };
  const posted = await fetch(`http://127.0.0.1:${port}/k8s-audit`, { method: 'POST', headers, body });
  expect(posted.status).toBe(200);

  const expected = [
    ['AWS trail stopped or deleted', 'Labs (AWS)', 'team-research', undefined],
    ['AWS trail stopped or deleted', 'Shop (AWS)', 'team-shop', 'Mallory Roe'],
    ['Alerts of a node and of a cloud', undefined, undefined, 'Mallory Roe'],
    ['Azure logs no longer sent or kept', 'Shop (Azure)', 'team-shop', 'Mallory Roe'],
    ['K8s administrator role bound', 'Cluster of the labs', 'team-research', undefined],
    ['K8s administrator role bound', 'Cluster of the shop', 'team-platform', undefined],
    ['K8s administrator role bound', 'Cluster of the shop in Azure', 'team-platform', undefined],
    ['Many calls denied', undefined, undefined, undefined],
    ['Much deleted', undefined, undefined, undefined],
    ['Password guessed', undefined, undefined, undefined],
    ['Passwords sprayed', undefined, undefined, undefined],
    ['Shell in a container', undefined, undefined, undefined],
    ['VCD user made or brought in', 'Acme (Cloud Director)', 'team-hosting', undefined],
  ];
  // Beside the collector's own troubles.
  const alerts = ({ json }: Program) => json.filter(({ rule }) => rule !== undefined);
  await program.until((each) => alerts(each).length >= expected.length, 40_000);
  const told = alerts(program).map(({ rule, output_fields: fields }) => {
    const { 'scope.name': scope, 'scope.owner': owner, 'person.name': person } = fields as Record<string, string>;
    return [rule, scope, owner, person];
  });
  expect(told.sort()).toEqual(expected.sort());
  const outputs = alerts(program)
    .map(({ output }) => output)
    .join('\n');
  expect(outputs).toContain('203.0.113.7 failed to sign in as 10 users: user0, user1,');
  expect(outputs).toContain('mallory was denied 20 calls');
  expect(outputs).toContain('bob has deleted 30 things');
  expect(outputs).toContain('carol@shop.example signed in after failures');
  expect(outputs).toMatch(/Critical Mallory Roe: Shell in a container: a shell; A/);
  expect(await program.stop()).toBe(0);
}, 60_000);
