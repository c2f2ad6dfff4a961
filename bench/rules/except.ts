/**
 * What `falco-pipe rules except` takes for a day of alerts: `node bench/rules/except.ts`. CPU time and memory of the whole
 * program for 1,000, 10,000 and 100,000 alerts, beyond those of one alert, by how much the alerts differ, without
 * exceptions in the rules and with the rows that were made before. The time of an alert is given as a ratio to that among
 * a tenth of them: 1.0 is linear, below that a part is paid once.
 */

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/core/package.ts';
import { scratch } from '../shared/scratch.ts';

const folder = scratch();
const rules = join(folder, 'rules.yaml');
writeFileSync(
  rules,
  `- rule: File read
  desc: Some programs read some files.
  condition: evt.type in (open, openat) and fd.name startswith /etc and fd.name != /etc/hosts
  output: o %fd.name %proc.exepath %proc.name %proc.pname %proc.cmdline %user.name %container.id %proc.pid
  priority: NOTICE
`,
);

/** Programs and files of the alert with this number. */
const kinds: Readonly<Record<string, (n: number) => readonly [program: string, file: string]>> = {
  'few programs and files': (n) => [`/usr/bin/p${n % 12}`, `/etc/f${n % 10}`],
  'few programs, other files': (n) => [`/usr/bin/p${n % 12}`, `/etc/f${n}`],
  'all of them differ': (n) => [`/opt/p${n}`, `/etc/f${n}`],
};

function alertsOf(kind: (n: number) => readonly [string, string], count: number): string {
  const lines = Array.from({ length: count }, (_, n) => {
    const [program, file] = kind(n);
    const fields = { 'fd.name': file, 'proc.exepath': program, 'proc.name': 'p', 'proc.pexepath': '/usr/bin/bash' };
    const output_fields = { ...fields, 'proc.pid': n, 'container.id': 'host', 'user.name': 'root' };
    return JSON.stringify({ rule: 'File read', priority: 'Notice', source: 'syscall', output: 'o', output_fields });
  });
  const path = join(folder, 'alerts.jsonl');
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

interface Cost {
  readonly ms: number;
  readonly megabytes: number;
  readonly stdout: string;
}

/** The program says at its end what it took. */
const report = `import { writeSync } from 'node:fs';
process.once('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  writeSync(3, JSON.stringify([(userCPUTime + systemCPUTime) / 1000, maxRSS / 1000]));
});`;

function except(...args: string[]): Cost {
  const run = spawnSync(join(packageRoot, 'bin/falco-pipe'), ['rules', 'except', ...args], {
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(report)}` },
  });
  if (run.status !== 0) throw new Error(run.stderr);
  const [ms, megabytes] = JSON.parse(run.output[3] as string) as [number, number];
  return { ms, megabytes, stdout: run.stdout };
}

/** The cheaper of two: what is beyond that others have caused. */
function best(...args: string[]): Cost {
  const costs = [except(...args), except(...args)];
  return costs.reduce((a, b) => (b.ms < a.ms ? b : a));
}

const start = best(
  alertsOf(() => ['/usr/bin/p', '/etc/f'], 1),
  rules,
);
console.log(`one alert: ${start.ms.toFixed(0)} ms of CPU, ${start.megabytes.toFixed(0)} MB`);
for (const [name, kind] of Object.entries(kinds)) {
  console.log(`\n${name}`);
  const before = new Map<string, number>();
  for (const count of [1000, 10_000, 100_000]) {
    const alerts = alertsOf(kind, count);
    const cost = best(alerts, rules);
    show('no exceptions yet', count, cost);
    if (count > 10_000) continue;
    // All rows, loaded: every alert is looked for among them.
    const made = join(folder, 'made.yaml');
    writeFileSync(made, except(alerts, rules, '--rows', '10000').stdout);
    show('with their rows', count, best(alerts, rules, made));
  }

  function show(what: string, count: number, { ms, megabytes }: Cost): void {
    const each = (1000 * (ms - start.ms)) / count;
    const tenth = before.get(what);
    const ratio = tenth === undefined ? '' : `${(each / tenth).toFixed(2)}x of a tenth of them`;
    before.set(what, each);
    const more = (megabytes - start.megabytes).toFixed(0);
    console.log(
      `${what.padEnd(18)} ${String(count).padStart(6)} alerts: ${each.toFixed(0).padStart(4)} us each, ${more.padStart(4)} MB more  ${ratio}`,
    );
  }
}
