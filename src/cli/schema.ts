/** `falco-pipe schema`: JSON Schema of pipeline files, for editors. */

import { PipelineDocument } from '../pipeline/plan/document.ts';
import { pipelineSchema } from '../pipeline/plan/json-schema.ts';
import { loadRegistry } from '../pipeline/plan/load.ts';
import { say } from './say.ts';

/** Prints the schema; with a pipeline it includes the components that the pipeline names. */
export async function schema(path?: string): Promise<void> {
  const registry = await loadRegistry(path === undefined ? undefined : PipelineDocument.load(path));
  say(`${JSON.stringify(pipelineSchema(registry), null, 2)}\n`);
}
