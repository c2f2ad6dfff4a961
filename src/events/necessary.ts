/** Necessary conditions, for whoever derives them. */
export type { Clause, Necessary, Outcome, PathProperty, Result } from '../core/necessary.ts';
