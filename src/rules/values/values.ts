/** How values print (spec/falco-engine.md §3.1). */

import type { Field, FieldType, Scalar, Value } from '../../events/field.ts';

/** What a value is of, and how that prints. */
export interface Printed {
  readonly type: FieldType;
  readonly print?: Field['print'] | undefined;
}

/** How bytes print. */
export type PrintBytes = (bytes: Uint8Array) => string;

/** The text of a value; lists print as `(a,b)`, a DOUBLE with one decimal. */
export function printValue(value: Value, of?: Printed, bytes = printBytes): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return `(${value.map((each) => printValue(each, of, bytes)).join(',')})`;
  return printScalar(value as Scalar, of, bytes);
}

function printScalar(value: Scalar, of: Printed | undefined, bytes: PrintBytes): string {
  if (typeof value === 'number' || typeof value === 'bigint') {
    if (of?.type === 'DOUBLE') return Number(value).toFixed(1);
    return of === undefined ? String(value) : printInteger(value, of);
  }
  return value instanceof Uint8Array ? bytes(value) : String(value);
}

function printInteger(value: number | bigint, { print, type }: Printed): string {
  switch (print) {
    case 'hex':
      return unsigned(value, type).toString(16).toUpperCase();
    case 'oct':
      return unsigned(value, type).toString(8);
    // Falco's name for it says ten, its format pads to nine: the nanoseconds of a second.
    case 'pad10':
      return value < 0 ? `-${String(-value).padStart(8, '0')}` : String(value).padStart(9, '0');
    default:
      return String(value);
  }
}

const SHORT: ReadonlySet<FieldType> = new Set(['INT8', 'INT16', 'INT32']);

/** The bits of a number: C prints what is short as an int. */
function unsigned(value: number | bigint, type: FieldType): number | bigint {
  return value < 0 ? BigInt.asUintN(SHORT.has(type) ? 32 : 64, BigInt(value)) : value;
}

/** Bytes as text, with a dot for each byte outside printable ASCII. */
function printBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('latin1')
    .replace(/[^ -~]/g, '.');
}

/** Bytes in base64: Falco's `buffer_format_base64`. */
export function base64Bytes({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
}

/**
 * A value as `output_fields` shows it: numbers in a print format are text, bytes are text, lists are arrays. What is
 * absent is null, and so is an empty list (measured).
 */
export function typedValue(value: Value | undefined, field: Field, bytes = printBytes): Value | null {
  if (value === undefined) return null;
  if (field.candidates === 'any' && Array.isArray(value)) return joined(value);
  if (Array.isArray(value)) return value.length === 0 ? null : value.map((each) => typedScalar(each, field, bytes));
  return typedScalar(value as Scalar, field, bytes);
}

/** Values of several processes in one text: ancestors, nearest first (spec/falco-engine.md §6.2). */
export function joined(values: readonly Scalar[]): string {
  return values.map((each) => printValue(each)).join(' ');
}

function typedScalar(value: Scalar, field: Field, bytes: PrintBytes): Scalar {
  if (value instanceof Uint8Array) return bytes(value);
  if (typeof value !== 'number' && typeof value !== 'bigint') return value;
  // A DOUBLE that is declared to print as an integer is one in JSON too (measured).
  if (field.type === 'DOUBLE') return field.print === 'dec' ? Math.trunc(Number(value)) : value;
  return field.print === undefined || field.print === 'dec' ? value : printInteger(value, field);
}
