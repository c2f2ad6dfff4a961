/** Options that several verbs take. */

import { InvalidArgumentError, Option } from 'commander';

/** For options that may be repeated. */
export const collect = (value: string, before: string[] = []) => [...before, value];

export const output = () => new Option('-o, --output <form>', 'how to print').choices(['text', 'json']).default('text');

/** For options that name a file or a folder. An empty one, as of a variable that is not set, would mean none, or the working folder. */
export function pathOf(value: string): string {
  if (value !== '') return value;
  throw new InvalidArgumentError('It is empty; is a variable not set?');
}
