/** Options that several verbs take. */

import { Option } from 'commander';

/** For options that may be repeated. */
export const collect = (value: string, before: string[] = []) => [...before, value];

export const output = () => new Option('-o, --output <form>', 'how to print').choices(['text', 'json']).default('text');
