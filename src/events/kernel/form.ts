/** The kernel view: the form of events in slabs. */

import type { FieldRef, Form } from '../field.ts';
import { lateFields } from './container-fields.ts';
import type { KernelEvent } from './event.ts';
import { exampleOf } from './example.ts';
import { kernelFacets, OPENS } from './facets.ts';
import { makeAddressReader, makeReader } from './field-readers.ts';
import { openPrefilter } from './prefilter.ts';

export { kernelFills, materialise } from './field-readers.ts';

const NUMBERS = /^(?:evt\.(?:is_|dir$|failed$)|fd\.(?:num$|type)|proc\.pid$|user\.(?:uid|loginuid)$|group\.gid$)/;
const COMPOSED = /^(?:evt\.(?:raw)?arg|proc\.(?:a|p[^i]|sname|sid\.|v?pgid\.)|fd\.uid)/;
const NAME = 'proc.name';
const SHORT = /^proc\.(?:name|exe|args|cmdline)/;

/** Numbers in the record cost little, texts some, other processes and what is put together more. */
function costOf({ field: { name } }: FieldRef): number {
  if (NUMBERS.test(name)) return 1;
  if (name === NAME) return 2;
  if (COMPOSED.test(name)) return 8;
  return SHORT.test(name) ? 3 : 5;
}

/** The form of events in slabs. Readers never throw and never read outside of their event. */
export const kernelForm: Form<KernelEvent> = {
  name: 'kernel',
  reader: makeReader,
  addressReader: makeAddressReader,
  numbersFromOne: true,
  cost: costOf,
  common: ['execve', 'openat', 'connect'],
  example: exampleOf,
  facets: kernelFacets,
  prefilter: (eventType, necessary) => (OPENS.has(eventType) ? openPrefilter(eventType, necessary) : undefined),
  late: lateFields,
};
