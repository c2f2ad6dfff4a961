/**
 * What loading rules takes: `node bench/rules/load.ts`. CPU time of the first load in a process, as at a start, and of
 * later ones, as at a reload, and how long one of those holds the thread at a time; the heap that the loaded rules keep,
 * and with functions bound for every event type.
 */

import { spawnSync } from 'node:child_process';
import { inSlices } from '../../src/core/steps.ts';
import { catalogues } from '../../src/events/catalogue.ts';
import { EventRecord, recordForm } from '../../src/events/record.ts';
import { bindRules, loadRules, loadRulesInSteps, type Rule } from '../../src/rules/index.ts';
import { type RuleFiles, ruleFiles } from './shared/rules.ts';

const [chosen] = process.argv.slice(2);
if (chosen === undefined || globalThis.gc === undefined) {
  // Each in a process of its own: what one leaves behind is not the other's.
  for (const index of ruleFiles().keys()) {
    // As bin/falco-pipe starts it.
    const engine = ['--max-semi-space-size=2', '--invocation-count-for-maglev=4000', '--expose-gc'];
    const flags = [...engine, '--disable-warning=ExperimentalWarning'];
    const { status } = spawnSync(process.execPath, [...flags, import.meta.filename, String(index)], {
      stdio: 'inherit',
    });
    if (status !== 0) process.exitCode = 1;
  }
} else {
  await measure(ruleFiles()[Number(chosen)] as RuleFiles);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Heap in use after all that can be freed is. */
function heap(): number {
  for (let round = 0; round < 4; round++) globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

function timed<T>(run: () => T): { readonly result: T; readonly ms: number } {
  const before = process.cpuUsage();
  const result = run();
  const { user, system } = process.cpuUsage(before);
  return { result, ms: (user + system) / 1000 };
}

function bindAll(rules: readonly Rule[]) {
  const ruleset = bindRules(rules, recordForm, { matching: 'all' });
  for (const type of catalogues.get('syscall')?.eventTypes?.names ?? []) {
    ruleset.judge(
      new EventRecord('syscall', type, 0n, {}),
      () => {},
      () => {},
    );
  }
  return ruleset;
}

/** The longest that loading in slices holds the thread, in ms of its CPU time: the median of some loads. */
async function longestSlice({ files }: RuleFiles): Promise<number> {
  const longest: number[] = [];
  for (let load = 0; load < 9; load++) {
    const delays: number[] = [];
    let last = threadTime();
    let loading = true;
    const tick = () => {
      delays.push(threadTime() - last);
      last = threadTime();
      if (loading) setImmediate(tick);
    };
    setImmediate(tick);
    await inSlices(loadRulesInSteps(files, { catalogues }));
    loading = false;
    longest.push(Math.max(...delays));
  }
  return longest.sort((a, b) => a - b)[4] as number;
}

function threadTime(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

async function measure(ruleSet: RuleFiles): Promise<void> {
  const { name, files } = ruleSet;
  const load = () => loadRules(files, { catalogues }).rules.filter(({ enabled }) => enabled);
  const before = heap();
  const first = timed(load);
  const loaded = heap() - before;
  const bound = timed(() => bindAll(first.result));
  const withFunctions = heap() - before;
  if (!bound.result) throw new Error('nothing is bound');
  const slice = await longestSlice(ruleSet);
  const later = Array.from({ length: 9 }, () => timed(load).ms).sort((a, b) => a - b)[4] as number;
  console.log(
    `${name}: ${first.ms.toFixed(0)} ms the first time, ${later.toFixed(0)} ms later, ` +
      `in slices of at most ${slice.toFixed(0)} ms; ` +
      `functions of every type ${bound.ms.toFixed(0)} ms; ` +
      `heap kept by ${first.result.length} rules ${megabytes(loaded)}, with functions ${megabytes(withFunctions)}`,
  );
}
