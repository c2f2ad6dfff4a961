/** The format `ecs`: documents of Elastic Common Schema, one a line. For Elasticsearch itself: `elasticsearch` with `document: ecs`. */

import { z } from 'zod';
import { ecsDocument } from '../shared/ecs.ts';
import { defineFormat, inLines } from './format.ts';

export const ecs = defineFormat({
  type: 'ecs',
  summary: 'Elastic Common Schema, a document a line, for pipelines that end in Elastic.',
  options: z.strictObject({}),
  create: () => inLines((alert) => JSON.stringify(ecsDocument(alert))),
});
