/** What the source `azure_event_hubs` refuses when a pipeline is planned. */

import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/core/errors.ts';
import { PipelineDocument } from '../../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../../src/pipeline/plan/plan.ts';
import { builtIn } from '../../../src/pipeline/plan/registry.ts';

/** What is wrong with a pipeline that has this source, and an operator that keeps state by key below it. */
function wrong(source: string): string[] {
  const yaml = `sources: { hub: { type: azure_event_hubs, emits: [azure_audit], ${source} } }
operators: { burst: { type: throttle, from: hub, key: azure.caller } }
sinks: { out: { type: stdout, from: burst } }`;
  try {
    planPipeline(PipelineDocument.parse('hub.yaml', yaml), builtIn());
    return [];
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.diagnostics.map(({ at, message }) => `${at?.line}:${at?.column} ${message}`);
  }
}

describe('the configuration', () => {
  it('says what does not go together, and where', () => {
    expect(wrong('connection: { env: X }')).toEqual([]);
    expect(wrong('hub: audit')).toEqual(['1:17 It needs `connection`, or `namespace` and `hub`']);
    expect(wrong('namespace: a.example')).toEqual(['1:17 With `namespace` it needs `hub`']);
    expect(wrong('namespace: a.example, connection: { env: X }')).toEqual([
      '1:76 `connection` names the namespace already',
    ]);
    expect(wrong('connection: { env: X }, checkpoints: { container: abc }')).toEqual([
      '1:102 `checkpoints` needs either `connection` or `url`',
      expect.stringMatching(/^2:55 It keeps state by key/),
    ]);
  });

  it('must let a replica be silent for longer than between two looks', () => {
    const checkpoints = 'container: abc, connection: { env: Y }, every: 10s, expires: 5s';
    expect(wrong(`connection: { env: X }, partitioned_by: [azure.caller], checkpoints: { ${checkpoints} }`)).toEqual([
      expect.stringMatching(/^1:\d+ `expires` must be longer than `every`/),
    ]);
  });

  it('lets replicas keep state only by what the partitions are divided by', () => {
    const shared = 'connection: { env: X }, checkpoints: { connection: { env: Y }, container: abc }';
    expect(wrong(shared).join()).toMatch(/^2:\d+ It keeps state by key, but replicas divide the events of hub/);
    expect(wrong(`${shared}, partitioned_by: [azure.caller]`)).toEqual([]);
  });
});
