import { defineConfig } from 'vitest/config';

/** What test/setup.test.ts runs: two files in one process. */
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['*.example.ts'],
    setupFiles: ['../setup.ts'],
    pool: 'forks',
    isolate: false,
    maxWorkers: 1,
  },
});
