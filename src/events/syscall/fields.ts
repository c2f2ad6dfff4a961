/** Every field of the event source `syscall`, in Falco's order of classes. */

import type { Field } from '../field.ts';
import { containerFields } from './container-fields.ts';
import { anyEventFields, pathFields, pollFields, syscallEventFields, utilFields } from './event-fields.ts';
import { fdFields } from './fd-fields.ts';
import { processFields, userFields } from './process-fields.ts';

export const syscallFields: readonly Field[] = [
  ...anyEventFields,
  ...syscallEventFields,
  ...processFields,
  ...userFields,
  ...fdFields,
  ...pathFields,
  ...utilFields,
  ...pollFields,
  ...containerFields,
];
