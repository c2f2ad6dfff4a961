/** Rules, compiled. */

import type { Place } from '../../core/errors.ts';
import type { Condition } from '../condition.ts';
import type { Format } from '../output/format.ts';
import type { Priority } from '../priority.ts';
import type { ComposedText } from '../source.ts';
import type { RuleDefinition } from './definitions.ts';

export interface Rule {
  readonly name: string;
  /** Its event source. */
  readonly source: string;
  readonly priority: Priority;
  /** Sorted. */
  readonly tags: readonly string[];
  /** Whether it takes part: by its file, the selection and the least priority. */
  readonly enabled: boolean;
  /** Whether its file enables it. */
  readonly enabledInFile: boolean;
  readonly desc: string;
  readonly condition: Condition;
  /** The message; `condition.text` and this are with exceptions, lists and appended output in place. */
  readonly output: Format;
  /** Falco's capture of events to a file: whether, and for how many ms (0: the default). */
  readonly capture: boolean;
  readonly captureDuration: number;
  readonly file: string;
  /** Where it is defined, from 1. */
  readonly line: number;
  readonly place: Place;
  /** The text of the condition with exceptions and lists in place, and where its parts came from. */
  readonly composed: ComposedText;
  /** As its files define it. */
  readonly definition: RuleDefinition;
}
