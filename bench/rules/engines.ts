/**
 * What rules cost: `node bench/rules/engines.ts`. CPU time an event of judging alone (without finding each event's
 * process, which `bench/events-kernel.ts` measures), by closures, by generated functions, and by those with verdicts kept
 * by path and process; ratios to the closures. More than a fifth of the opens are of files that were never opened before.
 */

import { kernelForm } from '../../src/events/kernel/form.ts';
import { bindRules, type Engine } from '../../src/rules/index.ts';
import { record } from './shared/recording.ts';
import { Replay } from './shared/replay.ts';
import { ruleFiles, rulesOf } from './shared/rules.ts';

const engines: readonly Engine[] = ['closures', 'generated', 'cached'];

const { recording, from } = await record();
const replay = new Replay(recording);
const { events, opens, paths } = replay;
console.log(`${events} events ${from}; ${opens} opens, ${Math.round((100 * paths) / opens)} % distinct paths`);

const nothing = replay.measure(() => {});
const costs = new Map<Engine, number[]>();
for (const { name, files } of ruleFiles()) {
  console.log(`\n${name}`);
  const rules = rulesOf(files);
  for (const engine of engines) {
    const ruleset = bindRules(rules, kernelForm, { matching: 'all', engine });
    let alerts = 0;
    const time = replay.measure((event) => {
      ruleset.judge(
        event,
        () => alerts++,
        (_, error) => {
          throw error;
        },
      );
    });
    const cost = time - nothing;
    costs.set(engine, [...(costs.get(engine) ?? []), cost]);
    const ratio = cost / (costs.get('closures')?.at(-1) as number);
    console.log(
      `${engine.padEnd(10)} ${cost.toFixed(0).padStart(6)} ns an event  ${ratio.toFixed(2)}x  ${alerts} alerts`,
    );
  }
}
for (const [engine, [few, all]] of costs) {
  if (few !== undefined && all !== undefined)
    console.log(`${engine}: all rules ${(all / few).toFixed(2)}x of the stable ones`);
}
