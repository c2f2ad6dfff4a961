/** Errors and warnings of rules files: Falco's codes and places, and our diagnostics with true ones. */

import type { Node } from 'yaml';
import type { Diagnostic, Place } from '../../core/errors.ts';
import { placeIn } from '../source.ts';

/** Codes, each with Falco's short text (spec/falco-engine.md §1.10). */
export const issueCodes = {
  LOAD_ERR_FILE_READ: 'File read error',
  LOAD_ERR_YAML_PARSE: 'YAML parse error',
  LOAD_ERR_YAML_VALIDATE: 'Error validating internal structure of YAML file',
  LOAD_ERR_COMPILE_CONDITION: 'Error compiling condition',
  LOAD_ERR_COMPILE_OUTPUT: 'Error compiling output',
  LOAD_ERR_VALIDATE: 'Error validating rule/macro/list/exception objects',
  LOAD_ERR_EXTENSION: 'Error in extension item',
  LOAD_UNKNOWN_SOURCE: 'Unknown event source',
  LOAD_UNSAFE_NA_CHECK: 'Unsafe <NA> comparison in condition',
  LOAD_NO_EVTTYPE: 'Condition has no event-type restriction',
  LOAD_UNKNOWN_FILTER: 'Unknown field or event-type in condition or output',
  LOAD_UNUSED_MACRO: 'Unused macro',
  LOAD_UNUSED_LIST: 'Unused list',
  LOAD_UNKNOWN_ITEM: 'Unknown rules file item',
  LOAD_DEPRECATED_ITEM: 'Used deprecated item',
  LOAD_WARNING_EXTENSION: 'Warning in extension item',
  LOAD_APPEND_NO_VALUES: 'Overriding/appending with no values',
  LOAD_EXCEPTION_NAME_NOT_UNIQUE: 'Multiple exceptions defined with the same name',
  LOAD_INVALID_MACRO_NAME: 'Invalid macro name',
  LOAD_INVALID_LIST_NAME: 'Invalid list name',
  LOAD_COMPILE_CONDITION: 'Warning in rule condition',
  LOAD_UNKNOWN_KEY: 'Unknown key in item definition',
} as const;

export type IssueCode = keyof typeof issueCodes;

/** A step of Falco's way to a place. Lines, columns and offsets count from 0. */
export interface Location {
  readonly itemType: string;
  readonly itemName: string;
  /** The file, or for a place in a condition the beginning of its text. */
  readonly name: string;
  readonly line: number;
  readonly column: number;
  readonly offset: number;
}

export interface SourceFile {
  readonly name: string;
  readonly content: string;
  /** Its absolute path, where the name is not one from here. */
  readonly path?: string | undefined;
}

/** A place in a rules file, with the way there. Lines and columns are worked out only for those who ask. */
export class Context {
  readonly file: SourceFile;
  readonly #parent: Context | undefined;
  readonly #itemType: string;
  readonly #itemName: string;
  /** The part of the file that is meant: offsets. */
  readonly start: number;
  readonly end: number;
  /** The condition and the offset in it that is meant, of a step into the text of one. */
  readonly #inText: readonly [text: string, offset: number] | undefined;

  private constructor(
    file: SourceFile,
    parent: Context | undefined,
    itemType: string,
    itemName: string,
    start: number,
    end: number,
    inText?: readonly [text: string, offset: number],
  ) {
    this.file = file;
    this.#parent = parent;
    this.#itemType = itemType;
    this.#itemName = itemName;
    this.start = start;
    this.end = end;
    this.#inText = inText;
  }

  static ofFile(file: SourceFile): Context {
    return new Context(file, undefined, 'rules content', '', 0, 1);
  }

  /** The place of a node inside this one. A node that is missing is where this is. */
  child(itemType: string, itemName: string, node: Pick<Node, 'range'> | null | undefined): Context {
    const range = node?.range;
    return new Context(this.file, this, itemType, itemName, range?.[0] ?? this.start, range?.[1] ?? this.end);
  }

  /** Where this is in the file. */
  get place(): Place {
    return placeIn(this.file.name, this.file.content, this);
  }

  /** Where a node is in the file; one that is missing is where this is. */
  placeOf(node: Pick<Node, 'range'> | null | undefined): Place {
    const [start, end] = node?.range ?? [this.start, this.end];
    return placeIn(this.file.name, this.file.content, { start, end });
  }

  /** A place in a condition. */
  inText(text: string, start: number): Context {
    return new Context(this.file, this, 'condition expression', '', this.start, this.end, [text, start]);
  }

  /** The same place, its last step called otherwise. */
  renamed(itemType: string, itemName: string): Context {
    return new Context(this.file, this.#parent, itemType, itemName, this.start, this.end, this.#inText);
  }

  get lastName(): string {
    return this.#itemName;
  }

  get locations(): readonly Location[] {
    const { name, content } = this.file;
    const locations = [...(this.#parent?.locations ?? [])];
    const itemType = this.#itemType;
    const itemName = this.#itemName;
    if (this.#inText === undefined) {
      const offset = this.start < this.end ? this.start : nextToken(content, this.start);
      const { line, column } = placeIn(name, content, { start: offset, end: offset });
      return [...locations, { itemType, itemName, name, line: line - 1, column: column - 1, offset }];
    }
    const [text, offset] = this.#inText;
    // To Falco a carriage return ends a line too.
    const { line, column } = placeIn(name, text.replaceAll('\r', '\n'), { start: offset, end: offset });
    // Falco adds the position in the text, which counts from 1, to that of the value.
    const value = locations.at(-1);
    return [
      ...locations,
      {
        itemType,
        itemName,
        name: `"${text.length > 20 ? `${text.slice(0, 17)}...` : text}"`,
        line: (value?.line ?? 0) + line,
        column: (value?.column ?? 0) + column,
        offset: (value?.offset ?? 0) + offset,
      },
    ];
  }
}

/** Where to Falco a value is that is not written. */
function nextToken(content: string, offset: number): number {
  return offset + (/^(?:\s|#.*)*/.exec(content.slice(offset))?.[0].length ?? 0);
}

export interface Issue {
  readonly severity: 'error' | 'warning';
  readonly code: IssueCode;
  /** In Falco's words. */
  readonly message: string;
  readonly context: Context;
  readonly diagnostic: Diagnostic;
}

export interface IssueDetails {
  /** What replaces Falco's message and place in the diagnostic. */
  readonly diagnostic?: Partial<Omit<Diagnostic, 'severity' | 'code'>>;
}

/** Makes an issue; the diagnostic has Falco's message at the place of the context unless the details say otherwise. */
export function makeIssue(
  severity: Issue['severity'],
  code: IssueCode,
  message: string,
  context: Context,
  { diagnostic = {} }: IssueDetails = {},
): Issue {
  return {
    severity,
    code,
    message,
    context,
    diagnostic: { severity, code, message, at: context.place, ...diagnostic },
  };
}

/** Thrown to end the loading of a file. */
export class LoadFailure extends Error {
  readonly issue: Issue;
  /** What else is wrong with the same. */
  readonly others: readonly Issue[];
  constructor(issue: Issue, others: readonly Issue[] = []) {
    super(issue.message);
    this.issue = issue;
    this.others = others;
  }
}

/** Does one of several things that can be wrong each by itself; undefined when it is, which is an error more, or several. */
export function attempt<Result>(errors: Issue[], act: () => Result): Result | undefined {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof LoadFailure)) throw error;
    errors.push(error.issue, ...error.others);
    return undefined;
  }
}

/** Ends the loading of a file, or of what is attempted in it. */
export function failLoad(code: IssueCode, message: string, context: Context, details: IssueDetails = {}): never {
  throw new LoadFailure(makeIssue('error', code, message, context, details));
}
