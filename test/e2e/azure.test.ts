/** Collectors that read an event hub, as processes: killed at any moment they lose nothing; replicas divide the partitions. */

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { Blobs, hasAzurite } from '../azure/blobs.ts';
import { EventHub } from '../azure/event-hubs.ts';
import { activity } from '../azure/opened.ts';
import { scratch } from '../scratch.ts';
import { Program, packagesIn, pipeline, repository } from './program.ts';

/** Ids of what was written to a file, in order, also twice. */
function written(path: string): string[] {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  return [...text.matchAll(/"azure\.correlationid":"(\d+)"[^\n]*\n/g)].map(([, id]) => id as string);
}

const range = (count: number) => Array.from({ length: count }, (_, n) => String(n));
const sorted = (ids: Iterable<string>) => [...new Set(ids)].sort((a, b) => Number(a) - Number(b));

let hub: EventHub;
let blobs: Blobs | undefined;
let sent = 0;
beforeAll(async () => {
  hub = await EventHub.start({ partitions: 4 });
  if (hasAzurite) blobs = await Blobs.start();
});
afterAll(async () => {
  await hub.halt();
  await blobs?.stop();
});

function send(count: number): void {
  for (let n = 0; n < count; n++) hub.publish(sent % 4, { records: [activity(sent++)] });
}

const yaml = (more: string) => `sources:
  azure: { type: azure_event_hubs, connection: { env: HUB }, wait: 100ms, batch: 50${more} }
sinks:
  out: { type: file, from: azure, path: out.jsonl, format: json, fields: [azure.correlationid], batch: 10 }
`;

const environment = () => ({ HUB: hub.connectionString, BLOBS: blobs?.connectionString ?? '' });
const starts = (path: string, ...more: string[]) =>
  Program.start(['run', path, '--no-watch', ...more], { env: environment() });

// A connection that is lost while partitions move to others costs the SDK up to half a minute.
async function until(test: () => boolean | Promise<boolean>, programs: readonly Program[]): Promise<void> {
  let holds = await test();
  for (let tries = 0; tries < 9000 && !holds; tries++) {
    await sleep(10);
    holds = await test();
  }
  expect(holds, programs.map(({ stderr }) => stderr).join('\n')).toBe(true);
}

describe('a collector of Azure audit logs', () => {
  it('killed over and over gives every record, and few twice', async () => {
    const folder = scratch();
    const path = pipeline(folder, yaml(''));
    const out = join(folder, 'out.jsonl');
    const state = ['--state', join(folder, 'state')];
    let kills = 0;
    for (; kills < 5; kills++) {
      const before = written(out).length;
      const program = starts(path, ...state);
      send(400);
      await until(() => written(out).length >= before + 100, [program]);
      await program.stop('SIGKILL');
    }
    const last = starts(path, ...state);
    await until(() => new Set(written(out)).size === sent, [last]);
    expect(await last.stop()).toBe(0);
    const ids = written(out);
    expect(sorted(ids)).toEqual(range(sent));
    // What was under way when it died, at most.
    expect(ids.length - sent).toBeLessThanOrEqual(kills * 400);
    // A stop in order leaves nothing to be given again.
    const again = starts(path, ...state);
    send(4);
    await until(() => new Set(written(out)).size === sent, [again]);
    await again.stop();
    expect(written(out)).toHaveLength(ids.length + 4);
  }, 60_000);

  it('keeps what is no event as a dead letter, whole, and goes on', async () => {
    const folder = scratch();
    const path = pipeline(folder, yaml(', start: latest, consumer_group: poison'));
    hub.groups.add('poison');
    const state = ['--state', join(folder, 'state')];
    const out = join(folder, 'out.jsonl');
    const poison = `{"records": [{"time": "${'x'.repeat(5000)}`;
    const program = starts(path, ...state);
    await until(() => hub.readers.every(({ length }) => length === 1), [program]);
    hub.publish(0, poison);
    send(4);
    await until(() => written(out).length === 4 && program.stderr.includes('it is a dead letter'), [program]);
    await program.stop();
    expect(program.stderr).toMatch(/seen 5, delivered 4, filtered 0, dropped 0/);
    const dlq = (...args: string[]) => Program.run(['dlq', ...args, ...state]);
    const [letter] = (await dlq('list', '-o', 'json')).json;
    expect(letter).toMatchObject({ sink: 'source azure', reason: 'bad_body', count: 1 });
    const shown = JSON.parse((await dlq('show', String(letter?.id))).stdout);
    expect(shown.fields['internal.event']).toBe(poison);
    expect((await dlq('retry')).stdout).toBe('no dead letters to deliver\n');
    expect((await dlq('retry', String(letter?.id))).stderr).toContain('is what the source azure rejected');
    expect((await dlq('list', '-o', 'json')).json).toHaveLength(1);
  });

  it('goes on with one hub when it is refused by another, is not ready, and says why', async () => {
    const folder = scratch();
    hub.groups.add('two');
    const path = pipeline(
      folder,
      `sources:
  good: { type: azure_event_hubs, connection: { env: HUB }, consumer_group: two, start: latest, wait: 100ms }
  bad: { type: azure_event_hubs, connection: { env: WRONG }, consumer_group: two }
sinks: { out: { type: file, from: [good, bad], path: out.jsonl, format: json, fields: [azure.correlationid], batch: 10 } }
`,
    );
    const env = { ...environment(), WRONG: hub.connectionString.replace('SharedAccessKey=c', 'SharedAccessKey=d') };
    const program = Program.start(['run', path, '--no-watch'], { env });
    await program.until(({ stderr }) =>
      stderr.includes('source bad has ended, and is not opened again before a reload'),
    );
    await until(() => hub.readers.every(({ length }) => length === 1), [program]);
    send(4);
    await until(() => written(join(folder, 'out.jsonl')).length === 4, [program]);
    const status = await Program.run(['status', path]);
    expect(status.stdout).toMatch(/DEAD +WAITING +LAG +ERRORS\ngood +azure_event_hubs +4 +4 +0 +0 +0 +0 +0\n/);
    expect([status.code, status.stdout]).toEqual([
      1,
      expect.stringMatching(/bad.*the event hub refuses us: InvalidSignature/s),
    ]);
    await program.stop();
  }, 60_000);

  it.skipIf(!hasAzurite)(
    'shares partitions with its like; what one had that was killed the others take over',
    async () => {
      const store = blobs as Blobs;
      const checkpoints = `, consumer_group: shared, checkpoints: { connection: { env: BLOBS }, container: ${store.container}, every: 200ms, expires: 3s }`;
      hub.groups.add('shared');
      const folders = [scratch(), scratch()] as const;
      const outs = folders.map((folder) => join(folder, 'out.jsonl'));
      const programs = folders.map((folder) => starts(pipeline(folder, yaml(checkpoints))));
      // They would still have partitions when it is tried again.
      onTestFinished(() => void programs.map((program) => program.stop('SIGKILL')));
      const all = () => outs.flatMap(written);
      const owners = async () =>
        Object.groupBy(Object.values(await store.of('ownership')), ({ ownerid = '' }) => ownerid);
      await until(
        async () => Object.values(await owners()).filter((group) => group?.length === 2).length === 2,
        programs,
      );
      await until(() => new Set(all()).size === sent, programs);
      send(200);
      await until(() => outs.every((out) => written(out).length > 0) && new Set(all()).size > sent - 100, programs);
      await programs[0]?.stop('SIGKILL');
      send(200);
      await until(() => new Set(all()).size === sent, programs);
      expect(sorted(all())).toEqual(range(sent));
      expect(await programs[1]?.stop()).toBe(0);
      // Its stop has stored all that was delivered, and let go of the partitions.
      const stored = await store.of('checkpoint');
      const ends = hub.partitions.map((entries) => entries.at(-1)?.sequence);
      expect(hub.partitions.map((_, index) => Number(stored[index]?.sequencenumber))).toEqual(ends);
      expect(Object.keys(await owners())).toEqual(['']);
    },
    120_000,
  );
});

it('the pipeline of the guide raises its alert', async () => {
  const examples = join(repository, 'docs/guides/examples');
  const lines = readFileSync(join(examples, 'azure.yaml'), 'utf8').split('\n');
  const shown = lines.filter((line) => !line.startsWith('#')).join('\n');
  expect(readFileSync(join(repository, 'docs/guides/cloud.md'), 'utf8')).toContain(`\`\`\`yaml\n${shown}\`\`\``);
  hub.groups.add('falco-pipe');
  const program = starts(join(examples, 'azure.yaml'));
  hub.publish(0, {
    records: [
      activity('a', { operationName: 'Microsoft.Insights/DiagnosticSettings/Delete', callerIpAddress: '203.0.113.7' }),
    ],
  });
  await program.until(({ stdout }) => stdout.includes('Warning Diagnostic settings deleted'));
  expect(program.stdout).toContain('ip=203.0.113.7');
  await program.stop();
}, 60_000);

describe('the SDKs of Azure', () => {
  /** Which of the SDKs a run of the program has loaded: Node lists every script when it measures coverage. */
  async function loaded(...args: string[]): Promise<string[]> {
    const folder = scratch();
    const { code, stderr } = await Program.run(args, { env: { NODE_V8_COVERAGE: folder, ...environment() } });
    expect(code, stderr).toBe(0);
    const scripts = readdirSync(folder).flatMap(
      (name) => JSON.parse(readFileSync(join(folder, name), 'utf8')).result as { url: string }[],
    );
    const files = new Set(
      scripts.flatMap(({ url }) => (url.startsWith(`file://${repository}/dist/`) ? [new URL(url)] : [])),
    );
    expect(files.size).toBeGreaterThan(0);
    const found = [...files].flatMap((file) => packagesIn(file).filter((name) => name.startsWith('@azure/')));
    return [...new Set(found.map((line) => line.split('/').at(-1) as string))].sort();
  }

  it('are loaded where they are used, and nowhere else', async () => {
    const folder = scratch();
    writeFileSync(join(folder, 'none.jsonl'), '');
    const without = pipeline(
      folder,
      'sources: { past: { type: replay, files: none.jsonl } }\nsinks: { out: { type: stdout, from: past } }\n',
    );
    expect(await loaded('--version')).toEqual([]);
    expect(await loaded('run', without, '--no-watch')).toEqual([]);
    const reads = pipeline(folder, yaml(''), 'reads.yaml');
    expect(await loaded('validate', reads)).toEqual([]);
    const sends = pipeline(
      folder,
      'sources: { past: { type: replay, files: none.jsonl } }\nsinks: { out: { type: azure_event_hubs, from: past, connection: { env: HUB } } }\n',
      'sends.yaml',
    );
    expect(await loaded('run', sends, '--no-watch')).toEqual([]);
    const probed = await loaded('sink', 'test', sends, 'out');
    expect(probed).toContain('event-hubs');
    expect(probed).not.toContain('identity');
    expect(probed).not.toContain('storage-blob');
  }, 60_000);
});
