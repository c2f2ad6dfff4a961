/** How many rows become few: without the field that tells most of them apart. */

import { counted } from '../../core/counted.ts';
import type { Row } from './yaml.ts';

/** Whoever has to read more rows than these is told how they become a tenth. */
const MANY = 20;

/** What to leave out where many rows differ in little else than one field, and what is left then; undefined: nothing. */
export function fewerRows(rows: readonly Row[]): string | undefined {
  const groups = [...Map.groupBy(rows, ({ fields }) => fields)].toSorted(([, a], [, b]) => b.length - a.length);
  const [fields, mine] = groups[0] ?? [[], []];
  if (mine.length < MANY || fields.length < 2) return undefined;
  const each = fields.map((field, place) => {
    const others = new Set(mine.map(({ constants }) => JSON.stringify(constants.toSpliced(place, 1))));
    return { field, place, left: others.size };
  });
  const best = each.reduce((a, b) => (b.left < a.left ? b : a));
  if (best.left * 10 > mine.length) return undefined;
  const values = [...new Set(mine.map(({ constants }) => constants[best.place] as string))];
  const by = fields.toSpliced(best.place, 1).join(',');
  const folder = folderOf(values);
  const below = folder === undefined ? '' : `, all below ${folder}`;
  const less = folder === undefined ? '' : `; \`comps\` with startswith for ${best.field} would hide less than that`;
  return `In ${mine.length} rows ${best.field} has ${counted(values.length, 'value')}${below}: --by ${by} makes ${counted(best.left, 'row')} of them, and hides more${less}.`;
}

/** The folder that all of some paths are below, as constants have them; undefined: none, or the root. */
function folderOf(constants: readonly string[]): string | undefined {
  // What the first and the last of them in order share, all do.
  const paths = constants.map((constant) => constant.replace(/^"/, '')).sort();
  const [first = ''] = paths;
  const last = paths.at(-1) ?? '';
  let length = 0;
  while (length < first.length && first[length] === last[length]) length++;
  const folder = first.slice(0, first.slice(0, length).lastIndexOf('/') + 1);
  return folder.startsWith('/') && folder.length > 1 ? folder : undefined;
}
