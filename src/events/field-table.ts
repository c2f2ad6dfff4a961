/** How catalogues write their fields down: one row each. */

import type { Field, FieldType } from './field.ts';

/** What a row may add to name, type and doc. */
export type FieldTraits = Omit<Field, 'name' | 'type' | 'doc' | 'class'>;

export type FieldRow = readonly [name: string, type: FieldType, doc: string, traits?: FieldTraits];

/** Makes the fields of one class. */
export function defineFields(fieldClass: string, rows: readonly FieldRow[]): readonly Field[] {
  return rows.map(([name, type, doc, traits]) => ({ name, type, doc, class: fieldClass, ...traits }));
}

/** Cannot be wrapped in a transformer, nor stand on the right of a comparison. */
export const bare: FieldTraits = { noTransformer: true, noRhs: true };
/** As `bare`, and cannot be printed either: only a condition gives it a meaning. */
export const conditionOnly: FieldTraits = { ...bare, filterOnly: true };
export const deprecated: FieldTraits = { deprecated: true };
export const suggested: FieldTraits = { suggested: true };
export const pad10: FieldTraits = { print: 'pad10' };
