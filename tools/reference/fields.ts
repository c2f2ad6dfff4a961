/** The reference of fields: a table for each class of each event source. */

import { catalogues } from '../../src/events/catalogue.ts';
import type { Catalogue, Field } from '../../src/events/field.ts';
import { kernelFills } from '../../src/events/kernel/form.ts';
import { code, page, table } from './markdown.ts';

const introduction = `Fields by event source, as conditions, outputs and keys name them. \`[…]\` is an argument, \`[…]?\` one that may be left out, \
\`.…\` the rest of the dotted name. In the tables of \`syscall\`, *kernel* says that the source \`ebpf\` fills the field; a field that \
it does not fill is absent on its events: no comparison with it holds.`;

/** Arguments of which every field that takes one accepts some. */
const SOME_ARGUMENTS = ['1', 'flags', 'open', 'src', 'PATH'];

/** The page of all fields. */
export function fieldsPage(): string {
  const syscall = catalogues.get('syscall');
  const sections = [...catalogues.values()].map((catalogue) => describe(catalogue, syscall));
  return page('Fields', introduction, sections);
}

function describe(catalogue: Catalogue, syscall: Catalogue | undefined): string {
  const { source, fields } = catalogue;
  const isKernel = catalogue === syscall;
  const others = [...catalogues.values()].filter((other) => other !== catalogue);
  const lenders = source === 'alert' ? others : isKernel || !syscall ? [] : [syscall];
  const borrowed = new Set(lenders.flatMap((lender) => lender.fields));
  const own = fields.filter((field) => !borrowed.has(field));
  const tables = [...Map.groupBy(own, (field) => field.class)].map(([name, of]) =>
    [`### ${source}: ${name}`, fieldTable(of, isKernel)].join('\n\n'),
  );
  // An alert has fields of the event that it is about: naming each of them again would say nothing new.
  const rest = source === 'alert' ? ['Besides these an alert has each field that the output of its rule names.'] : [];
  return [`## ${source}`, ...rest, ...tables].join('\n\n');
}

function fieldTable(fields: readonly Field[], isKernel: boolean): string {
  const head = ['field', 'type', ...(isKernel ? ['kernel'] : []), 'what it is'];
  const rows = fields.map((field) => [
    code(shown(field)),
    typeOf(field),
    ...(isKernel ? [filled(field)] : []),
    docOf(field),
  ]);
  return table(head, rows);
}

function shown({ name, arg, argKind, dotted }: Field): string {
  if (arg === undefined) return name;
  const argument = dotted && argKind === undefined ? '.…' : '[…]';
  return `${name}${argument}${arg === 'optional' ? '?' : ''}`;
}

function typeOf({ type, list }: Field): string {
  return list ? `LIST(${type})` : type;
}

function filled(field: Field): string {
  const bare = { text: field.name, field };
  const fills =
    kernelFills(bare) || (field.arg !== undefined && SOME_ARGUMENTS.some((arg) => kernelFills({ ...bare, arg })));
  return fills ? 'yes' : '';
}

function docOf({ doc, deprecated, filterOnly, printOnly }: Field): string {
  const notes = [
    deprecated ? 'Deprecated.' : '',
    filterOnly ? 'In conditions only.' : '',
    printOnly ? 'In outputs only.' : '',
  ];
  return [doc, ...notes].filter((text) => text !== '').join(' ');
}
