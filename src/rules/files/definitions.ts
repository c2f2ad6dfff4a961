/** What rules files define: lists, macros, rules and exceptions, as they are after every override. */

import type { ListFeed } from '../lists/list-feed.ts';
import type { Priority } from '../priority.ts';
import type { ComposedText } from '../source.ts';
import type { Context } from '../yaml/issue.ts';
import type { ScalarText } from '../yaml/yaml-item.ts';
import type { PluginRequirement } from './versions.ts';

interface Definition {
  readonly name: string;
  /** Place in the order of definitions; it stays when the item is defined anew. */
  readonly index: number;
  /** When it was last defined or appended to: what it may refer to was defined before. */
  visibility: number;
  readonly context: Context;
}

export interface ListDefinition extends Definition {
  readonly items: readonly ScalarText[];
  /** Where the rest of the items comes from. */
  readonly feed?: ListFeed | undefined;
}

export interface MacroDefinition extends Definition {
  readonly condition: ComposedText;
  readonly conditionContext: Context;
}

/** A scalar or a list of entries, as the parts of an exception may be. */
export type Entry = ScalarText | readonly Entry[];

export interface ExceptionDefinition {
  readonly name: string;
  readonly fields?: Entry | undefined;
  readonly comps?: Entry | undefined;
  readonly values: readonly Entry[];
  readonly context: Context;
}

/** What a rule consists of, apart from its name. */
export interface RuleContent {
  readonly condition: ComposedText;
  readonly conditionContext: Context;
  readonly output: ComposedText;
  readonly outputContext: Context;
  readonly desc: string;
  readonly priority: Priority;
  readonly source: string;
  readonly enabled: boolean;
  readonly capture: boolean;
  /** Milliseconds; 0 means the default. */
  readonly captureDuration: number;
  readonly warnEventTypes: boolean;
  readonly skipIfUnknownFilter: boolean;
  readonly tags: readonly string[];
  readonly exceptions: readonly ExceptionDefinition[];
}

export interface RuleDefinition extends Definition, RuleContent {
  /** No catalogue is loaded for its source: it is not compiled. */
  readonly unknownSource: boolean;
}

/** A change of a rule: some of its content. */
export type RuleUpdate = { -readonly [Key in keyof RuleContent]?: RuleContent[Key] };

export interface Definitions {
  readonly lists: ReadonlyMap<string, ListDefinition>;
  readonly macros: ReadonlyMap<string, MacroDefinition>;
  readonly rules: ReadonlyMap<string, RuleDefinition>;
  readonly requiredEngineVersion?: string | undefined;
  /** Each with its place. */
  readonly requiredPlugins: ReadonlyMap<PluginRequirement, Context>;
}

/** Whether an entry is a list of entries. */
export function isEntryList(entry: Entry | undefined): entry is readonly Entry[] {
  return Array.isArray(entry);
}
