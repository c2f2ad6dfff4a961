/** The event source `aws_cloudtrail`. */

import { nonEmptyText } from '../cloud/document.ts';
import type { CloudSource } from '../cloud/table.ts';
import { cloudtrailFields } from './fields.ts';
import { pluginInfoOf } from './info.ts';

export const NO_RECORD = 'It is no CloudTrail record: it has neither eventName nor eventType.';

export const awsCloudtrail: CloudSource = {
  source: 'aws_cloudtrail',
  plugin: 'cloudtrail',
  fields: cloudtrailFields,
  // Insights records have no eventName.
  tell(document) {
    const type = nonEmptyText(document.eventName) ?? nonEmptyText(document.eventType);
    if (type === undefined) return NO_RECORD;
    return { times: [document.eventTime], type, id: nonEmptyText(document.eventID) };
  },
  info: pluginInfoOf,
};
