/** A small document of an event source, and what its fields are. */

import type { CloudSourceName } from '../../../../src/events/cloud/decode.ts';
import type { Origin } from '../../../../src/events/cloud/table.ts';

export interface Sample {
  readonly source: CloudSourceName;
  readonly document: Record<string, unknown>;
  readonly origin?: Origin;
  /** What its fields are. */
  readonly fields: Readonly<Record<string, unknown>>;
}
