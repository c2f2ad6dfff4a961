/** Everything that is generated and committed, so that editors and people find it without a build. */

import { z } from 'zod';
import { recordSchema } from '../src/events/record-json.ts';
import { pipelineSchema } from '../src/pipeline/plan/json-schema.ts';
import { builtIn } from '../src/pipeline/plan/registry.ts';
import { pipelineTestsShape } from '../src/testing/pipeline-tests/schema.ts';
import { ruleTestsShape } from '../src/testing/rule-tests/schema.ts';
import { cliPage } from './reference/cli.ts';
import { componentPage } from './reference/components.ts';
import { fieldsPage } from './reference/fields.ts';
import { notice } from './reference/markdown.ts';
import { metricsPage } from './reference/metrics.ts';
import { rulesPage } from './reference/rules.ts';

/** Texts by path below the root of the repository; the same for the same sources. */
export function generated(): ReadonlyMap<string, string> {
  const registry = builtIn();
  return new Map([
    ['schema/pipeline.schema.json', json(pipelineSchema(registry))],
    ['schema/rule-tests.schema.json', json(testsSchema(ruleTestsShape, 'Tests of rules'))],
    ['schema/pipeline-tests.schema.json', json(testsSchema(pipelineTestsShape, 'Tests of a pipeline'))],
    ['docs/reference/record.schema.json', json(recordSchema)],
    ['docs/reference/sources.md', componentPage('sources', registry)],
    ['docs/reference/operators.md', componentPage('operators', registry)],
    ['docs/reference/sinks.md', componentPage('sinks', registry)],
    ['docs/reference/fields.md', fieldsPage()],
    ['docs/reference/cli.md', cliPage()],
    ['docs/reference/metrics.md', metricsPage()],
    ['docs/reference/rules.md', rulesPage()],
  ]);
}

function testsSchema(shape: z.ZodType, title: string): object {
  return { ...z.toJSONSchema(shape, { io: 'input' }), title };
}

function json(schema: object): string {
  return `${JSON.stringify({ $comment: notice, ...schema }, null, 2)}\n`;
}
