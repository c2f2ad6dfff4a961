/** Pipeline tests: events into any component, what must leave another; operators are real, and time passes as the test says. */

import { defineTestKind } from '../test-kind.ts';
import { loadPipelineTests, type PipelineTestFile } from './load.ts';
import { runPipelineTests } from './run.ts';

interface PipelineTestSuite {
  readonly count: number;
  readonly reads: PipelineTestFile['reads'];
  readonly file: PipelineTestFile;
}

export const pipelineTests = defineTestKind<PipelineTestSuite>({
  name: 'pipeline tests',
  recognises(value) {
    const { tests, pipeline } = (value ?? {}) as { tests?: unknown; pipeline?: unknown };
    return typeof pipeline === 'string' && tests !== undefined;
  },
  async load(file) {
    const loaded = await loadPipelineTests(file);
    return { count: loaded.tests.length, reads: loaded.reads, file: loaded };
  },
  async run(suites, context) {
    for (const { file } of suites) await runPipelineTests(file, context);
  },
});
