/**
 * Ends a test run with one plain line: `N passed, N failed`, and `, N skipped` when some were. Before it stand those that
 * skipped themselves, with the reason, and those that passed only when they were tried again, with what failed first.
 */

import type { Reporter, TestModule } from 'vitest/node';

export default class PlainLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const notes: string[] = [];
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) {
      const tests = [...module.children.allTests()];
      for (const test of tests) {
        const result = test.result();
        const { state } = result;
        if (state === 'skipped' && result.note) notes.push(`SKIPPED: ${test.fullName}: ${result.note}\n`);
        if (state === 'passed' && test.diagnostic()?.flaky) {
          const failed = result.errors?.[0]?.message.split('\n', 1)[0];
          notes.push(`PASSED AT THE SECOND TRY: ${module.relativeModuleId}: ${test.fullName}: ${failed}\n`);
        }
        // A run that was broken off leaves tests without a result: they have not passed.
        count[state === 'pending' ? 'failed' : state]++;
      }
      const broken = module.state() === 'failed' && tests.every((test) => test.result().state !== 'failed');
      if (broken) count.failed++; // it could not be loaded, or a hook failed
    }
    if (modules.length === 0) count.failed++;
    const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : '';
    const line = `${count.passed} passed, ${count.failed} failed${skipped}\n`;
    // Other reporters still print; this line is the last whatever they do.
    process.once('exit', () => process.stdout.write(notes.join('') + line));
  }
}
