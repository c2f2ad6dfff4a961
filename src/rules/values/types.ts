/** Which operators a type of value takes (spec/falco-engine.md §2.4). */

import type { FieldType } from '../../events/field.ts';
import type { Modifier, Operator } from '../language.ts';

export interface TermType {
  readonly type: FieldType;
  readonly list: boolean;
}

type Family = 'number' | 'bool' | 'text' | 'bytes' | 'address' | 'none' | 'any';

const families: Readonly<Record<FieldType, Family>> = {
  CHARBUF: 'text',
  FSPATH: 'text',
  BYTEBUF: 'bytes',
  BOOL: 'bool',
  IPADDR: 'address',
  IPNET: 'address',
  DYNAMIC: 'any',
  DOUBLE: 'number',
  PORT: 'number',
  RELTIME: 'number',
  ABSTIME: 'number',
  INT8: 'number',
  INT16: 'number',
  INT32: 'number',
  INT64: 'number',
  UINT8: 'number',
  UINT16: 'number',
  UINT32: 'number',
  UINT64: 'number',
  PID: 'number',
  FD: 'number',
  ERRNO: 'number',
  FLAGS32: 'number',
  MODE: 'number',
  SIGTYPE: 'number',
  UID: 'none',
  GID: 'none',
};

/** Of what there may be lists in conditions. */
const listTypes: ReadonlySet<FieldType> = new Set<FieldType>([
  'CHARBUF',
  'UINT64',
  'RELTIME',
  'ABSTIME',
  'BOOL',
  'IPADDR',
  'IPNET',
]);

const equality = ['=', '==', '!=', 'in', 'intersects'] as const;
const ordering = ['<', '<=', '>', '>='] as const;

const operators: Readonly<Record<Exclude<Family, 'any'>, ReadonlySet<Operator>>> = {
  number: new Set<Operator>([...equality, ...ordering]),
  bool: new Set<Operator>(equality),
  text: new Set<Operator>([
    ...equality,
    ...ordering,
    'glob',
    'iglob',
    'contains',
    'icontains',
    'startswith',
    'endswith',
    'regex',
    'pmatch',
  ]),
  bytes: new Set<Operator>([...equality, 'contains', 'startswith', 'endswith', 'bcontains', 'bstartswith']),
  address: new Set<Operator>(equality),
  none: new Set<Operator>(),
};

/** How Falco names the values of a family in errors. */
const filters: Readonly<Record<Exclude<Family, 'any' | 'none'>, string>> = {
  number: 'for numeric',
  bool: 'for numeric',
  text: 'for string',
  bytes: 'for buffer',
  address: 'for ip address and network',
};

export function isText(type: FieldType): boolean {
  return families[type] === 'text';
}

export function isNumber(type: FieldType): boolean {
  return families[type] === 'number';
}

/** `CHARBUF`, `CHARBUF (list)`. */
export function typeName({ type, list }: TermType): string {
  return list ? `${type} (list)` : type;
}

/** Why a type does not take an operator, in Falco's words; undefined when it does. */
export function operatorError(type: TermType, operator: Operator, modifier: Modifier | undefined): string | undefined {
  const shown = operator === '==' ? '=' : operator;
  if (type.list) {
    if (!listTypes.has(type.type)) return `filter error: list filters are not supported for type '${type.type}'`;
    return operator === 'in' || operator === 'intersects'
      ? undefined
      : `filter error: '${shown}' operator not supported list filters`;
  }
  const family = families[type.type];
  if (family === 'any') return undefined;
  if (family === 'none') return `filter error: '${shown}' operator not supported for type '${type.type}'`;
  if (family === 'address' && modifier !== undefined && !['=', '==', '!='].includes(operator)) {
    return `filter error: '${shown}' with modifier not supported ${filters.address} filters`;
  }
  return operators[family].has(operator)
    ? undefined
    : `filter error: '${shown}' operator not supported ${filters[family]} filters`;
}

/** The operators that a type takes, for hints. */
export function operatorsOf(type: TermType): readonly string[] {
  if (type.list) return ['in', 'intersects', 'exists'];
  const family = families[type.type];
  return family === 'any' ? [] : [...operators[family], 'exists'].filter((name) => name !== '==');
}
