/** The format `ecs`: documents of Elastic Common Schema, one a line. For Elasticsearch itself: `elasticsearch` with `document: ecs`. */

import { z } from 'zod';
import { ecsDocument } from '../shared/ecs.ts';
import { defineFormat } from './format.ts';

export const ecs = defineFormat({
  type: 'ecs',
  summary: 'Elastic Common Schema, a document a line, for pipelines that end in Elastic.',
  options: z.strictObject({}),
  create: () => ({
    most: Number.POSITIVE_INFINITY,
    encode: (alerts) => ({
      path: '/',
      headers: { 'content-type': 'application/x-ndjson' },
      body: alerts.map((alert) => `${JSON.stringify(ecsDocument(alert))}\n`).join(''),
    }),
  }),
});
