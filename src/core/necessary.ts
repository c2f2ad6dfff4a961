/** Necessary conditions: what must hold of an event for anything downstream to want it. A source may use them early. */

/** What a call returned: no error, EINPROGRESS, another error. */
export type Result = 'ok' | 'in_progress' | 'failed';

/** Outcomes of a call, all of which hold together. Absent: whatever it is. */
export interface Outcome {
  readonly results?: ReadonlySet<Result>;
  /** Of opens: whether the file is opened for reading, for writing. */
  readonly reads?: boolean;
  readonly writes?: boolean;
  /** Of calls on sockets: whether it is one of the internet. */
  readonly internet?: boolean;
}

/** A property of a path: how it begins, its last name, or that a name in it begins with a dot. */
export interface PathProperty {
  /** Of the path that the call names, made absolute; or of the canonical one. */
  readonly of: 'text' | 'real';
  readonly kind: 'prefix' | 'name' | 'hidden';
  readonly value: string;
}

/** The outcome is that; where paths are given, the path has one of the properties; where names are, the thread has one. */
export interface Clause extends Outcome {
  readonly paths?: readonly PathProperty[];
  /** Names of threads (`comm`), at most 15 bytes each. */
  readonly comms?: readonly string[];
}

/** One of the clauses holds; none: no event is wanted. */
export type Necessary = readonly Clause[];
