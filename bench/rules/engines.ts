/**
 * What rules cost: `node bench/rules/engines.ts`. CPU time an event of judging alone (without finding each event's
 * process, which `bench/events-kernel.ts` measures), by closures, by generated functions, and by those with verdicts kept
 * by path and process; ratios to the closures. The engines take turns, so that a busy machine is busy for all of them. More
 * than a fifth of the opens are of files that were never opened before.
 */

import { kernelForm } from '../../src/events/kernel/form.ts';
import { bindRules, type Engine } from '../../src/rules/index.ts';
import { record } from './shared/recording.ts';
import { type Judge, Replay } from './shared/replay.ts';
import { ruleFiles, rulesOf } from './shared/rules.ts';

const engines: readonly Engine[] = ['closures', 'generated', 'cached'];

const { recording, from } = await record();
const replay = new Replay(recording);
const { events, opens, paths } = replay;
console.log(`${events} events ${from}; ${opens} opens, ${Math.round((100 * paths.length) / opens)} % distinct paths`);

const alerts = new Map<string, number>();
const judges: [key: string, judge: Judge][] = [['nothing', () => {}]];
for (const { name, files } of ruleFiles()) {
  const rules = rulesOf(files);
  for (const engine of engines) {
    const ruleset = bindRules(rules, kernelForm, { matching: 'all', engine });
    const key = `${name}, ${engine}`;
    const hit = () => alerts.set(key, (alerts.get(key) ?? 0) + 1);
    const fail = (_: unknown, error: unknown) => {
      throw error;
    };
    judges.push([key, (event) => ruleset.judge(event, hit, fail)]);
  }
}

const [nothing = 0, ...costs] = replay.measureTogether(judges.map(([, judge]) => judge));
const cost = new Map(judges.slice(1).map(([key], index) => [key, (costs[index] as number) - nothing]));
for (const { name } of ruleFiles()) {
  console.log(`\n${name}`);
  for (const engine of engines) {
    const key = `${name}, ${engine}`;
    const own = cost.get(key) as number;
    const ratio = own / (cost.get(`${name}, closures`) as number);
    console.log(
      `${engine.padEnd(10)} ${own.toFixed(0).padStart(6)} ns an event  ${ratio.toFixed(2)}x  ${alerts.get(key) ?? 0} alerts`,
    );
  }
}
const [few, all] = ruleFiles();
if (few !== undefined && all !== undefined) {
  for (const engine of engines) {
    const growth = (cost.get(`${all.name}, ${engine}`) as number) / (cost.get(`${few.name}, ${engine}`) as number);
    console.log(`${engine}: all rules ${growth.toFixed(2)}x of the stable ones`);
  }
}
