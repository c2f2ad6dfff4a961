/** Necessary conditions, for whoever derives them. */
export type {
  Clause,
  EndProperty,
  Necessary,
  Outcome,
  PathProperty,
  PathSet,
  Result,
  SocketKind,
} from '../core/flow/necessary.ts';
