/** The name of the cluster whose audit events a source gives, where nothing in the events says it. */

import { z } from 'zod';
import type { Origin } from '../../events/cloud/table.ts';

export const clusterKey = z
  .string()
  .min(1)
  .optional()
  .describe('What the cluster is called: `ka.cluster.name` of events without an annotation that says it.');

/** What the way that events came tells of them. */
export function originOf(cluster: string | undefined): Origin | undefined {
  return cluster === undefined ? undefined : { 'ka.cluster.name': cluster };
}
