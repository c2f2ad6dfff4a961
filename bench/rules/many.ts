/**
 * What rules cost that do not match: `node bench/rules/many.ts`. CPU time an event of judging with 100, 1,000 and 10,000
 * rules made for it, each for other files and programs; ratios to 100. Also how long they take to load and to be bound.
 */

import { catalogues } from '../../src/events/catalogue.ts';
import { kernelForm } from '../../src/events/kernel/form.ts';
import { bindRules, loadRules } from '../../src/rules/index.ts';
import { record } from './shared/recording.ts';
import { Replay } from './shared/replay.ts';

/** In turn: a file, a directory, a program, what a program is called with, a destination. */
const kinds = [
  (n: number) => `evt.type in (open, openat, openat2) and evt.is_open_write=true and fd.name startswith /srv/data${n}/`,
  (n: number) =>
    `evt.type in (open, openat) and fd.directory in (/opt/app${n}, /opt/app${n}/conf) and not proc.name in (a${n}, b)`,
  (n: number) => `evt.type = openat and proc.name in (tool${n}, helper${n}) and fd.name contains secret${n}`,
  (n: number) => `evt.type in (execve, execveat) and proc.name = tool${n} and proc.cmdline contains "--unsafe-${n}"`,
  (n: number) => `evt.type = connect and fd.sport = ${10_000 + n} and proc.pname = daemon${n}`,
];

function rulesFile(count: number): string {
  return Array.from({ length: count }, (_, n) => {
    const condition = (kinds[n % kinds.length] as (n: number) => string)(n);
    return `- rule: rule ${n}\n  desc: made up\n  condition: ${condition}\n  output: o %proc.name\n  priority: NOTICE\n`;
  }).join('');
}

const { recording, from } = await record();
const replay = new Replay(recording);
console.log(`${replay.events} events ${from}`);
const nothing = replay.measure(() => {});
let least: number | undefined;
for (const count of [100, 1000, 10_000]) {
  const content = rulesFile(count);
  const start = process.cpuUsage();
  const { rules, ok } = loadRules([{ name: 'many.yaml', content }], { catalogues });
  const load = process.cpuUsage(start);
  if (!ok) throw new Error('the rules do not load');
  const ruleset = bindRules(rules, kernelForm, { matching: 'all' });
  let alerts = 0;
  const judge = (event: Parameters<typeof ruleset.judge>[0]) =>
    ruleset.judge(
      event,
      () => alerts++,
      (_, error) => {
        throw error;
      },
    );
  const first = process.cpuUsage();
  replay.play(judge);
  const bind = process.cpuUsage(first);
  const cost = replay.measure(judge) - nothing;
  least ??= cost;
  console.log(
    `${String(count).padStart(6)} rules ${cost.toFixed(0).padStart(6)} ns an event  ${(cost / least).toFixed(2)}x  ` +
      `load ${Math.round(load.user / 1000)} ms, first events ${Math.round(bind.user / 1000)} ms, ${alerts} alerts`,
  );
}
