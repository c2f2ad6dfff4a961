/**
 * CloudTrail log files: records/s from compressed files to alerts through the source `cloudtrail` and Falco's rules, against
 * gunzip, JSON.parse and the same rules in one loop (target: 2x); and the memory that one file of 50 MB takes while it
 * is read (target: 60 MB above idle). `--records N` (of each file), `--files N`, `--megabytes N`.
 */

import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { createGzip, gunzipSync, gzipSync } from 'node:zlib';
import { z } from 'zod';
import { defineSink } from '../../src/core/component.ts';
import { createLogger } from '../../src/core/log.ts';
import { catalogues } from '../../src/events/catalogue.ts';
import { decodeDocument } from '../../src/events/cloud/decode.ts';
import { cloudForm } from '../../src/events/cloud/event.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { builtIn } from '../../src/pipeline/plan/registry.ts';
import { Run } from '../../src/pipeline/run/run.ts';
import { bindRules, loadRules } from '../../src/rules/index.ts';
import { scratch } from '../shared/scratch.ts';

const shared = resolve(import.meta.dirname, '../../../shared/data');
const official = join(shared, 'rules/aws_cloudtrail_rules.yaml');
const rules = existsSync(official) ? official : resolve(import.meta.dirname, '../../rules/aws.yaml');
const ROUNDS = 5;

if (process.send) await watched(process.argv[2] as string, process.argv[3] as string);
else await compare();

/** Real records, where they are there; made ones otherwise. */
function models(): Record<string, unknown>[] {
  const folder = join(shared, 'cloud/cloudtrail/invictus');
  if (!existsSync(folder)) {
    const model = { eventVersion: '1.08', eventTime: '2026-03-02T10:15:01Z', eventType: 'AwsApiCall', readOnly: true };
    const userIdentity = { type: 'IAMUser', userName: 'jane', arn: 'arn:aws:iam::111111111111:user/jane' };
    const requestParameters = { filterSet: { items: Array.from({ length: 12 }, (_, n) => ({ name: `tag:${n}` })) } };
    return Array.from({ length: 200 }, (_, n) => ({
      ...model,
      eventName: n === 0 ? 'CreateUser' : `Describe${n}`,
      userIdentity,
      requestParameters,
    }));
  }
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return files.flatMap((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')).Records);
}

/** One log file; each record has an id of its own, or it would be known. */
function json(count: number, from: readonly Record<string, unknown>[]): string {
  const records = Array.from({ length: count }, (_, n) => ({ ...from[n % from.length], eventID: randomUUID() }));
  return JSON.stringify({ Records: records });
}

async function compare(): Promise<void> {
  const number = { type: 'string' } as const;
  const { values } = parseArgs({ options: { records: number, files: number, megabytes: number } });
  const [records, files, megabytes] = [
    Number(values.records ?? 10000),
    Number(values.files ?? 8),
    Number(values.megabytes ?? 50),
  ];
  const from = models();
  const folder = scratch();
  const paths = Array.from({ length: files }, (_, n) => join(folder, `${n}.json.gz`));
  for (const path of paths) writeFileSync(path, gzipSync(json(records, from)));
  const total = records * files;
  console.log(`${total} records in ${files} files, ${(statSync(paths[0] as string).size / 1e6).toFixed(2)} MB each`);
  const ours: Taken[] = [];
  const loop: Taken[] = [];
  // They take turns, so that a busy machine is busy for both.
  for (let round = 0; round <= ROUNDS; round++) {
    const [a, b] = [await measured(() => stream(folder)), await measured(async () => parse(paths))];
    if (a.alerts !== b.alerts) throw new Error(`${a.alerts} alerts, and ${b.alerts} in the loop`);
    if (round === 0) continue; // to warm up
    ours.push(a);
    loop.push(b);
  }
  const [mine, plain] = [best(ours), best(loop)];
  const show = (name: string, { seconds, cpu, alerts }: Taken) =>
    console.log(
      `${name.padEnd(36)} ${Math.round(total / seconds)} records/s, ${((cpu / total) * 1e6).toFixed(1)} us CPU a record, ${alerts} alerts`,
    );
  show('gunzip + JSON.parse + rules', plain);
  show('source cloudtrail + rules', mine);
  console.log(`${(plain.seconds / mine.seconds).toFixed(2)}x (best of ${ROUNDS} each; target 2x)`);
  await memory(folder, megabytes, from);
}

interface Taken {
  readonly seconds: number;
  readonly cpu: number;
  readonly alerts: number;
}

function best(all: readonly Taken[]): Taken {
  return all.toSorted((a, b) => a.seconds - b.seconds)[0] as Taken;
}

async function measured(work: () => Promise<number>): Promise<Taken> {
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  const alerts = await work();
  const { user, system } = process.cpuUsage(cpu);
  return { seconds: (performance.now() - began) / 1000, cpu: (user + system) / 1e6, alerts };
}

/** What a program does that knows no better. */
function parse(paths: readonly string[]): number {
  const loaded = loadRules([{ name: rules, content: readFileSync(rules, 'utf8') }], { catalogues });
  const bound = bindRules(loaded.rules, cloudForm('aws_cloudtrail'), { matching: 'all' });
  const format = new Map(loaded.rules.map((rule) => [rule, rule.output.bind(cloudForm('aws_cloudtrail'))]));
  let alerts = 0;
  for (const path of paths) {
    for (const record of JSON.parse(gunzipSync(readFileSync(path)).toString()).Records) {
      const decoded = decodeDocument('aws_cloudtrail', record, 0n);
      if ('problem' in decoded) throw new Error(decoded.problem);
      const hit = (rule: (typeof loaded.rules)[number]) => {
        format.get(rule)?.text(decoded.event);
        alerts++;
      };
      bound.judge(decoded.event, hit, (_, error) => {
        throw error;
      });
    }
  }
  return alerts;
}

/** The whole pipeline: source, rules, a sink. */
async function stream(files: string): Promise<number> {
  let alerts = 0;
  const registry = builtIn();
  const write = async (events: readonly unknown[]) => {
    alerts += events.length;
  };
  const sink = { type: 'count', summary: 'Counts.', config: z.strictObject({}), examples: [] };
  registry.add(defineSink({ ...sink, open: async () => ({ write, close: async () => {} }) }), 'bench');
  const text = `sources: { aws: { type: cloudtrail, mode: file, files: ${files} } }
operators: { detect: { type: rules, from: aws, files: ${rules} } }
sinks: { out: { type: count, from: detect } }`;
  const plan = planPipeline(PipelineDocument.parse('bench.yaml', text), registry);
  const run = await Run.start(plan, { log: createLogger({ level: 'silent' }), resolve: String });
  await run.over;
  const { dropped } = await run.stop(10_000);
  if (dropped > 0) throw new Error(`${dropped} dropped`);
  return alerts;
}

async function memory(folder: string, megabytes: number, from: readonly Record<string, unknown>[]): Promise<void> {
  const large = join(folder, 'large.json.gz');
  const small = join(folder, 'small.json.gz');
  writeFileSync(small, gzipSync(json(500, from)));
  const zip = createGzip({ level: 1 });
  const file = zip.pipe(createWriteStream(large));
  let count = 0;
  zip.write('{"Records":[');
  while (file.bytesWritten < megabytes * 1e6) {
    const some = json(1000, from).slice('{"Records":['.length, -2);
    if (!zip.write(count === 0 ? some : `,${some}`)) await once(zip, 'drain');
    count += 1000;
  }
  zip.end(']}');
  await once(file, 'close');
  const child = fork(import.meta.filename, [small, large], {
    // As the launcher starts it.
    execArgv: ['--max-semi-space-size=2', '--disable-warning=ExperimentalWarning'],
  });
  const [said] = (await once(child, 'message')) as [{ idle: number; most: number; seconds: number }];
  child.disconnect();
  const mb = (bytes: number) => Math.round(bytes / 1e6);
  console.log(
    `a file of ${mb(statSync(large).size)} MB (${count} records, ${said.seconds.toFixed(1)} s): ${mb(said.idle)} MB idle, at most ${mb(said.most)} MB, ${mb(said.most - said.idle)} MB above (target 60)`,
  );
}

/** In a process of its own: idle is what it has once it has read a small file. */
async function watched(small: string, large: string): Promise<void> {
  await stream(small);
  await new Promise((wake) => setTimeout(wake, 500));
  const idle = process.memoryUsage.rss();
  let most = idle;
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss());
  }, 10);
  const began = performance.now();
  await stream(large);
  clearInterval(watch);
  process.send?.({ idle, most, seconds: (performance.now() - began) / 1000 });
}
