import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../../', import.meta.url);

/** Whether what nothing refers to any more is gone afterwards, and V8 makes good code of what has run some hundred times since. */
function afterStart(flags: readonly string[]): unknown {
  const text = `
    const { afterStart } = await import(${JSON.stringify(new URL('src/cli/after-start.ts', root))});
    const garbage = new WeakRef({});
    await new Promise((done) => setImmediate(done));
    afterStart();
    const collected = garbage.deref() === undefined;
    function add(a, b) { return a + b; }
    // V8's test/mjsunit/mjsunit.js: bit 4 says Maglev, bit 5 Turbofan.
    const compiled = () => (%GetOptimizationStatus(add) & 0b110000) !== 0;
    for (let time = 0; time < 1500 && !compiled(); time++) {
      add(time, 1);
      await new Promise((done) => setImmediate(done));
    }
    console.log(JSON.stringify({ collected, compiled: compiled() }));`;
  const all = ['--disable-warning=ExperimentalWarning', '--allow-natives-syntax', '--input-type=module', ...flags];
  return JSON.parse(execFileSync(process.execPath, [...all, '-e', text], { timeout: 20_000, encoding: 'utf8' }));
}

test('garbage of the start is collected, and what runs from then on is compiled sooner', () => {
  const launcher = readFileSync(new URL('bin/falco-pipe', root), 'utf8');
  const flags = launcher.match(/--(?:expose-gc|invocation-count-for-maglev=\d+)/g) ?? [];
  expect(flags).toHaveLength(2);
  expect(afterStart(flags)).toEqual({ collected: true, compiled: true });
});
