/** Catalogues and events made of the values that a conformance case states. */

import { makeCatalogue } from '../../src/events/catalogue.ts';
import type { Event, Field, FieldRef, FieldType, Form, Value } from '../../src/events/field.ts';

export interface MockField {
  readonly type: string;
  readonly value: unknown;
  readonly list?: boolean;
  readonly arg?: boolean;
  readonly no_rhs?: boolean;
  readonly no_transformer?: boolean;
  readonly fmt?: Field['print'];
}

const types: Readonly<Record<string, FieldType>> = {
  string: 'CHARBUF',
  fspath: 'FSPATH',
  bytes: 'BYTEBUF',
  bool: 'BOOL',
  double: 'DOUBLE',
  port: 'PORT',
  ipaddr: 'IPADDR',
  ipnet: 'IPNET',
  reltime: 'RELTIME',
  abstime: 'ABSTIME',
  int8: 'INT8',
  int16: 'INT16',
  int32: 'INT32',
  int64: 'INT64',
  uint8: 'UINT8',
  uint16: 'UINT16',
  uint32: 'UINT32',
  uint64: 'UINT64',
  pid: 'PID',
  fd: 'FD',
  errno: 'ERRNO',
  uid: 'UID',
  gid: 'GID',
  flags32: 'FLAGS32',
  mode: 'MODE',
  sigtype: 'SIGTYPE',
};

function mockField(name: string, mock: MockField): Field {
  const type = types[mock.type];
  if (type === undefined) throw new Error(`the mock of ${name} has the unknown type ${mock.type}`);
  return {
    name,
    type,
    doc: name,
    class: 'mock',
    ...(mock.list ? { list: true } : {}),
    ...(mock.arg ? { arg: 'optional', argKind: 'key' } : {}),
    ...(mock.no_rhs ? { noRhs: true } : {}),
    ...(mock.no_transformer ? { noTransformer: true } : {}),
    // Mocked fields print as integers unless the case says otherwise.
    print: mock.fmt ?? 'dec',
  };
}

function mockValue(value: unknown): Value | undefined {
  if (value === null || value === undefined) return undefined;
  if (Array.isArray(value)) return value.map(mockValue) as Value;
  if (typeof value === 'object') return Buffer.from((value as { hex: string }).hex, 'hex');
  if (typeof value === 'number' && !Number.isSafeInteger(value) && Number.isInteger(value)) return BigInt(value);
  return value as Value;
}

export function mockCatalogue(mocks: Readonly<Record<string, MockField>>) {
  return makeCatalogue(
    'mock',
    Object.entries(mocks).map(([name, mock]) => mockField(name, mock)),
  );
}

/** An event that holds the values; `form` reads them by the names of their fields. */
export function mockEvent(mocks: Readonly<Record<string, MockField>>): Event {
  const values = new Map(
    Object.entries(mocks).map(([name, { type, value }]) => {
      return [name, type === 'bytes' && typeof value === 'string' ? Buffer.from(value) : mockValue(value)] as const;
    }),
  );
  return { source: 'mock', type: 'mock', time: 0n, get: (name) => values.get(name) };
}

export const mockForm: Form<Event> = {
  name: 'mock',
  reader:
    ({ field }: FieldRef) =>
    (event) =>
      event.get(field.name),
};
