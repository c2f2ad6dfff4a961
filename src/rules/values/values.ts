/** How values print (spec/falco-engine.md §3.1). */

import type { Field, Scalar, Value } from '../../events/field.ts';

export type PrintFormat = NonNullable<Field['print']>;

/** How bytes print. */
export type PrintBytes = (bytes: Uint8Array) => string;

/** The text of a value; lists print as `(a,b)`, a DOUBLE with one decimal. */
export function printValue(value: Value, format?: PrintFormat, double = false, bytes = printBytes): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return `(${value.map((each) => printValue(each, format, double, bytes)).join(',')})`;
  return printScalar(value as Scalar, format, double, bytes);
}

function printScalar(value: Scalar, format: PrintFormat | undefined, double: boolean, bytes: PrintBytes): string {
  if (typeof value === 'number' || typeof value === 'bigint') {
    if (double) return Number(value).toFixed(1);
    return printInteger(value, format);
  }
  return value instanceof Uint8Array ? bytes(value) : String(value);
}

function printInteger(value: number | bigint, format: PrintFormat | undefined): string {
  switch (format) {
    case 'hex':
      return value.toString(16).toUpperCase();
    case 'oct':
      return value.toString(8);
    // Falco's name for it says ten, its format pads to nine: the nanoseconds of a second.
    case 'pad10':
      return String(value).padStart(9, '0');
    default:
      return String(value);
  }
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
  return field.print === undefined || field.print === 'dec' ? value : printInteger(value, field.print);
}
