import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Tests of the built program and of other kernels last longest, whatever their size: no worker is to end with one alone. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) => Number(/\/test\/(e2e|kernels)\//.test(moduleId));
    return (await super.sort(files)).toSorted((a, b) => isLong(b) - isLong(a));
  }
}

/** Files that look at the process that they run in: its children, its memory, what it has open, how it begins and ends. */
export const ALONE = [
  'test/*.test.ts',
  'test/{deploy,e2e,kernels,native,tools}/**/*.test.ts',
  'test/pipeline/run/rehearse.test.ts',
  'test/sources/ebpf/**/*.test.ts',
  'test/sources/{bad-input,container}.test.ts',
  'test/sources/cloudtrail/queue-trouble.test.ts',
  'test/sources/k8s-audit/line-cutter.test.ts',
];

const common = {
  setupFiles: ['test/setup.ts'],
  // Processes, not threads: tests load native addons and start children of their own.
  pool: 'forks' as const,
  // For what takes six seconds on a machine that does nothing else, at most; `make test-long` tries fifty times as much.
  testTimeout: process.env.FALCO_PIPE_LONG ? 1_800_000 : 60_000,
  hookTimeout: 60_000,
  // On CI's machine, whose load is not ours, a test may fail once; the reporter names it. A counterexample is never tried again.
  retry: process.env.CI ? { count: 1, condition: /^(?!Property failed)/ } : 0,
};

export default defineConfig({
  test: {
    globalSetup: ['test/run.ts'],
    // The last line of a run is the plain one, for people and for CI.
    reporters: ['default', './test/reporter.ts'],
    // One more than the cores that make test is measured with: a quarter of the time tests wait, for services and children.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    projects: [
      { test: { ...common, name: 'alone', include: ALONE } },
      // The others share a few processes. To start one and to load the libraries for each took a tenth of the whole time.
      {
        test: {
          ...common,
          name: 'shared',
          include: ['test/**/*.test.ts'],
          exclude: [...ALONE, '**/node_modules/**'],
          isolate: false,
        },
      },
    ],
  },
});
