/** The event sources whose events are documents, by their names. */

import { awsCloudtrail } from '../aws/source.ts';
import { azureAudit } from '../azure/source.ts';
import { k8sAudit } from '../k8s/source.ts';
import { vcdAudit } from '../vcd/source.ts';
import { allFields } from './common.ts';
import type { CloudSource } from './table.ts';

export const cloudSources: ReadonlyMap<string, CloudSource> = new Map(
  [awsCloudtrail, k8sAudit, azureAudit, vcdAudit].map((each) => [each.source, { ...each, fields: allFields(each) }]),
);
