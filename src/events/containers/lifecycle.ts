/** The event source `container`: what becomes of containers, as their runtimes tell it. */

import type { EventTypes, Field, Value } from '../field.ts';
import { defineFields } from '../field-table.ts';
import { EventRecord } from '../record.ts';
import { containerFields } from '../syscall/container-fields.ts';
import { type Container, ContainerEntry } from './container.ts';
import { containerReader } from './fields.ts';

/** create: it is made; start: it runs; die: its first process has ended; remove: nothing is left of it. */
const lifecycleTypes = ['create', 'start', 'die', 'remove'] as const;
export type LifecycleType = (typeof lifecycleTypes)[number];

const filled = containerFields.filter(({ name }) => containerReader(name, undefined) && name !== 'container.pending');

export const lifecycleFields: readonly Field[] = [
  ...filled,
  ...defineFields('container', [
    ['container.exit_code', 'INT32', 'With what its first process ended; only on `die`, where the runtime tells.'],
  ]),
];

const names: ReadonlySet<string> = new Set(lifecycleTypes);

export const lifecycleEventTypes: EventTypes = { names, codeCount: 0, codes: () => [], syscalls: () => [] };

export interface LifecycleReport {
  readonly id: string;
  /** As far as it is known. */
  readonly container: Container | undefined;
  readonly exitCode?: number | undefined;
}

/** Fields that take an argument are read for those that something wants, by their texts. */
export type WithArguments = readonly { readonly text: string; readonly name: string; readonly arg: string }[];

/** A lifecycle event. `time`: ns since the epoch. */
export function lifecycleEvent(
  type: LifecycleType,
  time: bigint,
  { id, container, exitCode }: LifecycleReport,
  wanted: WithArguments = [],
): EventRecord {
  const entry = new ContainerEntry(id);
  entry.answered(container);
  const fields: Record<string, Value> = {};
  const put = (text: string, value: Value | undefined) => {
    if (value !== undefined) fields[text] = value;
  };
  const plain = filled
    .filter(({ arg }) => arg !== 'required')
    .map(({ name }) => ({ text: name, name, arg: undefined }));
  for (const { text, name, arg } of [...plain, ...wanted]) put(text, containerReader(name, arg)?.(entry, { time }));
  put('container.exit_code', exitCode);
  return new EventRecord('container', type, time, fields);
}
