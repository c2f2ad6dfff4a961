/** What conditions are written with: operators, modifiers, transformers, constants; and parts of their text. */

/** A part of a condition's text: UTF-16 offsets, the end not included. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export const orderingOperators = ['<=', '<', '>=', '>'] as const;
export const textOperators = [
  '==',
  '=',
  '!=',
  'glob',
  'iglob',
  'contains',
  'icontains',
  'bcontains',
  'startswith',
  'bstartswith',
  'endswith',
  'regex',
] as const;
export const listOperators = ['intersects', 'in', 'pmatch'] as const;
export const modifiers = ['oneof', 'anyof', 'allof'] as const;
export const transformerNames = [
  'val',
  'tolower',
  'toupper',
  'b64',
  'basename',
  'len',
  'join',
  'concat',
  'getopt',
] as const;

export type Operator =
  | (typeof orderingOperators)[number]
  | (typeof textOperators)[number]
  | (typeof listOperators)[number];
export type Modifier = (typeof modifiers)[number];
export type TransformerName = (typeof transformerNames)[number];

/** A constant. `bytes` is set when escapes made it something that is not text. */
export interface Literal {
  readonly kind: 'literal';
  readonly text: string;
  readonly bytes?: Uint8Array;
  readonly quoted: boolean;
  readonly span: Span;
}
