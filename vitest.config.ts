import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/run.ts'],
    setupFiles: ['test/setup.ts'],
    // The last line of a run is the plain one, for people and for CI.
    reporters: ['default', './test/reporter.ts'],
    // Processes, not threads: tests load native addons and start children of their own.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
