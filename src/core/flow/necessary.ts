/** Necessary conditions: what must hold of an event for anything downstream to want it. A source may use them early. */

/** What a call returned: no error, EINPROGRESS, another error. */
export type Result = 'ok' | 'in_progress' | 'failed';

/**
 * What a call is about: a socket of TCP, another one of the internet (UDP, ICMP, raw, …), one of the machine; anything else,
 * or nothing.
 */
export type SocketKind = 'tcp' | 'other_ip' | 'unix' | 'other';

/** Outcomes of a call, all of which hold together. Absent: whatever it is. */
export interface Outcome {
  readonly results?: ReadonlySet<Result>;
  /** Of opens: whether the file is opened for reading, for writing. */
  readonly reads?: boolean;
  readonly writes?: boolean;
  /** Of other calls. */
  readonly sockets?: ReadonlySet<SocketKind>;
}

/** Many paths, of which more can be told than how they begin. */
export interface PathSet {
  /**
   * Whether an absolute path in its shortest form may be one of them, or lie below one where that is meant: the bytes from
   * `start` to `end`. It is certain only that it is not.
   */
  mayHave(bytes: Uint8Array, start: number, end: number): boolean;
}

/** A property of a path: how it begins, its last name, or that a name in it begins with a dot. */
export interface PathProperty {
  /** Of the path that the call names, made absolute; or of the canonical one. */
  readonly of: 'text' | 'real';
  readonly kind: 'prefix' | 'name' | 'hidden';
  readonly value: string;
  /** Only of what is derived for this process: a path that begins so is among these as well. */
  readonly among?: PathSet;
}

/**
 * A property of an internet socket that has two ends: where one of them is. `server`, `client`: one of the two, it is not
 * known which.
 */
export interface EndProperty {
  readonly end: 'local' | 'remote' | 'server' | 'client' | 'either';
  readonly of: 'address' | 'port';
  /** Addresses and networks (`10.0.0.0/8`), or ports and ranges of them (`22`, `30000-32767`): it is in one of them. */
  readonly values: readonly string[];
  /** It is in none of them. */
  readonly outside?: true;
}

/**
 * The outcome is that; where paths are given, the path, or that of the unix socket, has one of the properties; where ends
 * are, one of the ends does, or there is no other end; where names are, the thread has one.
 */
export interface Clause extends Outcome {
  readonly paths?: readonly PathProperty[];
  /** None: it has no other end. */
  readonly ends?: readonly EndProperty[];
  /** Names of threads (`comm`), at most 15 bytes each. */
  readonly comms?: readonly string[];
}

/** One of the clauses holds; none: no event is wanted. */
export type Necessary = readonly Clause[];
